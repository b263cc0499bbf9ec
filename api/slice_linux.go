package api

import (
	"time"

	"golang.org/x/sys/unix"
)

// slice is how long a thread that only computes would like to have a core for. It is longer than the kernel's own, a few
// milliseconds, which is all that it is for: a thread that wakes with a shorter one does not wait for its end (EEVDF, Linux
// 6.12 and later; older kernels know no slices of a thread's own).
const slice = 20 * time.Millisecond

// longSlices has threads that read requests and refuse them go before the calling one, which computes and is its goroutine's
// own, on its core; otherwise a request waits several milliseconds until it is read when all cores compute. The thread's
// share of the core stays what it is. A kernel or a container's profile may not let it: it then says so, and nothing changes.
func longSlices() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return err
	}
	attr.Runtime = uint64(slice) // the nice value stays
	return unix.SchedSetAttr(0, attr, 0)
}
