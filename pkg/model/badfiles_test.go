package model_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
)

// TestBadFiles: what is accepted and what refused of the files that testdata/bad.py wrote, by a list that Python's reader is
// held to as well.
func TestBadFiles(t *testing.T) {
	folder := filepath.Join("testdata", "bad")
	text, err := os.ReadFile(filepath.Join(folder, "list.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ File, Verdict, Why string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.safetensors"))
	if err != nil || len(files) != len(list) || len(list) == 0 {
		t.Fatalf("%d files, %d in the list: %v", len(files), len(list), err)
	}
	for _, c := range list {
		file, err := os.ReadFile(filepath.Join(folder, c.File))
		if err != nil {
			t.Error(err)
			continue
		}
		_, err = model.Decode(t.Context(), file, model.DecodeOptions{})
		var bad *model.FormatError
		switch {
		case c.Verdict == "accepted" && err != nil:
			t.Errorf("%s (%s): %v", c.File, c.Why, err)
		case c.Verdict == "refused" && !errors.As(err, &bad):
			t.Errorf("%s (%s): %v, expected a FormatError", c.File, c.Why, err)
		case c.Verdict == "refused" && bad.Field == "file_sha256" && !strings.Contains(c.File, "digest"):
			t.Errorf("%s is refused for its digest, not for %q", c.File, c.Why)
		}
	}
}
