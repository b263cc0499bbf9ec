//go:build !amd64 || purego

package lumajpeg

const hasQuickPairs = false

func quickPairs(r bitReader, segment []byte, table *huffman, targets *[64]target, b *block, k, furthest int, energy int64) (bitReader, int, int, int64) {
	return takePairs(r, segment, table, targets, b, k, furthest, energy)
}
