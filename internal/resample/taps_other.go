//go:build !amd64 || purego

package resample

const hasTaps = false

func tapsAVX2(dst, src *uint8, first, weight *int32, blocks, groups int) { panic("unreachable") }

func addAVX2(sums *uint64, row *uint8, weight uint64, groups int) { panic("unreachable") }

func takeAVX2(dst *uint8, sums *uint64, groups int) { panic("unreachable") }
