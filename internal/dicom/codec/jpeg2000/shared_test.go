package jpeg2000

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// shared is a file of the folder of real pictures, which lies beside a checkout or above it and is never part of it.
func shared(t testing.TB, path ...string) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		file := filepath.Join(append([]string{folder, "shared", "data"}, path...)...)
		if _, err := os.Stat(file); err == nil {
			return file
		}
		if folder == filepath.Dir(folder) {
			t.Skipf("no real pictures here: shared/data/%s is absent", filepath.Join(path...))
		}
	}
}

// TestRealFiles compares the frames of DICOM files. The digests are of OpenJPEG's samples, as testdata/films.py writes them.
func TestRealFiles(t *testing.T) {
	for _, file := range []struct {
		name, digest string
		header       codec.Header
	}{
		{"MR1_J2KR.dcm", "2541a628cb676972b37008a4fe6b5cce3df9866df62a77086bdffbe422064632",
			codec.Header{Width: 512, Height: 512, Components: 1, Bits: 16, Signed: true}},
		{"VL1_J2KI.dcm", "9bb6e565b6e6c61bb458b32e84b823260e321ddfaa740d8c02f6309fe5998a94",
			codec.Header{Width: 756, Height: 486, Components: 3, Bits: 8}},
	} {
		t.Run(file.name, func(t *testing.T) {
			data, err := os.ReadFile(shared(t, "dicom", "other", file.name))
			if err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Parse(data, dicom.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			e := f.Dataset.Get(dicom.PixelData)
			if e == nil || len(e.Fragments) < 2 {
				t.Fatal("no fragments")
			}
			h, samples := decoded(t, bytes.Join(e.Fragments[1:], nil))
			h.LeastBytes, h.Memory, h.Work = 0, 0, 0
			if h != file.header {
				t.Errorf("header %+v, want %+v", h, file.header)
			}
			if got := digest(samples); got != file.digest {
				t.Errorf("digest %s, want %s", got, file.digest)
			}
		})
	}
}
