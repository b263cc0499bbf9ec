package evidence

// filling is a picture of what the windows are filled with.
func filling(fill Fill, picture []uint8, width, height int) []uint8 {
	if fill == FillBlur {
		return blur(picture, width, height, max(1, width/16), max(1, height/16))
	}
	sum := 0
	for _, p := range picture {
		sum += int(p)
	}
	out := make([]uint8, len(picture))
	for i := range out {
		out[i] = uint8((sum + len(picture)/2) / len(picture))
	}
	return out
}

// blur takes the mean over 2*rx+1 by 2*ry+1 pixels three times, which is near to a Gaussian (Wells, "Efficient Synthesis of Gaussian
// Filters by Cascaded Uniform Filters", 1986). Beyond the borders, their pixels are repeated.
func blur(picture []uint8, width, height, rx, ry int) []uint8 {
	a, b := make([]float32, len(picture)), make([]float32, len(picture))
	for i, p := range picture {
		a[i] = float32(p)
	}
	for range 3 {
		for y := range height {
			mean(b[y*width:], a[y*width:], width, 1, rx)
		}
		for x := range width {
			mean(a[x:], b[x:], height, width, ry)
		}
	}
	out := make([]uint8, len(picture))
	for i, v := range a {
		out[i] = uint8(min(max(v+0.5, 0), 255))
	}
	return out
}

// mean takes the running mean of n values that lie stride apart.
func mean(to, from []float32, n, stride, radius int) {
	at := func(i int) float64 { return float64(from[min(max(i, 0), n-1)*stride]) }
	sum := 0.0
	for i := -radius; i <= radius; i++ {
		sum += at(i)
	}
	for i := range n {
		to[i*stride] = float32(sum / float64(2*radius+1))
		sum += at(i+radius+1) - at(i-radius)
	}
}
