package reuse

import (
	"runtime"
	"slices"
	"sync"
)

// kept is what is kept, in the order in which it came. Its methods want mu held.
type kept[T any] struct {
	mu      sync.Mutex
	values  []T
	old     int    // how many of the first lay here already when the collector's latest cycle ended
	watched bool   // whether the end of the next cycle will be told
	ended   func() // called at a cycle's end, if it is set
}

func (k *kept[T]) take(i int) T {
	v := k.values[i]
	k.values = slices.Delete(k.values, i, i+1)
	if i < k.old {
		k.old--
	}
	return v
}

func (k *kept[T]) add(v T) {
	k.values = append(k.values, v)
	if !k.watched {
		k.watch()
	}
}

// watch has cycleEnded called after the end of the collector's next cycle. Until then the collector keeps what is kept, so it must not
// hold on to more.
func (k *kept[T]) watch() {
	k.watched = true
	runtime.AddCleanup(new([16]byte), (*kept[T]).cycleEnded, k)
}

// cycleEnded drops what nobody took for a whole cycle. It takes mu itself.
func (k *kept[T]) cycleEnded() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values = slices.Delete(k.values, 0, k.old)
	k.old = len(k.values)
	if k.ended != nil {
		k.ended()
	}
	if k.watched = k.old > 0; k.watched {
		k.watch()
	}
}
