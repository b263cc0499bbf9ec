//go:build !purego

package kernel

import "math"

// maxNeurons is how many neurons a call of the assembly may take: their spikes are summed in 32 bits.
const maxNeurons = 1 << 24

func spikingReLU512(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	for len(x) > 0 {
		n := min(len(x), maxNeurons)
		some, top := spikingReLUAVX512(&counts[0], &v[0], &x[0], n, dt)
		spikes += uint64(some)
		if top >= int32(math.Float32bits(1)) {
			more, spurious := unusual(counts[:n], v[:n])
			clipped += more
			spikes -= spurious
		}
		counts, v, x = counts[n:], v[n:], x[n:]
	}
	return spikes, clipped
}

// unusual counts the neurons that MaxCount held back, which are those left with v >= 1, and takes the spikes from those
// whose v is not a number.
func unusual(counts []uint8, v []float32) (clipped, spurious uint64) {
	for i, u := range v {
		switch {
		case u >= 1:
			clipped++
		case u != u:
			spurious += uint64(counts[i])
			counts[i] = 0
		}
	}
	return clipped, spurious
}

func lif512(p LIF, counts []uint8, v, x []float32) (spikes uint64) {
	switch {
	case len(x) == 0:
		return 0
	case p.ResetToZero:
		return lifZeroAVX512(&counts[0], &v[0], &x[0], len(x), p.Decay, p.Threshold)
	default:
		return lifSubtractAVX512(&counts[0], &v[0], &x[0], len(x), p.Decay, p.Threshold)
	}
}

func graded512(p Graded, counts []uint8, v, x []float32) uint64 {
	if len(x) == 0 {
		return 0
	}
	return gradedAVX512(&counts[0], &v[0], &x[0], len(x), p.Decay, float32(p.Most))
}
