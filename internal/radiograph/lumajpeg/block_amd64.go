//go:build !purego

package lumajpeg

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var hasQuickBlock = cpu.X86.HasBMI2

// quick decodes blocks by assembly, as far as they have no code longer than a look and begin in the segment where a block has room. It
// returns how many it has done, and of the one that it only began the numbers of the next coefficient, 0 if it has none, and of the last.
func (k *coder) quick(reader *bitReader, segment []byte, blocks []block) (done, next, last int) {
	limit := len(segment) - overrun
	if limit < reader.at {
		return 0, 0, 0
	}
	k.previous, done, next, last = quickBlocks((*uint64)(unsafe.Pointer(reader)), &segment[0], limit, (*uint32)(&k.dc.look[0]), (*uint32)(&k.ac.look[0]),
		&k.places[0], &blocks[0].coefficient, len(blocks), k.previous)
	return done, next, last
}

// The assembly knows a block's layout.
var _ = [1]struct{}{}[unsafe.Sizeof(block{})-136+unsafe.Offsetof(block{}.last)-128]
