package film

import (
	"bytes"
	"compress/flate"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// deflatedFilm is a film with a data set that is deflated, and more behind it.
func deflatedFilm(t *testing.T, change func(*dicom.Dataset), more int) []byte {
	t.Helper()
	set, err := opened(t, change).Dataset.Encode(dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.NewBuffer(append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99"...))
	w, err := flate.NewWriter(file, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{set, make([]byte, more)} {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestADeflatedFilmIsInflatedWhenItIsDecoded counts what opening a file that inflates to 64 MiB takes.
func TestADeflatedFilmIsInflatedWhenItIsDecoded(t *testing.T) {
	good, err := Open(deflatedFilm(t, nil, 0))
	if err != nil {
		t.Fatal(err)
	}
	shown, err := good.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digest(shown.Image), digest(mustDecode(t, opened(t, nil)).Image); got != want {
		t.Error("the greys are not those of the same film in another syntax")
	}
	bomb := deflatedFilm(t, nil, 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Open(bomb)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("opening it took %d bytes", took)
	}
	if _, err := f.Decode(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "inflates to more") {
		t.Errorf("%v", err)
	}
	runtime.ReadMemStats(&before)
	if took := before.TotalAlloc - after.TotalAlloc; int64(took) > f.Memory() {
		t.Errorf("decoding it took %d bytes, announced were %d", took, f.Memory())
	}
}

func mustDecode(t *testing.T, f *Film) *Shown {
	t.Helper()
	shown, err := f.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func TestADeflatedFilmThatIsCutShortIsRefused(t *testing.T) {
	data := deflatedFilm(t, func(d *dicom.Dataset) {}, 0)
	f, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	f.deflated = data[:len(data)-20]
	if _, err := f.Decode(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut short: %v", err)
	}
}
