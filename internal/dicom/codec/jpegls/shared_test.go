package jpegls

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// film parses one of the real films, which lie in ../shared/data beside a checkout and are never part of it.
func film(t testing.TB, name string) *dicom.File {
	t.Helper()
	path := ""
	folder, err := os.Getwd()
	for err == nil && path == "" && folder != filepath.Dir(folder) {
		folder = filepath.Dir(folder)
		candidate := filepath.Join(folder, "shared", "data", "dicom", "chest", name)
		if _, err := os.Stat(candidate); err == nil {
			path = candidate
		}
	}
	if path == "" {
		t.Skipf("no real films here: ../shared/data/dicom/chest/%s is absent", name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Parse(data, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fragments is the stream of a film: its fragments but for the offset table.
func fragments(t testing.TB, f *dicom.File) []byte {
	t.Helper()
	e := f.Dataset.Get(dicom.PixelData)
	if e == nil || len(e.Fragments) < 2 {
		t.Fatal("no fragments")
	}
	return bytes.Join(e.Fragments[1:], nil)
}

func TestFilmInFragments(t *testing.T) {
	got, err := decode(fragments(t, film(t, "RG1_JLSN.dcm")))
	if err != nil {
		t.Fatal(err)
	}
	native := film(t, "rg1_fromJLSN_explicitLE.dcm").Dataset.Get(dicom.PixelData).Value
	want := make([]uint16, len(native)/2)
	for i := range want {
		want[i] = binary.LittleEndian.Uint16(native[2*i:])
	}
	if len(want) != 1955*1841 || !slices.Equal(got, want) {
		t.Error("other samples than the same film has in explicit little endian")
	}
}
