package kernel

// MaxCount is the most spikes that a neuron emits in a step.
const MaxCount = 255

// SpikingReLU takes one step of the spiking activation for every neuron (SpikingActivation of KerasSpiking without its
// averaging): v += max(x, 0)*dt; n = floor(v); v -= n. What goes beyond MaxCount stays in v for the next step.
// It returns the spikes emitted and the neurons held back by MaxCount.
func (t Tier) SpikingReLU(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	return t.spikingReLU(counts[:len(x)], v[:len(x)], x, dt)
}

func spikingReLUGeneric(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	for i, current := range x {
		if !(current > 0) {
			current = 0
		}
		u := v[i] + float32(current*dt)
		var n uint8
		switch {
		case u >= MaxCount+1:
			n = MaxCount
			clipped++
		case u >= 1:
			n = uint8(u)
		}
		v[i] = u - float32(n)
		counts[i] = n
		spikes += uint64(n)
	}
	return spikes, clipped
}

// LIF is a leaky integrate-and-fire neuron, v = Decay*v + x, which fires when v >= Threshold; then v loses Threshold,
// or becomes zero with ResetToZero. Decay 1 is the integrate-and-fire neuron.
type LIF struct {
	Decay, Threshold float32
	ResetToZero      bool
}

// LIF takes one step for every neuron and returns the spikes emitted.
func (t Tier) LIF(p LIF, counts []uint8, v, x []float32) (spikes uint64) {
	return t.lif(p, counts[:len(x)], v[:len(x)], x)
}

func lifGeneric(p LIF, counts []uint8, v, x []float32) (spikes uint64) {
	for i, current := range x {
		u := float32(p.Decay*v[i]) + current
		counts[i] = 0
		if u >= p.Threshold {
			counts[i] = 1
			spikes++
			if p.ResetToZero {
				u = 0
			} else {
				u -= p.Threshold
			}
		}
		v[i] = u
	}
	return spikes
}

// Graded is an integrate-and-fire neuron of graded spikes: v = Decay*v + x; n = min(Most, floor(v)), none below 0; v -= n.
// Decay 1 is the neuron without a leak. What goes beyond Most stays in v for the next step. With Most 1 it is a LIF of
// Threshold 1.
type Graded struct {
	Decay float32
	Most  uint8
}

// Graded takes one step for every neuron and returns the sum of their counts. A neuron whose v is not a number is silent.
func (t Tier) Graded(p Graded, counts []uint8, v, x []float32) (spikes uint64) {
	return t.graded(p, counts[:len(x)], v[:len(x)], x)
}

func gradedGeneric(p Graded, counts []uint8, v, x []float32) (spikes uint64) {
	most := float32(p.Most)
	for i, current := range x {
		u := float32(p.Decay*v[i]) + current
		var n uint8
		switch {
		case u >= most:
			n = p.Most
		case u >= 1:
			n = uint8(u)
		}
		v[i] = u - float32(n)
		counts[i] = n
		spikes += uint64(n)
	}
	return spikes
}
