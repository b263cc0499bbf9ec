package radiograph

import (
	"encoding/binary"
	"fmt"
	"image"
	"math/bits"
	"math/rand/v2"
)

// vp8lWriter writes bits, the lowest first.
type vp8lWriter struct {
	out  []byte
	held uint64
	have int
}

func (w *vp8lWriter) bits(v, n int) {
	w.held |= uint64(v) << w.have
	for w.have += n; w.have >= 8; w.have -= 8 {
		w.out = append(w.out, byte(w.held))
		w.held >>= 8
	}
}

// only writes a code of one symbol, which takes no bits.
func (w *vp8lWriter) only(symbol int) {
	w.bits(1, 1) // simple
	w.bits(0, 1) // one symbol
	w.bits(1, 1) // of 8 bits
	w.bits(symbol, 8)
}

// bytes writes a code in which each of 256 symbols is its own eight bits, the highest first, and the rest have none.
func (w *vp8lWriter) bytes(alphabet int) {
	w.bits(0, 1)
	w.bits(12-4, 4)
	for _, length := range []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8} { // the order of the lengths of lengths
		if length == 0 || length == 8 {
			w.bits(1, 3)
		} else {
			w.bits(0, 3)
		}
	}
	w.bits(0, 1) // all lengths follow
	for symbol := range alphabet {
		if symbol < 256 {
			w.bits(1, 1)
		} else {
			w.bits(0, 1)
		}
	}
}

// legalWebP writes a lossless WebP without references or a cache, with or without red and blue taken relative to green.
func legalWebP(r *rand.Rand, p *image.Gray) ([]byte, string) {
	relative, extended, orientation := r.IntN(2) == 0, r.IntN(2) == 0, uint16(0)
	if extended && r.IntN(2) == 0 {
		orientation = uint16(1 + r.IntN(8))
		p = storedFor(p, orientation)
	}
	w := &vp8lWriter{out: []byte{0x2f}}
	w.bits(p.Rect.Dx()-1, 14)
	w.bits(p.Rect.Dy()-1, 14)
	w.bits(r.IntN(2), 1) // alpha is used, or is said to be
	w.bits(0, 3)
	if relative {
		w.bits(1, 1)
		w.bits(2, 2)
	}
	w.bits(0, 3) // no further transform, no cache, one group of codes
	w.bytes(280)
	for range 2 {
		if relative {
			w.only(0)
		} else {
			w.bytes(256)
		}
	}
	w.only(255)
	w.only(0)
	for _, v := range p.Pix {
		n := int(bits.Reverse8(v))
		if w.bits(n, 8); !relative {
			w.bits(n, 8)
			w.bits(n, 8)
		}
	}
	w.bits(0, 7)

	var chunks []byte
	add := func(name string, body []byte) {
		chunks = append(binary.LittleEndian.AppendUint32(append(chunks, name...), uint32(len(body))), body...)
		if len(body)%2 != 0 {
			chunks = append(chunks, 0)
		}
	}
	if extended {
		head := make([]byte, 10)
		binary.LittleEndian.PutUint32(head[4:], uint32(p.Rect.Dx()-1))
		head[7], head[8], head[9] = byte(p.Rect.Dy()-1), 0, 0
		if orientation > 0 {
			head[0] = 8
		}
		add("VP8X", head)
	}
	add("VP8L", w.out)
	if orientation > 0 {
		add("EXIF", orientationTIFF(binary.LittleEndian, orientation))
	}
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(chunks)))
	return append(append(file, "WEBP"...), chunks...), fmt.Sprintf("relative %v, extended %v, orientation %d", relative, extended, orientation)
}
