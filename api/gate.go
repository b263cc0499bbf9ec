package api

import "sync"

// gate counts those inside and can be shut against newcomers. The zero value
// is open.
type gate struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // nil while open; closed when shut and empty
}

// enter tells whether the gate is open; if so, leave must be called once.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.empty != nil && g.inside == 0 {
		close(g.empty)
	}
}

// shut keeps newcomers out from now on. The channel closes once the last of
// those inside has left.
func (g *gate) shut() (empty <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty == nil {
		g.empty = make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}
