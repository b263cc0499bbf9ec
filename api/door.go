package api

import "sync"

// door counts those inside and can be shut against newcomers. The zero value
// is open.
type door struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // nil while open; closed when shut and empty
}

// enter tells whether the door is open; if so, leave must be called once.
func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.empty != nil {
		return false
	}
	d.inside++
	return true
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside--
	if d.empty != nil && d.inside == 0 {
		close(d.empty)
	}
}

// shut keeps newcomers out from now on. The channel closes once the last of
// those inside has left.
func (d *door) shut() (empty <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.empty == nil {
		d.empty = make(chan struct{})
		if d.inside == 0 {
			close(d.empty)
		}
	}
	return d.empty
}
