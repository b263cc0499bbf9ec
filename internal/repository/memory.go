package repository

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/memory"
)

// keepsTimes is what a model keeps, as a multiple of its file's size, and keepsBase what it keeps beside. The layouts of the preferred
// tiers take most; [TestCostBoundsWhatAModelKeeps] measures it.
const (
	keepsTimes = 4
	keepsBase  = 1 << 20
)

// cost is about how many bytes a model keeps whose file has so many, and how many it takes while it is loaded: also the file, and the
// memory of an inference.
func cost(size int64) (keeps, takes int64) {
	keeps = keepsBase + keepsTimes*size
	return keeps, keeps + size + memory.Task
}

// budget bounds the memory of models, those included that were replaced and still answer a request.
type budget struct {
	mu    sync.Mutex
	limit int64 // 0 is no limit
	held  int64
}

// take adds n bytes. Where there is no room it has the collector look for models that nobody holds any more.
func (b *budget) take(n int64) error {
	for try := 0; ; try++ {
		b.mu.Lock()
		held := b.held
		if b.limit == 0 || held+n <= b.limit {
			b.held += n
			b.mu.Unlock()
			return nil
		}
		b.mu.Unlock()
		if try == 5 || n > b.limit {
			return fmt.Errorf("it takes about %d MiB while it is loaded, and models hold %d of %d MiB", n>>20, held>>20, b.limit>>20)
		}
		// Cleanups run some time after the collection that finds their object.
		runtime.GC()
		time.Sleep(time.Duration(try+1) * 5 * time.Millisecond)
	}
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
}

func (b *budget) now() (held, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held, b.limit
}
