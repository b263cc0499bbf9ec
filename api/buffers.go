package api

import (
	"math/bits"
	"sync"
)

// Buffers of up to large bytes have a power of two of them, and those of ended uploads are used again: they are most of what
// an upload that is refused would leave to the garbage collector.
const (
	small = 32 << 10
	large = 1 << 20
)

var spare [6]sync.Pool // of *[]byte, from small to large

// bufferSize is how many bytes the buffer for n of them has.
func bufferSize(n int64) int64 {
	if n > large {
		return n
	}
	return small << classOf(n)
}

func classOf(n int64) int { return bits.Len64(uint64(max(n, small)-1) / small) }

// newBuffer is an empty buffer for at least n bytes, with bufferSize(n) of them.
func newBuffer(n int64) []byte {
	if n <= large {
		if old, _ := spare[classOf(n)].Get().(*[]byte); old != nil {
			return (*old)[:0]
		}
	}
	return make([]byte, 0, bufferSize(n))
}

// spareBuffer lets a later upload have a buffer of newBuffer, which nobody may use afterwards.
func spareBuffer(b []byte) {
	if n := int64(cap(b)); n <= large {
		spare[classOf(n)].Put(&b)
	}
}
