package memory

import (
	"runtime"
	"runtime/debug"
	"sync"
)

// Pace has the collector run whenever the heap has grown by so many bytes or by so many percent since the last time, whichever is more,
// until stop is called. Go knows percents only, by which a small heap is collected often for little, or a large one grows by much.
func Pace(bytes int64, percent int) (stop func()) {
	p := &pacer{bytes: bytes, least: percent}
	p.set()
	return p.stop
}

type pacer struct {
	bytes int64
	least int

	mu          sync.Mutex
	now, before int // percent, and what it was before there was a pace
	stopped     bool
}

// set says by how many percent the heap may grow from now on, and will again after the next cycle.
func (p *pacer) set() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	_, live := heap()
	// Saying so stops the world for an instant. Go lets any heap grow to 4 MB at 100 percent, and to as much more at more.
	if percent := max(p.least, int(100*p.bytes/max(live, 4<<20))); 10*max(percent-p.now, p.now-percent) > p.now {
		before := debug.SetGCPercent(percent)
		if p.now == 0 {
			p.before = before
		}
		p.now = percent
	}
	runtime.AddCleanup(new([16]byte), func(p *pacer) { p.set() }, p)
}

func (p *pacer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped = true
		debug.SetGCPercent(p.before)
	}
}
