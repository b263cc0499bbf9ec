package testnotes

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestHalfALineIsNoneAndIsNotWrittenOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	for _, c := range []struct {
		left string
		want []string
	}{
		{"", nil},
		{"hal", nil},
		{"one\n", []string{"one"}},
		{"one\n\nand two\nhal", []string{"one", "", "and two"}},
	} {
		if err := os.WriteFile(path, []byte(c.left), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.left, got, err)
		}
		n, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Add("new", "newer"); err != nil {
			t.Fatal(err)
		}
		if err := n.file.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || !slices.Equal(got, append(c.want, "new", "newer")) {
			t.Errorf("%q and more: %q, %v", c.left, got, err)
		}
	}
}
