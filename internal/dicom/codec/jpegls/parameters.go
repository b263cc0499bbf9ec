package jpegls

import "math/bits"

// presets are the coding parameters of an LSE segment; 0 means the default, T.87, C.2.4.1.1.
type presets struct {
	maxval, t1, t2, t3, reset int
}

// coding is what decoding a scan goes by, named as in T.87.
type coding struct {
	near       int
	step       int // between sample values that errors can tell: 2 NEAR + 1
	maxval     int // MAXVAL, the largest sample
	span       int // RANGE, the number of different errors
	qbpp       int // bits of an error
	limit      int // LIMIT, the most bits of a sample's code
	t1, t2, t3 int // thresholds of gradients
	reset      int // RESET: counts are halved when there are as many
}

// coding is the coding parameters for samples of so many bits, coded to within near.
func (p presets) coding(precision, near int) (coding, error) {
	most := 1<<precision - 1
	c := coding{near: near, step: 2*near + 1, maxval: orDefault(p.maxval, most)}
	if c.maxval > most {
		return c, damaged("a largest sample of %d, with samples of %d bits", c.maxval, precision)
	}
	if near > min(255, c.maxval/2) {
		return c, damaged("NEAR is %d, for samples up to %d", near, c.maxval)
	}
	d1, d2, d3 := thresholds(c.maxval, near)
	c.t1, c.t2, c.t3 = orDefault(p.t1, d1), orDefault(p.t2, d2), orDefault(p.t3, d3)
	if c.t1 <= near || c.t2 < c.t1 || c.t3 < c.t2 || c.t3 > c.maxval {
		return c, damaged("thresholds %d, %d, %d, want them to rise from %d to at most %d", c.t1, c.t2, c.t3, near+1, c.maxval)
	}
	c.reset = orDefault(p.reset, 64)
	if c.reset < 3 || c.reset > max(255, c.maxval) {
		return c, damaged("RESET is %d, want 3 to %d", c.reset, max(255, c.maxval))
	}
	// T.87, A.2.1.
	c.span = (c.maxval+2*near)/c.step + 1
	c.qbpp = bits.Len(uint(c.span - 1))
	bpp := max(2, bits.Len(uint(c.maxval)))
	c.limit = 2 * (bpp + max(8, bpp))
	return c, nil
}

func orDefault(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

// thresholds are the default thresholds, T.87, C.2.4.1.1.1. They stay those of 12 bits for samples of more.
func thresholds(maxval, near int) (t1, t2, t3 int) {
	clamp := func(t, low int) int {
		if t > maxval || t < low {
			return low
		}
		return t
	}
	if maxval >= 128 {
		factor := (min(maxval, 4095) + 128) >> 8
		t1 = clamp(factor*(3-2)+2+3*near, near+1)
		t2 = clamp(factor*(7-3)+3+5*near, t1)
		t3 = clamp(factor*(21-4)+4+7*near, t2)
		return t1, t2, t3
	}
	factor := 256 / (maxval + 1)
	t1 = clamp(max(2, 3/factor+3*near), near+1)
	t2 = clamp(max(3, 7/factor+5*near), t1)
	t3 = clamp(max(4, 21/factor+7*near), t2)
	return t1, t2, t3
}

// quantize is the region that a gradient is in, -4 to 4, T.87, A.3.3.
func (c *coding) quantize(gradient int) int8 {
	sign := int8(1)
	if gradient < 0 {
		gradient, sign = -gradient, -1
	}
	switch {
	case gradient <= c.near:
		return 0
	case gradient < c.t1:
		return sign
	case gradient < c.t2:
		return 2 * sign
	case gradient < c.t3:
		return 3 * sign
	}
	return 4 * sign
}
