//go:build !purego

package lumajpeg

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var hasQuickBlock = cpu.X86.HasBMI2

// quick decodes a block by assembly, or the beginning of one. It returns the first coefficient, the number of the next, which is 64 or
// more at the end, and that of the last. overrun bytes of the segment are read from the reader's place on.
func (k *coder) quick(reader *bitReader, segment []byte, b *block) (mean int32, next, last int) {
	_ = segment[reader.at:][:overrun]
	return quickBlock((*uint64)(unsafe.Pointer(reader)), &segment[0], (*uint32)(&k.dc.look[0]), (*uint32)(&k.ac.look[0]), &k.places[0], &b.coefficient, k.previous)
}
