// Package dct has what JPEG decoders share of the inverse cosine transform of 8 x 8 samples.
package dct

// Zigzag is where the coefficients of a block go as they come, row times 8 plus column (ITU-T T.81, figure A.6).
var Zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// ColumnsUpTo is how many columns from the left hold a coefficient that is not zero, by the last one in the stream.
var ColumnsUpTo = func() (table [64]int) {
	widest := 0
	for k, place := range Zigzag {
		widest = max(widest, int(place&7))
		table[k] = widest + 1
	}
	return table
}()

// ScaleBits is how many bits Inverse8 raises the scale of values: its constants have so many bits.
const ScaleBits = 13

// Constants of the transform, times 2^13.
const (
	c0298 = 2446  // sqrt2 * (-c1 + c3 + c5 - c7), where ck = cos(k pi/16)
	c0390 = 3196  // sqrt2 * (c3 - c5)
	c0541 = 4433  // sqrt2 * c6
	c0765 = 6270  // sqrt2 * (c2 - c6)
	c0899 = 7373  // sqrt2 * (c3 - c7)
	c1175 = 9633  // sqrt2 * c3
	c1501 = 12299 // sqrt2 * (c1 + c3 - c5 - c7)
	c1847 = 15137 // sqrt2 * (c2 + c6)
	c1961 = 16069 // sqrt2 * (c3 + c5)
	c2053 = 16819 // sqrt2 * (c1 + c3 - c5 + c7)
	c2562 = 20995 // sqrt2 * (c1 + c3)
	c3072 = 25172 // sqrt2 * (c1 + c3 + c5 - c7)
)

// Inverse8 is the inverse transform of 8 values after Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms
// with 11 multiplications", ICASSP 1989, in whole numbers as libjpeg's accurate transform has it. Of the result, the scale is
// raised by 2^ScaleBits and value n is en+on, and value 7-n is en-on. Values of 8-bit samples fit int32.
func Inverse8[T int | int32](s0, s1, s2, s3, s4, s5, s6, s7 T) (e0, e1, e2, e3, o0, o1, o2, o3 T) {
	z := (s2 + s6) * c0541
	t2, t3 := z-s6*c1847, z+s2*c0765
	t0, t1 := (s0+s4)<<ScaleBits, (s0-s4)<<ScaleBits
	e0, e3 = t0+t3, t0-t3
	e1, e2 = t1+t2, t1-t2

	z1, z2 := (s7+s1)*-c0899, (s5+s3)*-c2562
	z3, z4 := s7+s3, s5+s1
	z5 := (z3 + z4) * c1175
	z3, z4 = z5-z3*c1961, z5-z4*c0390
	o3 = s7*c0298 + z1 + z3
	o2 = s5*c2053 + z2 + z4
	o1 = s3*c3072 + z2 + z3
	o0 = s1*c1501 + z1 + z4
	return e0, e1, e2, e3, o0, o1, o2, o3
}
