package kernel

import (
	"errors"
	"strings"
	"testing"
)

func TestTiersAreNamed(t *testing.T) {
	names := Available()
	if names[0] != Preferred().Name() || names[len(names)-1] != Generic().Name() {
		t.Errorf("%v do not go from %s to %s", names, Preferred().Name(), Generic().Name())
	}
	for _, name := range names {
		if tier, err := Named(name); err != nil || tier.Name() != name {
			t.Errorf("%s: %v, %v", name, tier, err)
		}
	}
	if tier, err := Named(""); err != nil || tier != Preferred() {
		t.Errorf("no name: %v, %v", tier, err)
	}
	if _, err := Named("abacus"); !errors.Is(err, ErrTier) || !strings.HasSuffix(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("error %v, want ErrTier with %v", err, names)
	}
}
