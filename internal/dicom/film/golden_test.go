package film

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"image"
	"io"
	"os"
	"path"
	"strings"
	"testing"
)

// goldens are the files of testdata/films.tar.gz, which films.py makes.
func goldens(t testing.TB) map[string][]byte {
	t.Helper()
	file, err := os.Open("testdata/films.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(unpacked); ; {
		entry, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[entry.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

// coding is how far from the reference's decoder ours may be, of 65535, in a film whose coding leaves it open: a level of the
// samples, in their window.
var coding = map[string]int{"jpeg-extended-12-bit": 44, "jpeg-baseline": 257}

func TestGreysArePydicoms(t *testing.T) {
	files := goldens(t)
	n := 0
	for name, data := range files {
		if path.Ext(name) != ".dcm" {
			continue
		}
		name = strings.TrimSuffix(name, ".dcm")
		n++
		t.Run(name, func(t *testing.T) {
			f, err := Open(data)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := f.Decode(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			compare(t, shown.Image, files[name+".grey"], coding[name])
			t.Log(shown.Window, shown.Warnings)
		})
	}
	if n < 50 {
		t.Errorf("%d films", n)
	}
}

// compare holds a picture against greys of 16 bits.
func compare(t *testing.T, picture image.Image, want []byte, tolerance int) {
	t.Helper()
	b := picture.Bounds()
	if 2*b.Dx()*b.Dy() != len(want) {
		t.Fatalf("%v, want %d bytes", b, len(want))
	}
	worst, differ := 0, 0
	for i := range len(want) / 2 {
		v, _, _, _ := picture.At(i%b.Dx(), i/b.Dx()).RGBA()
		if d := int(v) - int(binary.BigEndian.Uint16(want[2*i:])); d != 0 {
			differ++
			worst = max(worst, d, -d)
		}
	}
	if worst > tolerance {
		t.Errorf("%d of %d pixels differ, by up to %d of 65535", differ, len(want)/2, worst)
	}
}
