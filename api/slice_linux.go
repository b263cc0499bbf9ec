package api

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slice is how long a thread that only computes would like to have a core for. It is longer than the kernel's own, a few
// milliseconds, which is all that it is for: a thread that wakes with a shorter one does not wait for its end (EEVDF, Linux
// 6.12 and later; older kernels know no slices of a thread's own).
const slice = 20 * time.Millisecond

// nicer is by how much a thread that only computes is nicer than the others: it has a third of their share of a core. With an equal share,
// a thread that read a few requests in a row had used up its own for a while, and the next request or answer waited for it.
const nicer = 5

// longSlices has threads that read requests and refuse them go before the calling one, which computes and is its goroutine's
// own, on its core; otherwise a request waits several milliseconds until it is read when all cores compute. The thread's
// share of the core is smaller where others want it; it never gets it back, and must end. A kernel or a container's profile may not
// let it: it then says so, and nothing changes.
func longSlices() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return err
	}
	attr.Runtime = uint64(slice)
	attr.Nice = min(attr.Nice+nicer, 19)
	return unix.SchedSetAttr(0, attr, 0)
}

// yield ends the calling thread's turn: another that waits for the core gets it, as far as its share allows.
func yield() { _, _, _ = syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
