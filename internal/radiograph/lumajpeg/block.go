package lumajpeg

// block holds the coefficients of 8 x 8 samples, row by row. All are zero after the
// last, in zigzag order.
type block struct {
	coefficient [64]int16
	last        int
}

// steps are the quantizer steps of a block's coefficients, row by row.
type steps [64]uint16

// brightest is the largest first coefficient of 8-bit samples; half a quantizer step may
// be added to it.
const brightest = 8 * 128

// maxEnergy bounds the sum of a block's squared coefficients for which the assembly is
// made. By Parseval's theorem that of 8-bit samples is at most
// 64 * 128^2 = 2^20, and rounding to quantizer steps at most doubles a coefficient. Seven
// keep the samples between the passes of a transform, scaled by 8 sqrt2, within 16 bits.
// No picture has blocks beyond; they are damage, and decoders differ by how they overflow.
const maxEnergy = 7 << 20

// scale multiplies the coefficients by their quantizer steps, modulo 2^16. It reports
// whether the block is loud: the energy of the whole products is above maxEnergy.
func (b *block) scale(by *steps) (loud bool) {
	energy := int64(0)
	for i, c := range b.coefficient {
		if c != 0 {
			v := int64(c) * int64(by[i])
			energy = min(energy+v*v, 1<<40)
			b.coefficient[i] = int16(v)
		}
	}
	return energy > maxEnergy
}

// transform multiplies the coefficients of a block by their quantizer steps and writes its
// samples to dst, rows stride bytes apart. It reports whether the block is loud.
type transform func(dst []byte, stride int, b *block, by *steps) (loud bool)

// transformBeside is a transform of two blocks, left and right in a row, whose samples go beside each other. It reports false,
// and does nothing, where they may be loud.
type transformBeside func(dst []byte, stride int, left, right *block, by *steps) (ok bool)

// scaled makes a transform of one that takes coefficients that are multiplied.
func scaled(inverse func(dst []byte, stride int, b *block)) transform {
	return func(dst []byte, stride int, b *block, by *steps) bool {
		loud := b.scale(by)
		inverse(dst, stride, b)
		return loud
	}
}

// samples is where the samples of a component's blocks go.
type samples struct {
	pix    []byte
	stride int
	top    int // row of blocks that pix begins with
}
