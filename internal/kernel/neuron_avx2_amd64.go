//go:build !purego

package kernel

func spikingReLU256(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	for n := min(len(x), maxNeurons) &^ 31; n > 0; n = min(len(x), maxNeurons) &^ 31 {
		some, held := spikingReLUAVX2(&counts[0], &v[0], &x[0], n, dt)
		spikes += some
		clipped += uint64(held)
		counts, v, x = counts[n:], v[n:], x[n:]
	}
	moreSpikes, moreClipped := spikingReLUGeneric(counts, v, x, dt)
	return spikes + moreSpikes, clipped + moreClipped
}

func lif256(p LIF, counts []uint8, v, x []float32) (spikes uint64) {
	n := len(x) &^ 31
	switch {
	case n == 0:
	case p.ResetToZero:
		spikes = lifZeroAVX2(&counts[0], &v[0], &x[0], n, p.Decay, p.Threshold)
	default:
		spikes = lifSubtractAVX2(&counts[0], &v[0], &x[0], n, p.Decay, p.Threshold)
	}
	return spikes + lifGeneric(p, counts[n:], v[n:], x[n:])
}

func graded256(p Graded, counts []uint8, v, x []float32) (spikes uint64) {
	n := len(x) &^ 31
	if n > 0 {
		spikes = gradedAVX2(&counts[0], &v[0], &x[0], n, p.Decay, float32(p.Most))
	}
	return spikes + gradedGeneric(p, counts[n:], v[n:], x[n:])
}
