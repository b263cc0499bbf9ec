package dimse

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// films are real DICOM files, which lie in a folder beside a checkout or above it and are never part of it.
func films(t testing.TB) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		list, err := filepath.Glob(filepath.Join(dir, "shared", "data", "dicom", "*", "*.dcm"))
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			return list
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("no real films here: shared/data/dicom is absent")
	return nil
}

func TestRealFilmsArriveAsTheyWere(t *testing.T) {
	var got taken
	s := &Server{Store: got.store}
	var classes []string
	for _, path := range films(t) {
		if f := parsed(t, path); strings.HasPrefix(f.Dataset.String(dicom.SOPClassUID), storageRoot) {
			classes = append(classes, f.Dataset.String(dicom.SOPClassUID))
		}
	}
	s.StorageClasses = classes
	peer := started(t, s)
	for _, path := range films(t) {
		sent := parsed(t, path)
		got.forget()
		if err := Store(context.Background(), peer, sent); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		data, err := got.all()[0].File()
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		if diff := same(sent.Dataset, f.Dataset); diff != "" {
			t.Errorf("%s: %s", filepath.Base(path), diff)
		}
	}
}
