package rle

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// plane is where the bytes of a segment go: one byte of every step-th sample.
type plane struct {
	to    []uint16
	step  int
	shift uint
	keep  uint16 // the bits of a sample that hold a byte already
}

// runsPerLook is how many runs are decoded between two looks at the context.
const runsPerLook = 1 << 14

// decode unpacks a segment. Runs may go on over the ends of rows, though PS3.5, G.3.1 forbids it: encoders do so, and every
// decoder reads it.
func (p *plane) decode(ctx context.Context, segment []byte) error {
	to, step, shift, keep := p.to, p.step, p.shift, p.keep
	at, look := 0, 0
	for at < len(to) {
		if look--; look < 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			look = runsPerLook
		}
		if len(segment) < 2 {
			return fmt.Errorf("%w: it ends after %d of %d bytes", codec.ErrDamaged, at/step, (len(to)+step-1)/step)
		}
		n := int(int8(segment[0]))
		if n == noOperation {
			segment = segment[1:]
			continue
		}
		if n >= 0 {
			n++
			if n > len(segment)-1 {
				return fmt.Errorf("%w: it ends within a run", codec.ErrDamaged)
			}
			run := segment[1 : 1+n]
			segment = segment[1+n:]
			for len(run) > 0 && at < len(to) {
				to[at] = to[at]&keep | uint16(run[0])<<shift
				run = run[1:]
				at += step
			}
			n = len(run)
		} else {
			n = 1 - n
			value := uint16(segment[1]) << shift
			segment = segment[2:]
			for ; n > 0 && at < len(to); n-- {
				to[at] = to[at]&keep | value
				at += step
			}
		}
		if n > 1 {
			return fmt.Errorf("%w: the last run is %d bytes too long", codec.ErrDamaged, n)
		}
	}
	return padding(segment)
}

// padding checks what follows the last byte that is needed. Encoders that make planes even add one byte, as the last of a
// run or as a run of its own, which is two bytes. Those that make segments even add what has no meaning: zeros, or the code
// that does nothing.
func padding(rest []byte) error {
	for i, b := range rest {
		if i > 1 && b != 0 && b != 0x80 {
			return fmt.Errorf("%w: %d bytes follow the plane's last", codec.ErrDamaged, len(rest))
		}
	}
	return nil
}
