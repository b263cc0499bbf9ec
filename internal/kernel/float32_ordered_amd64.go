//go:build !purego

package kernel

// accumulate512 takes zeros as any other number: it would cost more to find them.
func accumulate512(acc, src, weights []float32) {
	n := len(acc)
	_ = weights[:len(src)*n]
	if len(src) == 0 {
		return
	}
	for first := 0; first < n; first += 128 {
		sums := min(n-first, 128)
		registers := (sums + 15) / 16
		ordered512[registers](&acc[first], &src[0], len(src), &weights[first], 4*n, 1<<(sums-16*(registers-1))-1)
	}
}

var ordered512 = [...]func(acc, src *float32, inputs int, weights *float32, stride int, tail uint32){
	1: accumulateAVX512x1, 2: accumulateAVX512x2, 3: accumulateAVX512x3, 4: accumulateAVX512x4,
	5: accumulateAVX512x5, 6: accumulateAVX512x6, 7: accumulateAVX512x7, 8: accumulateAVX512x8,
}
