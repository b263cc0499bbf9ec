package api

import (
	"context"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A thread that only computes has a long slice and a smaller share, and no other has.
func TestAThreadThatComputesHasALongSlice(t *testing.T) {
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil || before.Runtime == 0 || before.Policy != unix.SCHED_NORMAL {
		t.Skipf("the kernel does not tell of slices of a thread's own, or another policy is in force: %v", err)
	}
	threads := newThreads()
	var during *unix.SchedAttr
	threads.do(t.Context(), func(context.Context) { during, err = unix.SchedGetAttr(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	if during.Runtime == before.Runtime {
		t.Skip("slices may not be asked for here")
	}
	if time.Duration(during.Runtime) != slice || during.Nice != min(before.Nice+nicer, 19) {
		t.Errorf("while it computes %+v, before %+v", during, before)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if after, err := unix.SchedGetAttr(0, 0); err != nil || after.Runtime != before.Runtime || after.Nice != before.Nice {
		t.Errorf("another thread has %+v, %v", after, err)
	}
}
