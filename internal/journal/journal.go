package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

var (
	// ErrDamaged reports a journal that is not as it was written. It is not written to, since that would hide the damage.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrTaken reports a directory that another process writes to.
	ErrTaken = errors.New("another process writes to the journal")
	// ErrUnavailable reports records that cannot be written at the moment.
	ErrUnavailable = errors.New("the journal cannot be written")
	// ErrClosed reports a journal that was closed.
	ErrClosed = errors.New("the journal is closed")
)

// Options say how a journal is written. The zero value of a field stands for the default beside it.
type Options struct {
	// SegmentBytes and SegmentAge are how large and how old a segment becomes before the next is begun: 64 MiB and 24 h.
	SegmentBytes int64
	SegmentAge   time.Duration
	// Keep is how long a segment is kept after its last record: for ever.
	Keep time.Duration
	// Program is the version of what writes.
	Program string
	// Log gets what an operator should know, the receipt of the last record among it; nil for none.
	Log *slog.Logger
	// Watch is told what is written.
	Watch Watch

	clock clock // of tests
}

// Watch has functions that are called from one goroutine; each may be nil.
type Watch struct {
	// Written is called for each write that is durable, with the records' kinds, which it must not keep, and how long the disk took.
	Written func(kinds []Kind, took time.Duration)
	// Failed is called for each write that failed.
	Failed func()
}

// clock is where times come from: wall is the machine's clock, and since the time that has passed, however that is set.
type clock struct {
	wall  func() time.Time
	since func() time.Duration
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SegmentAge <= 0 {
		o.SegmentAge = 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Watch.Written == nil {
		o.Watch.Written = func([]Kind, time.Duration) {}
	}
	if o.Watch.Failed == nil {
		o.Watch.Failed = func() {}
	}
	if o.clock.wall == nil {
		began := time.Now()
		o.clock = clock{wall: time.Now, since: func() time.Duration { return time.Since(began) }}
	}
	return o
}

// Entry is what is recorded of one picture: the question, and the answer or the problem.
type Entry struct {
	Asked   *Asked
	Answer  *Answer
	Problem *Problem
}

// Journal is a journal that is written. It is safe for concurrent use.
type Journal struct {
	dir     string
	options Options
	lock    *os.File
	wake    chan struct{} // something waits, or the journal is closed
	ended   chan struct{} // the writer has

	mu      sync.Mutex
	waiting []*waiter
	closed  bool
	failing error     // why the last write failed; nil when it did not
	since   time.Time // when that began
	refused uint64    // pictures without an answer since
	state   State

	w writer // belongs to the writing goroutine
}

// waiter is an Append that waits for its records to be durable.
type waiter struct {
	entries  []Entry
	receipts []Receipt
	err      error
	done     chan struct{}
}

// State is what a journal has on disk.
type State struct {
	Head     Receipt
	Segments int
	Bytes    int64
	// Oldest is when the first record that is still there was written, and Newest the last.
	Oldest, Newest time.Time
	// Failing tells that records cannot be written, since when.
	Failing bool
	Since   time.Time
	// Free is how many bytes the disk has left, -1 where that is not known.
	Free int64
}

// Open opens the journal in a directory, which is made if it is not there, and begins to write: a start is its next record. The
// unfinished end that a crash has left is cut off, and the start tells so. One process may have it: [ErrTaken]. Of what is there
// only the last segment is checked; what is wrong with it is [ErrDamaged]. A disk that takes no records is no error here: see
// [Journal.Err].
func Open(dir string, o Options) (_ *Journal, err error) {
	j := &Journal{dir: dir, options: o.withDefaults(), wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if j.lock, err = durable.Lock(filepath.Join(dir, "lock")); errors.Is(err, durable.ErrLocked) {
		return nil, ErrTaken
	} else if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = j.lock.Close()
		}
	}()
	if err := durable.SyncDir(dir); err != nil {
		return nil, err
	}
	j.w = writer{dir: dir, options: &j.options}
	if err := j.w.recover(); err != nil {
		return nil, err
	}
	j.write(nil)
	go j.run()
	return j, nil
}

// Err is nil, or [ErrUnavailable] while records cannot be written. It counts no one as refused.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failing != nil {
		return ErrUnavailable
	}
	return nil
}

// Refuse is [Journal.Err], and counts so many pictures as refused where that is an error: the record that tells of the end of the
// trouble has their number.
func (j *Journal) Refuse(pictures int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failing == nil {
		return nil
	}
	j.refused += uint64(pictures)
	return ErrUnavailable
}

// State tells what is on disk.
func (j *Journal) State() State {
	free := durable.Free(j.dir)
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.state
	s.Failing, s.Since, s.Free = j.failing != nil, j.since, free
	return s
}

// Append returns once the entries are where a crash cannot lose them, with a receipt for each. Entries of one call follow each
// other, and calls at the same time share one write. After an error none of them counts as recorded: [ErrUnavailable], or the cause
// of ctx's end. A record may then still be there.
func (j *Journal) Append(ctx context.Context, entries ...Entry) ([]Receipt, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w := &waiter{entries: entries, done: make(chan struct{})}
	j.mu.Lock()
	switch {
	case j.closed:
		j.mu.Unlock()
		return nil, ErrClosed
	case j.failing != nil:
		j.refused += uint64(len(entries))
		j.mu.Unlock()
		return nil, ErrUnavailable
	}
	j.waiting = append(j.waiting, w)
	j.mu.Unlock()
	j.signal()
	select {
	case <-w.done:
		return w.receipts, w.err
	case <-ctx.Done():
		j.mu.Lock()
		if i := slices.Index(j.waiting, w); i >= 0 {
			j.waiting = slices.Delete(j.waiting, i, i+1)
		}
		j.mu.Unlock()
		return nil, context.Cause(ctx)
	}
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// tick is how often the writer looks at the clock, at what is old, and whether a disk that failed takes records again.
const tick = time.Second

// run writes what waits, until the journal is closed.
func (j *Journal) run() {
	defer close(j.ended)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-j.wake:
		case <-ticker.C:
			j.look()
			continue
		}
		j.mu.Lock()
		batch, closed := j.waiting, j.closed
		j.waiting = nil
		j.mu.Unlock()
		if len(batch) > 0 {
			j.write(batch)
		}
		if closed {
			return // nothing was added after that
		}
	}
}

// least is how much room a disk that was full must have before records are tried again: with less, one record might find room and
// the next none.
const least = 1 << 20

// look does what is due by the clock.
func (j *Journal) look() {
	j.w.watchClock()
	j.w.retire()
	switch free := durable.Free(j.dir); {
	case j.Err() != nil && free >= 0 && free < least:
	case j.Err() != nil || len(j.w.events) > 0:
		j.write(nil)
	}
	if err := j.w.removeRetired(); err != nil {
		j.options.Log.Warn("old segments of the audit log cannot be removed", "error", err)
	}
	j.tell()
}

// write writes a batch, whose calls then return.
func (j *Journal) write(batch []*waiter) {
	j.mu.Lock()
	failing, since, refused := j.failing, j.since, j.refused
	j.mu.Unlock()
	if failing != nil {
		j.w.resume = &Event{Since: &since, Refused: refused}
	}
	err := j.w.write(batch)
	j.w.resume = nil
	j.mu.Lock()
	switch {
	case err == nil && failing != nil:
		j.failing, j.refused = nil, j.refused-refused
	case err != nil:
		if failing == nil {
			j.since = j.w.now()
		}
		j.failing = err
		for _, w := range batch {
			j.refused += uint64(len(w.entries))
		}
	}
	j.mu.Unlock()
	j.tell()
	switch {
	case err != nil && failing == nil:
		j.options.Log.Error("the audit log cannot be written; pictures are not answered until it can", "error", err)
	case err == nil && failing != nil:
		j.options.Log.Info("the audit log is written again", "refused", refused, "since", since)
	}
	for _, w := range batch {
		if err != nil {
			w.receipts, w.err = nil, ErrUnavailable
		}
		close(w.done)
	}
}

// tell takes over what is on disk.
func (j *Journal) tell() {
	s := j.w.state()
	j.mu.Lock()
	j.state = s
	j.mu.Unlock()
}

// Close writes what waits and a stop, and lets go of the directory. Nothing is recorded afterwards.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	j.signal()
	<-j.ended
	j.w.events = append(j.w.events, event{KindStop, &Event{}})
	j.write(nil)
	err := j.Err()
	if err != nil {
		err = fmt.Errorf("%w: the last record, that the process ends, is missing", err)
	}
	j.options.Log.Info("the audit log ends", "head", j.w.head.String())
	return errors.Join(err, j.w.close(), j.lock.Close())
}
