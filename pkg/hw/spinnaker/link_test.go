package spinnaker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestBoardThatSendsWithoutEndHoldsNobodyUp has a place free in the queue taken by the next packet at once.
func TestBoardThatSendsWithoutEndHoldsNobodyUp(t *testing.T) {
	const room, flood = 4, 100
	for name, drain := range map[string]func(*testing.T, *link){
		"before a run": func(_ *testing.T, l *link) { l.forget() },
		"behind a run": func(t *testing.T, l *link) {
			r := run{program: &program{board: &board{link: l}}, ctx: t.Context(), bound: &binding{}, steps: 1, times: []uint32{0}}
			if err := r.settle(nil, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &link{spikes: make(chan []byte, room)}
				var queued atomic.Int32
				for range flood {
					go func() {
						l.spikes <- nil
						queued.Add(1)
					}()
				}
				synctest.Wait()
				drain(t, l)
				synctest.Wait()
				if n := queued.Load(); n != 2*room {
					t.Errorf("%d of %d packets were queued, want the %d that there was room for and as many in their place", n, flood, room)
				}
				for len(l.spikes) > 0 {
					<-l.spikes
				}
			})
		})
	}
}
