//go:build !purego

package kernel

import "math"

// maxNeurons is how many neurons a call of the assembly may take: their spikes are summed in 32 bits.
const maxNeurons = 1 << 24

func spikingReLU512(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	for len(x) > 0 {
		n := min(len(x), maxNeurons)
		some, held, top := spikingReLUAVX512(&counts[0], &v[0], &x[0], n, dt)
		spikes += uint64(some)
		clipped += uint64(held)
		if top > int32(math.Float32bits(float32(math.Inf(1)))) {
			nans, sent := silenceNaN(counts[:n], v[:n])
			clipped -= nans
			spikes -= sent
		}
		counts, v, x = counts[n:], v[n:], x[n:]
	}
	return spikes, clipped
}

// silenceNaN takes the spikes from the neurons whose v is not a number and has no minus sign; it tells of how many, and how many spikes they had.
func silenceNaN(counts []uint8, v []float32) (neurons, sent uint64) {
	for i, u := range v {
		if u != u && !math.Signbit(float64(u)) {
			neurons++
			sent += uint64(counts[i])
			counts[i] = 0
		}
	}
	return neurons, sent
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
