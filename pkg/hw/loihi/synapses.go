package loihi

import "fmt"

// layerSynapses turn the spikes of one step into the activations of the next.
type layerSynapses interface {
	Inputs() int
	Outputs() int
	// activate sets a [Outputs] from the spikes [Inputs], and returns the activations that left their range.
	activate(a, spikes []int32) (saturated uint64)
}

// denseSynapses is Lava's Dense in fixed point. Weights have eight bits, of which one is the sign where both signs occur:
// then they are even. They share one exponent.
type denseSynapses struct {
	in, out  int
	exponent int
	graded   bool
	weights  []int32 // [in][out]
}

// newDenseSynapses converts weights [out][in] to the chip's: it clips them to [-256, 255] if both signs occur and to 255 in magnitude
// otherwise, and clears the bits that weightBits (1 to 8) leave out. The sum of a step is shifted left by the exponent,
// or right by a negative one. Without graded, a spike counts once whatever its value.
func newDenseSynapses(weights []int32, in, out, weightBits, exponent int, graded bool) (*denseSynapses, error) {
	if in < 1 || out < 1 || len(weights)%in != 0 || len(weights)/in != out {
		return nil, fmt.Errorf("loihi: %d weights for %d inputs and %d outputs", len(weights), in, out)
	}
	if weightBits < 1 || weightBits > 8 || exponent < -8 || exponent > 7 {
		return nil, fmt.Errorf("loihi: weights of %d bits with exponent %d, must be 1 to 8 bits and exponent -8 to 7", weightBits, exponent)
	}
	d := &denseSynapses{in: in, out: out, exponent: exponent, graded: graded, weights: make([]int32, len(weights))}
	lowest, highest := weights[0], weights[0]
	for _, w := range weights {
		lowest, highest = min(lowest, w), max(highest, w)
	}
	sign, drop, least := int32(1), 8-weightBits, int32(0)
	switch {
	case lowest >= 0:
	case highest <= 0:
		sign = -1
	default:
		drop++
		least = -256
	}
	for o := range out {
		for i := range in {
			w := max(least, min(sign*weights[o*in+i], 255))
			d.weights[i*out+o] = sign * (w >> drop << drop)
		}
	}
	return d, nil
}

// Inputs is the number of neurons that spikes come from.
func (d *denseSynapses) Inputs() int { return d.in }

// Outputs is the number of neurons that activations go to.
func (d *denseSynapses) Outputs() int { return d.out }

func (d *denseSynapses) activate(a, spikes []int32) uint64 {
	clear(a)
	for i, s := range spikes {
		if s != 0 {
			addSpike(a, d.weights[i*d.out:][:d.out], s, d.graded)
		}
	}
	switch {
	case d.exponent > 0:
		for o := range a {
			a[o] <<= d.exponent
		}
	case d.exponent < 0:
		for o := range a {
			a[o] >>= -d.exponent
		}
	}
	return 0
}

func addSpike(a, weights []int32, s int32, graded bool) {
	weights = weights[:len(a)]
	if !graded || s == 1 {
		for o, w := range weights {
			a[o] += w
		}
		return
	}
	for o, w := range weights {
		a[o] += s * w
	}
}

// convSynapses is Lava's Conv in fixed point. Its maps are [X][Y][C]; Lava calls the axes W and H, and nothing in the
// arithmetic tells them apart, so that rows may stand for X. Activations wrap around at 24 bits. Weights are taken as they
// are, and there is no exponent: Lava ignores it (its issue 803).
type convSynapses struct {
	in, out            [3]int
	kernel, stride, at [2]int // at: padding on each side
	graded             bool
	weights            []int32 // [kernel 0][kernel 1][in C][out C] of the cross-correlation
}

// newConvSynapses lays a convolution over a map in; weights are [out C][kernel 0][kernel 1][in C]. As in Lava it is a true
// convolution: a kernel of Torch, Keras or NIR comes flipped along both axes.
func newConvSynapses(weights []int32, in [3]int, channels int, kernel, stride, padding [2]int, graded bool) (*convSynapses, error) {
	c := &convSynapses{in: in, kernel: kernel, stride: stride, at: padding, graded: graded}
	c.out[2] = channels
	for i := range 2 {
		if min(in[i], in[2], channels, kernel[i], stride[i]) < 1 || padding[i] < 0 || in[i]+2*padding[i] < kernel[i] {
			return nil, fmt.Errorf("loihi: kernel %v, stride %v and padding %v do not fit a map of %v", kernel, stride, padding, in)
		}
		c.out[i] = (in[i]+2*padding[i]-kernel[i])/stride[i] + 1
	}
	if taps := kernel[0] * kernel[1] * in[2]; len(weights)%taps != 0 || len(weights)/taps != channels {
		return nil, fmt.Errorf("loihi: %d weights for %d channels of %d", len(weights), channels, taps)
	}
	c.weights = make([]int32, len(weights))
	from := 0
	for o := range channels {
		for i := kernel[0] - 1; i >= 0; i-- {
			for j := kernel[1] - 1; j >= 0; j-- {
				for k := range in[2] {
					c.weights[((i*kernel[1]+j)*in[2]+k)*channels+o] = weights[from]
					from++
				}
			}
		}
	}
	return c, nil
}

// Inputs is the number of elements of the incoming map.
func (c *convSynapses) Inputs() int { return c.in[0] * c.in[1] * c.in[2] }

// Outputs is the number of elements of the outgoing map.
func (c *convSynapses) Outputs() int { return c.out[0] * c.out[1] * c.out[2] }

func (c *convSynapses) activate(a, spikes []int32) (saturated uint64) {
	clear(a)
	channels := c.out[2]
	for at, s := range spikes {
		if s == 0 {
			continue
		}
		x, y, k := at/(c.in[1]*c.in[2]), at/c.in[2]%c.in[1], at%c.in[2]
		for i := range c.kernel[0] {
			ox, ok := c.lands(0, x, i)
			if !ok {
				continue
			}
			for j := range c.kernel[1] {
				if oy, ok := c.lands(1, y, j); ok {
					weights := c.weights[((i*c.kernel[1]+j)*c.in[2]+k)*channels:][:channels]
					addSpike(a[(ox*c.out[1]+oy)*channels:][:channels], weights, s, c.graded)
				}
			}
		}
	}
	for o, sum := range a {
		if wrapped := sum << 8 >> 8; wrapped != sum {
			a[o] = wrapped
			saturated++
		}
	}
	return saturated
}

// lands gives where along an axis the window lies whose element i covers x.
func (c *convSynapses) lands(axis, x, i int) (int, bool) {
	t := x + c.at[axis] - i
	return t / c.stride[axis], t >= 0 && t%c.stride[axis] == 0 && t/c.stride[axis] < c.out[axis]
}
