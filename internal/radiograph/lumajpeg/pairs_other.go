//go:build !amd64 || purego

package lumajpeg

const hasQuickPairs = false

func quickPairs(window uint64, bits uint, at int, segment *byte, pairs *uint64, targets *uint32, coefficient *int16, k, furthest int, energy int64) (uint64, uint, int, int, int, int64) {
	panic("lumajpeg: there is no assembly for this processor")
}
