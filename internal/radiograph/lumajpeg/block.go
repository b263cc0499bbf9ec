package lumajpeg

// block holds the coefficients of 8 x 8 samples, multiplied by their quantizer
// steps, row by row. All are zero from the last one set on, in zigzag order.
type block struct {
	coefficient [64]int16
	last        int
	loud        bool // its energy is above maxEnergy
}

// brightest is the largest first coefficient of 8-bit samples; half a quantizer step may
// be added to it.
const brightest = 8 * 128

// maxEnergy bounds the sum of a block's squared coefficients for which the fast
// transforms are made. By Parseval's theorem that of 8-bit samples is at most
// 64 * 128^2 = 2^20, and rounding to quantizer steps at most doubles a coefficient. Seven
// keep the samples between the passes of a transform, scaled by 8 sqrt2, within 16 bits.
// No picture has blocks beyond; they are damage, and decoders differ by how they overflow.
const maxEnergy = 7 << 20

func (b *block) energy() (sum int64) {
	for _, c := range b.coefficient {
		sum += int64(c) * int64(c)
	}
	return sum
}

// transform writes the samples of a block to dst, rows stride bytes apart.
type transform func(dst []byte, stride int, b *block)

// samples is where the samples of a component's blocks go.
type samples struct {
	pix    []byte
	stride int
	top    int // row of blocks that pix begins with
}
