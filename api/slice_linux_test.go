package api

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A thread that computes has a long slice, its nice value as before, and its own slice again afterwards.
func TestAThreadHasALongSliceWhileItComputes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	told := func() *unix.SchedAttr {
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Skipf("the kernel does not tell: %v", err)
		}
		return a
	}
	before := told()
	if before.Runtime == 0 || before.Policy != unix.SCHED_NORMAL {
		t.Skip("the kernel has no slices of a thread's own, or another policy is in force")
	}
	end := longSlices()
	if noSlices.Load() {
		t.Skip("slices may not be asked for here")
	}
	if during := told(); time.Duration(during.Runtime) != slice || during.Nice != before.Nice {
		t.Errorf("while it computes %+v, before %+v", during, before)
	}
	end()
	if after := told(); after.Runtime != before.Runtime || after.Nice != before.Nice {
		t.Errorf("afterwards %+v, before %+v", after, before)
	}
}
