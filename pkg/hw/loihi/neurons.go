package loihi

import "fmt"

const (
	decayOne = 1 << 12 // a decay of all
	stateMax = 1 << 23 // where the 24 bits of a current end, and one more than a membrane potential can be
	shift    = 6       // activations and thresholds are this many bits above the states' lowest
	maxDecay = 1<<12 - 1
	maxVth   = 1<<17 - 1
	maxBias  = 1<<12 - 1 // of a mantissa; the smallest is -4096
	maxExp   = 7
)

// lif is a population of leaky integrate-and-fire neurons as Lava's bit-accurate model defines them for Loihi.
//
//	u = D(u, DU+1) + (a << 6)          D(x, d) = sign(x) * ((|x| * (4096-d)) >> 12)
//	v = D(v, DV) + u + bias            bias = mantissa << exponent
//	spike when v > Threshold << 6; then v = 0, and u stays
//
// A current beyond 24 bits wraps around, once; a membrane potential stops at the end of its range. An integrate-and-fire
// neuron has DU 4095 and DV 0. One threshold, one pair of decays and one exponent serve the whole population, as Lava has it.
type lif struct {
	Neurons      int
	DU, DV       int32   // 0 to 4095
	Threshold    int32   // 0 to 131071
	BiasMantissa []int32 // [Neurons], -4096 to 4095 each; nil for none
	// BiasExponent is 0 to 7. Lava's model also takes negative ones and shifts right.
	BiasExponent int
}

func (l *lif) check() error {
	switch {
	case l.Neurons < 1:
		return fmt.Errorf("loihi: %d neurons", l.Neurons)
	case l.DU < 0 || l.DU > maxDecay || l.DV < 0 || l.DV > maxDecay:
		return fmt.Errorf("loihi: decays %d and %d, each must be 0 to %d", l.DU, l.DV, maxDecay)
	case l.Threshold < 0 || l.Threshold > maxVth:
		return fmt.Errorf("loihi: threshold %d, must be 0 to %d", l.Threshold, maxVth)
	case l.BiasExponent < -maxExp || l.BiasExponent > maxExp:
		return fmt.Errorf("loihi: bias exponent %d, must be at most %d", l.BiasExponent, maxExp)
	case l.BiasMantissa != nil && len(l.BiasMantissa) != l.Neurons:
		return fmt.Errorf("loihi: %d biases for %d neurons", len(l.BiasMantissa), l.Neurons)
	}
	for _, m := range l.BiasMantissa {
		if m < -maxBias-1 || m > maxBias {
			return fmt.Errorf("loihi: bias mantissa %d, must be %d to %d", m, -maxBias-1, maxBias)
		}
	}
	return nil
}

// bias of a neuron in the membrane potential's unit.
func (l *lif) bias(i int) int32 {
	switch {
	case l.BiasMantissa == nil:
		return 0
	case l.BiasExponent < 0:
		return l.BiasMantissa[i] >> -l.BiasExponent
	}
	return l.BiasMantissa[i] << l.BiasExponent
}

// step takes one step: spikes, u, v and the activations a have one element a neuron. It returns the states that left
// their range. Sums are taken in 32 bits, as Lava takes them.
func (l *lif) step(spikes, u, v, a []int32) (saturated uint64) {
	threshold := l.Threshold << shift
	for i := range spikes {
		wide := int64(decay(u[i], l.DU+1)) + int64(a[i])<<shift
		x := int32(wide)
		if int64(x) != wide {
			saturated++
		}
		switch {
		case x > stateMax:
			x -= 2 * stateMax
			saturated++
		case x <= -stateMax:
			x += 2 * stateMax
			saturated++
		}
		u[i] = x
		y := decay(v[i], l.DV) + x + l.bias(i)
		if y >= stateMax || y <= -stateMax {
			y = max(-stateMax+1, min(y, stateMax-1))
			saturated++
		}
		spikes[i] = 0
		if y > threshold {
			spikes[i], y = 1, 0
		}
		v[i] = y
	}
	return saturated
}

// decay takes x towards zero by d of 4096 parts.
func decay(x, d int32) int32 {
	if x < 0 {
		return int32(-(-int64(x) * (decayOne - int64(d)) >> 12))
	}
	return int32(int64(x) * (decayOne - int64(d)) >> 12)
}

// before undoes n steps in which nothing but the bias came in: the membrane potential from which they lead to v. It
// reports false when there is none, because the neuron would fire on the way or leave its range.
func (l *lif) before(v int32, i, n int) (int32, bool) {
	bias, kept := l.bias(i), int64(decayOne-l.DV)
	for range n {
		if v > l.Threshold<<shift {
			return 0, false
		}
		// The smallest magnitude that decays to what the bias was added to.
		decayed := int64(v - bias)
		magnitude := (max(decayed, -decayed)*decayOne + kept - 1) / kept
		if magnitude >= stateMax {
			return 0, false
		}
		if v = int32(magnitude); decayed < 0 {
			v = -v
		}
	}
	return v, true
}
