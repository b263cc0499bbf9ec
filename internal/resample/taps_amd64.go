//go:build amd64 && !purego

package resample

import "golang.org/x/sys/cpu"

var (
	hasTaps   = cpu.X86.HasAVX2
	hasDigits = hasTaps && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI
	hasWide   = hasTaps && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VNNI
)

// tapsAVX2 makes 4*groups pixels of a row: pixel j is the rounded sum of src[first[j]+i]*weight[8*blocks*j+i] over
// i < 8*blocks, all of which it reads.
//
//go:noescape
func tapsAVX2(dst, src *uint8, first, weight *int32, blocks, groups int)

// wideVBMI makes 16*groups pixels of a row from the tables of wide.
//
//go:noescape
func wideVBMI(dst, src *uint8, first *int32, table *uint8, blocks, groups int)

// digitsVNNI makes 4*groups pixels of a row from the tables of digits.
//
//go:noescape
func digitsVNNI(dst, src *uint8, first *int32, table *uint8, pieces, groups int)

// addAVX2 adds to each of 8*groups sums a pixel times the weight. Both halves of a weight, of a sum and of what is added
// to it are numbers of their own, below 2^32.
//
//go:noescape
func addAVX2(sums *uint64, row *uint8, weight uint64, groups int)

// takeAVX2 rounds the low halves of 8*groups sums to pixels, and moves the high halves to their places.
//
//go:noescape
func takeAVX2(dst *uint8, sums *uint64, groups int)
