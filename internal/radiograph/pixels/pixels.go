// Package pixels reuses the memory of grey pictures: a new picture gets the memory of a released one. This memory is most of
// what a server would otherwise leave to the garbage collector.
package pixels

import (
	"image"
	"math/bits"
	"sync"
)

// largest is how many bytes are worth keeping: of larger pictures the collector takes care.
const largest = 16 << 20

// pools are by the power of two that the memory has at least, so that a picture gets less than twice what it needs.
var pools [25]sync.Pool

func class(n int) int { return bits.Len(uint(n)) - 1 }

// get takes memory of the right class from the pool, or makes some. What comes out of the pool and is too small after all is dropped.
func get(n int) []uint8 {
	if n > 0 && n <= largest {
		if pix, _ := pools[class(n)].Get().(*[]uint8); pix != nil && cap(*pix) >= n {
			return (*pix)[:n]
		}
	}
	return make([]uint8, n)
}

func put(pix *[]uint8) {
	if n := cap(*pix); n > 0 && n <= largest {
		pools[class(n)].Put(pix)
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
		put(&p.Pix)
	case *image.Gray16:
		put(&p.Pix)
	}
}
