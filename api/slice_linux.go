package api

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// slice is how long a thread that computes would like to have a core for. It is longer than the kernel's own, a few
// milliseconds, which is all that it is for: a thread that wakes with a shorter one does not wait for its end (EEVDF, Linux
// 6.12 and later; older kernels know no slices of a thread's own).
const slice = 20 * time.Millisecond

var noSlices atomic.Bool // the kernel or a container's profile does not let them be asked for

// longSlices has threads that read requests and refuse them go before the calling goroutine, which computes, on its core;
// otherwise a request waits several milliseconds until it is read when all cores compute. Its share of the core stays what
// it is. The function that comes back ends it; the goroutine keeps its thread until then.
func longSlices() func() {
	if noSlices.Load() {
		return func() {}
	}
	runtime.LockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil && attr.Policy == unix.SCHED_NORMAL {
		long := *attr // the nice value stays
		long.Runtime = uint64(slice)
		if err = unix.SchedSetAttr(0, &long, 0); err == nil {
			return func() {
				_ = unix.SchedSetAttr(0, attr, 0)
				runtime.UnlockOSThread()
			}
		}
	}
	noSlices.Store(true)
	runtime.UnlockOSThread()
	return func() {}
}
