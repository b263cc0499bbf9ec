package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// written is an item that a Put writes.
type written struct {
	key    Key
	header header
	data   []byte
	size   int64
}

// Put returns nil once all items are where a crash cannot lose them. Items that are on their way or were delivered are
// passed over, so that a film that is sent twice is delivered once; one that failed is tried again. When Put fails, none of
// the items is delivered on its account; [ErrFull] says that the outbox holds as much as it may.
func (b *Outbox) Put(items ...Item) error {
	fresh, err := b.claim(items)
	if err != nil || len(fresh) == 0 {
		return err
	}
	err = b.write(fresh)
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.settled.Broadcast()
	for _, w := range fresh {
		delete(b.writing, w.key)
		if err != nil {
			b.bytes -= w.size
			continue
		}
		b.revive(w.key)
		b.enqueue(&entry{key: w.key, at: w.header.At, size: w.size, to: b.target(w.header.Target), kind: w.header.Kind})
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// claim finds the items that are to be written, and takes their room. It waits for those that another Put is writing.
func (b *Outbox) claim(items []Item) ([]written, error) {
	now := time.Now().UTC()
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if b.closed {
			return nil, ErrClosed
		}
		var fresh []written
		busy, size := false, int64(0)
		for _, it := range items {
			key := keyOf(it.Target, it.Object)
			if _, ok := b.writing[key]; ok {
				busy = true
				break
			}
			if b.isWaiting(key) || b.done.has(key) || slices.ContainsFunc(fresh, func(w written) bool { return w.key == key }) {
				continue
			}
			h := header{Target: it.Target, Kind: it.Kind, MediaType: it.MediaType, At: now.Add(time.Duration(len(fresh)))}
			w := written{key, h, it.Data, fileSize(h, int64(len(it.Data)))}
			size += w.size
			fresh = append(fresh, w)
		}
		if busy {
			b.settled.Wait()
			continue
		}
		if n := b.items() + len(fresh); len(fresh) > 0 && (b.bytes+b.damaged.bytes+size > b.options.MaxBytes || n > b.options.MaxItems) {
			return nil, fmt.Errorf("%w: it may hold %d bytes and %d items", ErrFull, b.options.MaxBytes, b.options.MaxItems)
		}
		b.bytes += size
		for _, w := range fresh {
			b.writing[w.key] = struct{}{}
		}
		return fresh, nil
	}
}

// isWaiting tells whether an item waits. A person may have dropped its file.
func (b *Outbox) isWaiting(key Key) bool {
	e := b.waiting[key]
	if e == nil {
		return false
	}
	if _, err := os.Lstat(b.path(queueDir, key)); errors.Is(err, os.ErrNotExist) {
		b.remove(e)
		return false
	}
	return true
}

// items is how many files there are or will be.
func (b *Outbox) items() int {
	return len(b.waiting) + len(b.failed) + len(b.writing) + b.damaged.files
}

// write writes the files, all or none.
func (b *Outbox) write(fresh []written) (err error) {
	var there []string
	defer func() {
		if err != nil {
			for _, path := range there {
				_ = os.Remove(path)
			}
		}
	}()
	for _, w := range fresh {
		path := b.path(queueDir, w.key) + part
		if err := writeFile(path, w.header, w.data); err != nil {
			return err
		}
		there = append(there, path)
	}
	for i, w := range fresh {
		path := b.path(queueDir, w.key)
		if err := os.Rename(there[i], path); err != nil {
			return err
		}
		there[i] = path
	}
	return durable.SyncDir(filepath.Join(b.dir, queueDir))
}

// revive forgets that an item failed, because it was put again.
func (b *Outbox) revive(key Key) {
	if e := b.failed[key]; e != nil {
		b.dropFailed(e)
		_ = removeFiles(b.path(failedDir, key)) // what stays is found at the next start
	}
}

// dropFailed takes an entry out of those that failed.
func (b *Outbox) dropFailed(e *entry) {
	delete(b.failed, e.key)
	e.to.failed--
	b.bytes -= e.size
}
