// Package outbox keeps results on their way to other systems in files, so that neither a crash nor a system that is away
// loses one.
//
// What was put is delivered at least once. It is delivered a second time only if the process ends after the target took an
// item and before that is on disk; objects have the same identifiers then, so that the target can tell.
package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

var (
	// ErrFull reports that an outbox holds as much as it may.
	ErrFull = errors.New("outbox: full")
	// ErrTaken reports a directory that another process uses.
	ErrTaken = errors.New("outbox: another process uses the directory")
	// ErrClosed reports an outbox that was closed.
	ErrClosed = errors.New("outbox: closed")
)

// Options are the limits of an outbox. The zero value of a field stands for the default beside it.
type Options struct {
	// MaxBytes and MaxItems bound the files of all items, those that failed too: 1 GiB and 100,000.
	MaxBytes int64
	MaxItems int
	// Remember is how many delivered items are remembered, so that they are not delivered again: 500,000.
	Remember int
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 100_000
	}
	if o.Remember <= 0 {
		o.Remember = 500_000
	}
	return o
}

// The directories of an outbox.
const (
	queueDir     = "queue"
	failedDir    = "failed"
	damagedDir   = "damaged"
	deliveredDir = "delivered"
)

// Part is the ending of files that are being written.
const part = ".part"

// Outbox is a durable queue of items. It is safe for concurrent use.
type Outbox struct {
	dir     string
	options Options
	lock    *os.File

	mu      sync.Mutex
	settled sync.Cond // a key of writing was
	closed  bool
	writing map[Key]struct{} // by a Put that has not returned
	waiting map[Key]*entry
	failed  map[Key]*entry
	done    *delivered
	targets map[string]*target
	damaged struct {
		files int
		bytes int64
	}
	bytes int64 // of the files that wait, failed or are being written
}

// entry is one item's file.
type entry struct {
	key   Key
	at    time.Time
	size  int64
	to    *target
	kind  string
	tries int
	next  time.Time // when it is tried again; zero for at once
	taken bool      // it is being sent
}

// target is what is on its way to one place.
type target struct {
	name   string
	queue  []*entry // in order of age
	failed int
	tries  int       // failures in a row
	next   time.Time // when it is tried again
	wake   chan struct{}
}

// Open opens the outbox in a directory, which is made if it is not there. One process may have it.
func Open(dir string, o Options) (_ *Outbox, err error) {
	b := &Outbox{dir: dir, options: o.withDefaults(), writing: map[Key]struct{}{}, waiting: map[Key]*entry{}, failed: map[Key]*entry{},
		targets: map[string]*target{}}
	b.settled.L = &b.mu
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if b.lock, err = durable.Lock(filepath.Join(dir, "lock")); errors.Is(err, durable.ErrLocked) {
		return nil, ErrTaken
	} else if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = b.lock.Close()
			err = fmt.Errorf("outbox: %w", err)
		}
	}()
	for _, name := range []string{queueDir, failedDir, damagedDir, deliveredDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	if err := durable.SyncDir(dir); err != nil {
		return nil, err
	}
	if b.done, err = openDelivered(filepath.Join(dir, deliveredDir), b.options.Remember); err != nil {
		return nil, err
	}
	return b, b.load()
}

// load reads which items there are.
func (b *Outbox) load() error {
	for _, name := range []string{queueDir, failedDir} {
		files, err := os.ReadDir(filepath.Join(b.dir, name))
		if err != nil {
			return err
		}
		for _, f := range files {
			path := filepath.Join(b.dir, name, f.Name())
			key, isItem := parseKey(f.Name())
			switch {
			case strings.HasSuffix(f.Name(), part):
				if err := os.Remove(path); err != nil {
					return err
				}
			case isItem:
				if err := b.admit(name, key); err != nil {
					return err
				}
			case strings.HasSuffix(f.Name(), note):
				// A file comes before what is noted beside it. One without its file is of no use.
				if _, err := os.Lstat(strings.TrimSuffix(path, note)); errors.Is(err, os.ErrNotExist) {
					if err := removed(os.Remove(path)); err != nil {
						return err
					}
				}
			}
		}
	}
	return b.countDamaged()
}

// countDamaged counts the files that were put aside.
func (b *Outbox) countDamaged() error {
	files, err := os.ReadDir(filepath.Join(b.dir, damagedDir))
	if err != nil {
		return err
	}
	b.damaged.files, b.damaged.bytes = 0, 0
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			b.damaged.files++
			b.damaged.bytes += info.Size()
		}
	}
	return nil
}

func byAge(a, c *entry) int {
	if n := a.at.Compare(c.at); n != 0 {
		return n
	}
	return compareKeys(a.key, c.key)
}

// admit takes up a file that is in the queue or has failed. One that is damaged is put aside.
func (b *Outbox) admit(dir string, key Key) error {
	path := b.path(dir, key)
	if dir == queueDir && b.done.has(key) { // the process ended before it was removed
		return removeFiles(path)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	h, data, err := readHeader(f, b.options.MaxBytes)
	_ = f.Close()
	if errors.Is(err, errDamaged) {
		return b.putAside(dir, key)
	} else if err != nil {
		return err
	}
	e := &entry{key: key, at: h.At, size: fileSize(h, data), to: b.target(h.Target), kind: h.Kind}
	b.bytes += e.size
	if dir == failedDir {
		if b.waiting[key] != nil { // the process ended while it was put again
			b.bytes -= e.size
			return removeFiles(path)
		}
		b.failed[key] = e
		e.to.failed++
		return nil
	}
	b.enqueue(e)
	return nil
}

// enqueue adds an entry to its target's queue.
func (b *Outbox) enqueue(e *entry) {
	b.waiting[e.key] = e
	i := len(e.to.queue)
	if i > 0 && byAge(e.to.queue[i-1], e) > 0 {
		i, _ = slices.BinarySearchFunc(e.to.queue, e, byAge)
	}
	e.to.queue = slices.Insert(e.to.queue, i, e)
	select {
	case e.to.wake <- struct{}{}:
	default:
	}
}

// putAside moves a damaged file where it blocks nothing.
func (b *Outbox) putAside(dir string, key Key) error {
	if err := os.Rename(b.path(dir, key), b.path(damagedDir, key)); err != nil {
		return removed(err)
	}
	return errors.Join(removed(os.Remove(b.path(dir, key)+note)), b.countDamaged())
}

// removed is an error other than that a file is not there.
func removed(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (b *Outbox) path(dir string, key Key) string { return filepath.Join(b.dir, dir, key.String()) }

// target is the one of a name, made if it is new.
func (b *Outbox) target(name string) *target {
	t := b.targets[name]
	if t == nil {
		t = &target{name: name, wake: make(chan struct{}, 1)}
		b.targets[name] = t
	}
	return t
}

// Close lets go of the directory. Nothing can be put afterwards.
func (b *Outbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.writing) > 0 {
		b.settled.Wait()
	}
	if b.closed {
		return nil
	}
	b.closed = true
	return errors.Join(b.done.file.Close(), b.lock.Close())
}
