//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// block is some of a layer's channels, which a call of a kernel computes together: so many registers from the first on.
type block struct{ first, registers int }

// blocks divides channels into blocks of at most most registers of so many lanes. The last register may be partly
// unused; without overlap it stays so, with it the last block ends with the channels and takes some for a second time.
// Overlap needs a register's worth of channels at least.
func blocks(channels, lanes, most int, overlap bool) []block {
	registers := (channels + lanes - 1) / lanes
	parts := (registers + most - 1) / most
	if overlap && parts == 1 && registers > 1 && channels < registers*lanes {
		parts = 2 // one block could not be moved
	}
	var list []block
	for first := 0; parts > 0; parts-- {
		n := (registers + parts - 1) / parts
		list = append(list, block{first, n})
		registers -= n
		first += n * lanes
	}
	if overlap && channels >= lanes {
		last := &list[len(list)-1]
		last.first = channels - last.registers*lanes
	}
	return list
}

// paddedLine copies row y of src, or zeros if there is none, as the windows see it.
func paddedLine[T float32 | uint8](w *Window, dst, src []T, y int) {
	if y < 0 || y >= w.In.H {
		clear(dst)
		return
	}
	left := min(w.PadLeft*w.In.C, len(dst))
	clear(dst[:left])
	n := copy(dst[left:], src[y*w.In.W*w.In.C:][:w.In.W*w.In.C])
	clear(dst[left+n:])
}

// aligned is n zeros from a multiple of 64 bytes on.
func aligned[T int8 | uint8 | int16 | int32 | float32](n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	all := make([]T, n+64/size)
	at := uintptr(unsafe.Pointer(&all[0]))
	return all[int(-at&63)/size:][:n]
}
