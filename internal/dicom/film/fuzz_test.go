package film

import (
	"errors"
	"path"
	"testing"
)

// FuzzFilm opens and decodes films made from the goldens. Errors must be this package's, and pictures of the size that was
// announced.
func FuzzFilm(f *testing.F) {
	for name, data := range goldens(f) {
		if path.Ext(name) == ".dcm" && len(data) < 8<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		film, err := Open(data)
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		width, height := film.Size()
		if width*height > 1<<18 || film.Memory() > 64<<20 {
			return
		}
		shown, err := film.Decode(t.Context())
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		if b := shown.Image.Bounds(); b.Dx() != width || b.Dy() != height {
			t.Errorf("%v, announced were %d x %d", b, width, height)
		}
		_ = film.Facts(shown)
	})
}

func mustBeOurs(t *testing.T, err error) {
	t.Helper()
	if e := (*Error)(nil); !errors.As(err, &e) || e.Kind == nil {
		t.Errorf("%T: %v", err, err)
	}
}
