package radiograph

import (
	"errors"
	"image/png"
	"io"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// A picture that takes a byte more than there is is refused before it is decoded.
func TestMemoryIsBoundedToTheByte(t *testing.T) {
	grey := pixels.Gray(testWidth, testHeight)
	ramp(func(x, y int, v uint8) { grey.Pix[y*grey.Stride+x] = v })
	data := encode(t, func(w io.Writer) error { return png.Encode(w, grey) })
	h, err := Inspect(data, Limits{})
	if err != nil || h.Memory < testWidth*testHeight {
		t.Fatalf("%d bytes, %v", h.Memory, err)
	}
	if _, err := Inspect(data, Limits{MaxMemory: h.Memory}); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(data, Limits{MaxMemory: h.Memory - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("with a byte less: %v", err)
	}
}
