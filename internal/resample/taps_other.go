//go:build !amd64 || purego

package resample

const hasTaps, hasDigits, hasWide = false, false, false

func tapsAVX2(dst, src *uint8, first, weight *int32, blocks, groups int) { panic("unreachable") }

func wideVBMI(dst, src *uint8, first *int32, table *uint8, blocks, groups int) { panic("unreachable") }

func digitsVNNI(dst, src *uint8, first *int32, table *uint8, pieces, groups int) {
	panic("unreachable")
}

func addAVX2(sums *uint64, row *uint8, weight uint64, groups int) { panic("unreachable") }

func takeAVX2(dst *uint8, sums *uint64, groups int) { panic("unreachable") }
