package jpeg

import "github.com/spikeray/spikeray/internal/dct"

// The inverse cosine transform is dct.Inverse8, columns first, each pass rounded to nearest. Between the passes 2 more bits
// are kept of samples of 8 bits, and 1 of samples of 12. These are the choices of libjpeg's accurate transform, so that the
// samples are the same.
const constBits = dct.ScaleBits

// transform makes samples of coefficients.
type transform struct {
	most                     int // the largest sample
	columnShift, columnRound int
	rowShift, rowRound       int
}

func newTransform(bits int) transform {
	kept := 2
	if bits == 12 {
		kept = 1
	}
	t := transform{most: 1<<bits - 1, columnShift: constBits - kept, rowShift: constBits + kept + 3}
	t.columnRound = 1 << (t.columnShift - 1)
	// Samples are coded around 0, and lie around the middle of their range.
	t.rowRound = 1<<(t.rowShift-1) + 1<<(bits-1)<<t.rowShift
	return t
}

// block writes the samples of a block at x and y of a component, those that lie within its size.
func (t *transform) block(b *block, to target, x, y, width, height int) {
	if x >= width || y >= height {
		return
	}
	wide, high := min(8, width-x), min(8, height-y)
	if b.last == 0 {
		// What both passes make of a mean alone.
		kept := constBits - t.columnShift
		v := t.clamp((int(b.coefficient[0])<<kept<<constBits + t.rowRound) >> t.rowShift)
		for i := range high {
			row := to.samples[(y+i)*to.stride+x*to.step:]
			for j := range wide {
				row[j*to.step] = v
			}
		}
		return
	}
	var work [64]int
	for i := range dct.ColumnsUpTo[b.last&63] {
		c, w := b.coefficient[i&7:][:57], work[i&7:][:57]
		e0, e1, e2, e3, o0, o1, o2, o3 := dct.Inverse8(
			int(c[0]), int(c[8]), int(c[16]), int(c[24]), int(c[32]), int(c[40]), int(c[48]), int(c[56]))
		round, shift := t.columnRound, uint(t.columnShift)&63
		w[0], w[56] = (e0+o0+round)>>shift, (e0-o0+round)>>shift
		w[8], w[48] = (e1+o1+round)>>shift, (e1-o1+round)>>shift
		w[16], w[40] = (e2+o2+round)>>shift, (e2-o2+round)>>shift
		w[24], w[32] = (e3+o3+round)>>shift, (e3-o3+round)>>shift
	}
	for i := range high {
		w := work[8*i:][:8]
		e0, e1, e2, e3, o0, o1, o2, o3 := dct.Inverse8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
		round, shift := t.rowRound, uint(t.rowShift)&63
		samples := [8]uint16{
			t.clamp((e0 + o0 + round) >> shift), t.clamp((e1 + o1 + round) >> shift),
			t.clamp((e2 + o2 + round) >> shift), t.clamp((e3 + o3 + round) >> shift),
			t.clamp((e3 - o3 + round) >> shift), t.clamp((e2 - o2 + round) >> shift),
			t.clamp((e1 - o1 + round) >> shift), t.clamp((e0 - o0 + round) >> shift),
		}
		row := to.samples[(y+i)*to.stride+x*to.step:]
		if to.step == 1 {
			copy(row, samples[:wide])
			continue
		}
		for j, v := range samples[:wide] {
			row[j*to.step] = v
		}
	}
}

func (t *transform) clamp(v int) uint16 { return uint16(max(0, min(v, t.most))) }
