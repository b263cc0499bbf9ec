// Package pixels has the memory of pictures in grey, which the next picture gets when one was released: it is most of what a
// server would otherwise leave to the garbage collector.
package pixels

import (
	"image"
	"sync"
)

var pool sync.Pool

func get(n int) []uint8 {
	pix, _ := pool.Get().(*[]uint8)
	if pix == nil || cap(*pix) < n {
		return make([]uint8, n)
	}
	return (*pix)[:n]
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
		pool.Put(&p.Pix)
	case *image.Gray16:
		pool.Put(&p.Pix)
	}
}
