package radiograph

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/testcontext"
)

// A decoder may come to its end just as the context does, and one that was stopped may call the file damaged: it is the
// context's end all the same.
func TestWhatEndsWhileDecodingIsTheContexts(t *testing.T) {
	good := image.NewGray(image.Rect(0, 0, 32, 32))
	for i := range good.Pix {
		good.Pix[i] = uint8(i)
	}
	for name, err := range map[string]error{"whole": nil, "damaged": ErrNotPicture} {
		ctx, cancel := context.WithCancel(t.Context())
		h := Header{codec: &codec{decode: func(within context.Context, _ []byte, _ header) (decoded, error) {
			cancel()
			if within.Err() == nil {
				t.Errorf("%s: the decoder has another context", name)
			}
			return decoded{grey: good}, err
		}}}
		if _, err := h.Decode(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Wherever its context ends, decoding ends with that, in every format and never as if the file were damaged.
func TestDecodingStopsWhereverItsContextEnds(t *testing.T) {
	deep := image.NewGray16(image.Rect(0, 0, 90, 90))
	for y := range 90 {
		for x := range 90 {
			deep.SetGray16(x, y, color.Gray16{Y: uint16(x*701 + y*13)})
		}
	}
	files := map[string][]byte{"deep.png": encode(t, func(w io.Writer) error { return png.Encode(w, deep) })}
	for _, name := range []string{"grey.jpg", "grey_progressive.jpg", "lossless.webp", "alpha.webp"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	limits := Limits{TIFF: true, WebP: true}
	for name, data := range files {
		all := testcontext.EndsAfter(1 << 30)
		if _, err := Decode(all, data, limits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all.Seen() < 3 { // before, while and after
			t.Errorf("%s: looked %d times", name, all.Seen())
		}
		seen := all.Seen()
		for i := 0; i < seen; i += max(1, (seen-i)/8) { // the last ones all, the first now and then
			if _, err := Decode(testcontext.EndsAfter(i), data, limits); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: ended after %d looks of %d: %v", name, i, seen, err)
			}
		}
	}
}
