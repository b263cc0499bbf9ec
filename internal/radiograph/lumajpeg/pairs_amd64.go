//go:build !purego

package lumajpeg

import "golang.org/x/sys/cpu"

var hasQuickPairs = cpu.X86.HasBMI2

// pairsAhead is how many bytes of a segment takePairsBMI2 may read: 63 times lookBits bits, what is in the window by then, and the
// eight bytes after that.
const pairsAhead = 63*lookBits/8 + 1 + 8 + 8

// quickPairs is takePairs.
func quickPairs(r bitReader, segment []byte, table *huffman, targets *[64]target, b *block, k, furthest int, energy int64) (bitReader, int, int, int64) {
	if len(segment)-r.at < pairsAhead {
		return takePairs(r, segment, table, targets, b, k, furthest, energy)
	}
	r.window, r.bits, r.at, k, furthest, energy = takePairsBMI2(r.window, r.bits, r.at, &segment[0],
		(*uint64)(&table.pairs[0]), (*uint32)(&targets[0]), &b.coefficient[0], k, furthest, energy)
	return r, k, furthest, energy
}
