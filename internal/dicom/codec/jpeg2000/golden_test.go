package jpeg2000

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// golden is a line of testdata/golden.txt.
type golden struct {
	name   string
	data   []byte
	header codec.Header
	digest string
}

func goldens(t testing.TB) []golden {
	t.Helper()
	list := goldensOf(t, "testdata")
	if len(list) < 60 {
		t.Fatalf("%d goldens", len(list))
	}
	return list
}

func goldensOf(t testing.TB, folder string) (list []golden) {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, "golden.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var g golden
		var sign string
		h := &g.header
		if _, err := fmt.Sscan(lines.Text(), &g.name, &h.Width, &h.Height, &h.Components, &h.Bits, &sign, &g.digest); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		h.Signed = sign == "s"
		if g.data, err = os.ReadFile(filepath.Join(folder, g.name)); err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

// goldenNamed is the stream of a golden.
func goldenNamed(t testing.TB, name string) []byte {
	t.Helper()
	for _, g := range goldens(t) {
		if strings.TrimSuffix(g.name, filepath.Ext(g.name)) == name {
			return g.data
		}
	}
	t.Fatalf("no golden %q", name)
	return nil
}

// decoded decodes a stream that must be sound.
func decoded(t testing.TB, data []byte) (codec.Header, []uint16) {
	t.Helper()
	h, err := Inspect(data)
	if err != nil {
		t.Fatal(err)
	}
	to := make([]uint16, h.Samples())
	if err := Decode(context.Background(), data, to); err != nil {
		t.Fatal(err)
	}
	return h, to
}

func TestSamplesAreThoseOfOpenJPEG(t *testing.T) {
	compare(t, goldens(t))
}

// TestReal compares real pictures with what other decoders find in them, and their headers with what DICOM says.
func TestReal(t *testing.T) {
	syntaxes := []string{dicom.JPEG2000Lossless, dicom.JPEG2000}
	codectest.CheckReal(t, syntaxes, 2, func(d *dicom.Dataset, frame []byte) []uint16 {
		h, samples := decoded(t, frame)
		for tag, v := range map[dicom.Tag]int{
			dicom.Columns: h.Width, dicom.Rows: h.Height, dicom.SamplesPerPixel: h.Components, dicom.BitsStored: h.Bits,
		} {
			if want, _ := d.Int(tag); v != want {
				t.Errorf("%s is %d, the codestream says %d", tag, want, v)
			}
		}
		if r, _ := d.Int(dicom.PixelRepresentation); h.Signed != (r == 1) {
			t.Errorf("signed: %t, with a pixel representation of %d", h.Signed, r)
		}
		return samples
	})
}

// TestFilms compares the streams of a folder that testdata/films.py made.
func TestFilms(t *testing.T) {
	folder := os.Getenv("SPIKERAY_JPEG2000_FILMS")
	if folder == "" {
		t.Skip("SPIKERAY_JPEG2000_FILMS does not name a folder that testdata/films.py made")
	}
	compare(t, goldensOf(t, folder))
}

func compare(t *testing.T, list []golden) {
	t.Helper()
	for _, g := range list {
		t.Run(g.name, func(t *testing.T) {
			h, samples := decoded(t, g.data)
			if h.LeastBytes < 14 || h.LeastBytes > int64(len(g.data)) || h.Memory < int64(len(samples)) || h.Work <= 0 {
				t.Errorf("%d bytes of at least %d, %d of memory, %d ns", len(g.data), h.LeastBytes, h.Memory, h.Work)
			}
			h.LeastBytes, h.Memory, h.Work = 0, 0, 0
			if h != g.header {
				t.Errorf("header %+v, want %+v", h, g.header)
			}
			if got := codectest.Digest(samples); got != g.digest {
				t.Errorf("digest %s, want %s", got, g.digest)
			}
		})
	}
}
