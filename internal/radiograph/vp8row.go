package radiograph

import "image"

// vp8Row makes grey of a row of a lossy WebP picture, over black where there is alpha. It takes the way of libwebp and Pillow,
// step by step, so that the grey is theirs to the bit: chroma is brought to the size of luma with weights of 9, 3, 3 and 1, a
// pixel becomes red, green and blue by ITU-R 601 for luma of 16 to 235, and these become luma of 0 to 255.
func vp8Row(out, alpha []uint8, p *image.YCbCr, y int, s *seen) {
	width, height := p.Rect.Dx(), p.Rect.Dy()
	across, down := (width+1)/2, (height+1)/2
	// The nearest row of chroma, and the next nearest; beyond the edge it is the same.
	near := y / 2
	far := min(max(near-1+2*(y%2), 0), down-1)
	luma8 := p.Y[y*p.YStride:][:width]
	u, v := p.Cb[near*p.CStride:][:across], p.Cr[near*p.CStride:][:across]
	farU, farV := p.Cb[far*p.CStride:][:across], p.Cr[far*p.CStride:][:across]
	for x := range out {
		i := x / 2
		j := i - 1 + 2*(x%2)
		var cb, cr int
		if j < 0 || j >= across {
			cb, cr = (3*int(u[i])+int(farU[i])+2)/4, (3*int(v[i])+int(farV[i])+2)/4
		} else {
			cb, cr = vp8Chroma(u[i], u[j], farU[i], farU[j]), vp8Chroma(v[i], v[j], farV[i], farV[j])
		}
		r, g, b := vp8RGB(int(luma8[x]), cb, cr)
		opacity := uint32(255)
		if alpha != nil {
			opacity = uint32(alpha[x])
		}
		out[x] = s.over(r, g, b, opacity)
	}
}

// vp8Chroma weighs the nearest sample, its neighbours in the row and in the column, and the one across, rounding as libwebp
// does.
func vp8Chroma(nearest, beside, above, across uint8) int {
	a, b, c, d := int(nearest), int(beside), int(above), int(across)
	return (a + (a+b+c+d+8+2*(b+c))>>3) >> 1
}

// vp8RGB is libwebp's conversion in whole numbers: factors of 2^14, of which the products keep 6 bits below the point.
func vp8RGB(y, u, v int) (r, g, b uint32) {
	luma := y * 19077 >> 8
	clip := func(n int) uint32 { return uint32(min(max(n>>6, 0), 255)) }
	return clip(luma + v*26149>>8 - 14234), clip(luma - u*6419>>8 - v*13320>>8 + 8708), clip(luma + u*33050>>8 - 17685)
}
