package jpegls

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// golden is a stream of testdata/golden.py, and what CharLS says of it.
type golden struct {
	Name                            string
	Width, Height, Components, Bits int
	SHA256                          string
	stream                          []byte
}

func goldens(t testing.TB) []golden {
	t.Helper()
	list := goldensIn(t, "testdata")
	if len(list) < 57 {
		t.Fatalf("%d goldens", len(list))
	}
	return list
}

func goldensIn(t testing.TB, folder string) []golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].stream, err = os.ReadFile(filepath.Join(folder, list[i].Name+".jls")); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func stream(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".jls"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// decode is the samples of a stream.
func decode(data []byte) ([]uint16, error) {
	h, err := Inspect(data)
	if err != nil {
		return nil, err
	}
	to := make([]uint16, h.Samples())
	return to, Decode(context.Background(), data, to)
}

func TestGoldens(t *testing.T) {
	for _, g := range goldens(t) {
		g.check(t)
	}
}

// TestReal compares a real film with what other decoders find in it, and with the same film that is not compressed.
func TestReal(t *testing.T) {
	syntaxes := []string{dicom.JPEGLSLossless, dicom.JPEGLSNearLossless}
	codectest.CheckReal(t, syntaxes, 1, func(_ *dicom.Dataset, frame []byte) []uint16 {
		samples, err := decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		return samples
	})
}

// TestFilms is TestGoldens for the streams that testdata/films.py makes of real films.
func TestFilms(t *testing.T) {
	folder := os.Getenv("SPIKERAY_JPEGLS_FILMS")
	if folder == "" {
		t.Skip("SPIKERAY_JPEGLS_FILMS names no folder of testdata/films.py")
	}
	list := goldensIn(t, folder)
	if len(list) == 0 {
		t.Fatal("no films")
	}
	for _, g := range list {
		g.check(t)
	}
	t.Logf("%d streams equal", len(list))
}

func (g *golden) check(t *testing.T) {
	t.Helper()
	h, err := Inspect(g.stream)
	if err != nil {
		t.Errorf("%s: %v", g.Name, err)
		return
	}
	want := codec.Header{Width: g.Width, Height: g.Height, Components: g.Components, Bits: g.Bits}
	least, memory, work := h.LeastBytes, h.Memory, h.Work
	h.LeastBytes, h.Memory, h.Work = 0, 0, 0
	if h != want {
		t.Errorf("%s: %+v, want %+v", g.Name, h, want)
	}
	if least <= 0 || least > int64(len(g.stream)) || memory <= 0 || work <= 0 {
		t.Errorf("%s: %d bytes at least, has %d; %d bytes of memory, %d ns", g.Name, least, len(g.stream), memory, work)
	}
	samples, err := decode(g.stream)
	if err != nil {
		t.Errorf("%s: %v", g.Name, err)
		return
	}
	if codectest.Digest(samples) != g.SHA256 {
		t.Errorf("%s: other samples than CharLS decodes", g.Name)
	}
}
