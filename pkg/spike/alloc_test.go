//go:build !race

package spike

import "testing"

// Not under the race detector: there, a sync.Pool forgets at random.
func TestARunWithoutARecorderDoesNotAllocate(t *testing.T) {
	n, in := random(Steps)
	r := compile(t, n)
	out := output(n, in)
	if got := testing.AllocsPerRun(20, func() { r.Run(t.Context(), in, out, RunOptions{}) }); got != 0 {
		t.Errorf("%v allocations a run", got)
	}
}
