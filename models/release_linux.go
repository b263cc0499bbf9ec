package models

import (
	"os"
	"syscall"
	"unsafe"
)

// Release gives the memory that the files lie in back to the system, for when all of them were read. They can still be opened: the
// system then reads them from the program's own file again.
func Release() {
	page := os.Getpagesize()
	for _, s := range shipped {
		file := contents(s.file)
		// Whole pages only: others hold what is not ours.
		first := -uintptr(unsafe.Pointer(unsafe.SliceData(file))) & uintptr(page-1)
		if n := (len(file) - int(first)) &^ (page - 1); n > 0 {
			_ = syscall.Madvise(file[first:int(first)+n], syscall.MADV_DONTNEED)
		}
	}
}
