//go:build !purego

package kernel

func spikingReLU256(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) {
	n := len(x) &^ 31
	if n > 0 {
		var held uint32 // there are never so many neurons that it wraps
		spikes, held = spikingReLUAVX2(&counts[0], &v[0], &x[0], n, dt)
		clipped = uint64(held)
	}
	moreSpikes, moreClipped := spikingReLUGeneric(counts[n:], v[n:], x[n:], dt)
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
