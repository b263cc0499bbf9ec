//go:build !purego

package kernel

import (
	"sync"
	"syscall"

	"golang.org/x/sys/cpu"
)

// hasAMX asks the system, which wants to be asked before a process uses tiles, as their 8 KB are more than programs expect to be
// kept for a thread (Linux, Documentation/arch/x86/xstate.rst).
var hasAMX = sync.OnceValue(func() bool {
	const requestPermission, tileData = 0x1023, 18
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXInt8 {
		return false
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
