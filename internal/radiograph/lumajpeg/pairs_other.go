//go:build !amd64 || purego

package lumajpeg

const hasQuickPairs = false

func quickPairs(window uint64, bits uint, at int, segment *byte, pairs *uint64, places *uint8, coefficient *int16, k, furthest int) (uint64, uint, int, int, int) {
	panic("lumajpeg: there is no assembly for this processor")
}
