// Package pixels reuses the memory of grey pictures: a new picture gets the memory of a released one. This memory is most of
// what a server would otherwise leave to the garbage collector.
package pixels

import (
	"image"

	"github.com/spikeray/spikeray/internal/reuse"
)

// largest is how many bytes are worth keeping: of larger pictures the collector takes care.
const largest = 16 << 20

var kept = reuse.NewBytes()

func get(n int) []uint8 {
	if n > largest {
		return make([]uint8, n)
	}
	return kept.Get(n)
}

func put(pix []uint8) {
	if cap(pix) <= largest {
		kept.Put(pix)
	}
}

// Gray is a picture with any content, its bounds from the origin.
func Gray(width, height int) *image.Gray {
	return &image.Gray{Pix: get(width * height), Stride: width, Rect: image.Rect(0, 0, width, height)}
}

// Gray16 is one of 16 bits.
func Gray16(width, height int) *image.Gray16 {
	return &image.Gray16{Pix: get(2 * width * height), Stride: 2 * width, Rect: image.Rect(0, 0, width, height)}
}

// Release gives the memory of an *image.Gray or *image.Gray16 to a later picture. Nobody may use the picture afterwards, nor
// release it again.
func Release(picture image.Image) {
	switch p := picture.(type) {
	case *image.Gray:
		put(p.Pix)
	case *image.Gray16:
		put(p.Pix)
	}
}
