//go:build !purego

package kernel

// maxNeurons is how many neurons a call of the assembly may take: their spikes are summed in 32 bits.
const maxNeurons = 1 << 24

func spikingReLU512(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	for len(x) > 0 {
		n := min(len(x), maxNeurons)
		some, top := spikingReLUAVX512(&counts[0], &v[0], &x[0], n, dt)
		spikes += uint64(some)
		if top >= 1 {
			clipped += countClipped(v[:n])
		}
		counts, v, x = counts[n:], v[n:], x[n:]
	}
	return spikes, clipped
}

// countClipped counts the neurons that MaxCount held back: all others are left with v < 1.
func countClipped(v []float32) (clipped uint64) {
	for _, u := range v {
		if u >= 1 {
			clipped++
		}
	}
	return clipped
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
