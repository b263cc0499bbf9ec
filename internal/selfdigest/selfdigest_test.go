package selfdigest

import (
	"strings"
	"testing"
)

func TestAFileIsHeldAgainstItself(t *testing.T) {
	file := func(digest string) string { return "head " + digest + " tail" }
	said := Of([]byte(file(Zeros)))
	sealed := file(said)
	if err := Check(said, []byte(sealed)); err != nil {
		t.Error(err)
	}
	if err := Check(said, []byte(sealed[:72]), []byte(sealed[72:])); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]string{
		"a changed byte": strings.Replace(sealed, "tail", "tall", 1), "more": sealed + " ", "less": sealed[:len(sealed)-1],
		"twice": sealed + said, "nowhere": file(Zeros),
	} {
		if Check(said, []byte(wrong)) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
