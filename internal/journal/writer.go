package journal

import (
	"fmt"
	"os"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// writer is the end of a journal where records are added. One goroutine has it.
type writer struct {
	dir     string
	options *Options

	head     Receipt // of the last record that is durable
	headAt   time.Time
	segments []kept
	file     *os.File      // the last of segments, nil before the first record
	length   int64         // of what is durable in it
	began    time.Duration // when it was, by the clock that is never set
	dirty    bool          // something may stand behind length

	events  []event // that are to be recorded first
	resume  *Event  // recorded before all else, if the disk takes it
	retired []string

	ahead time.Duration // how far the machine's clock was ahead of the other when it was looked at last
	seen  bool          // it was
	hold  time.Duration // until then nothing is removed for its age

	buffer []byte
	kinds  []Kind
}

// kept is a segment and what has to be known of it.
type kept struct {
	segment
	at     time.Time // of its first record
	before Receipt   // what that follows
}

// event is a record that no picture has.
type event struct {
	kind  Kind
	event *Event
}

// now is the machine's time as records have it: in microseconds, by UTC.
func (w *writer) now() time.Time {
	return w.options.clock.wall().UTC().Round(0).Truncate(time.Microsecond)
}

// write adds the events that are due and the entries of a batch, each with its receipt, and returns once they are durable. After an
// error none of them is there, or what is will be overwritten.
func (w *writer) write(batch []*waiter) error {
	if err := w.room(); err != nil {
		w.options.Watch.Failed()
		return err
	}
	w.buffer, w.kinds = w.buffer[:0], w.kinds[:0]
	head, now := w.head, w.now()
	add := func(r Record) error {
		r.Version, r.Seq, r.Prev, r.Time = version, head.Seq+1, head.Hash, now
		err := r.check()
		if err == nil {
			w.buffer, head.Hash, err = r.appendLine(w.buffer)
		}
		if err != nil {
			return fmt.Errorf("a record cannot be encoded: %w", err)
		}
		head.Seq++
		w.kinds = append(w.kinds, r.Kind)
		return nil
	}
	due := w.events
	if w.resume != nil {
		due = append([]event{{KindResume, w.resume}}, due...)
	}
	for _, e := range due {
		if err := add(Record{Kind: e.kind, Event: e.event}); err != nil {
			return err
		}
	}
	for _, one := range batch {
		one.receipts, one.err = nil, nil
		good, length, kinds := head, len(w.buffer), len(w.kinds)
		for _, e := range one.entries {
			r := Record{Kind: KindAnswer, Asked: e.Asked, Answer: e.Answer}
			if e.Problem != nil {
				r.Kind, r.Answer, r.Problem = KindProblem, nil, e.Problem
			}
			if one.err = add(r); one.err != nil { // it keeps no other from being recorded
				head, w.buffer, w.kinds, one.receipts = good, w.buffer[:length], w.kinds[:kinds], nil
				break
			}
			one.receipts = append(one.receipts, head)
		}
	}
	if len(w.buffer) == 0 {
		return nil
	}
	began := w.options.clock.since()
	if err := w.put(w.buffer); err != nil {
		w.options.Watch.Failed()
		return err
	}
	last := &w.segments[len(w.segments)-1]
	if w.length == 0 {
		last.at = now
	}
	w.length += int64(len(w.buffer))
	last.size = w.length
	w.head, w.headAt, w.events = head, now, nil
	w.options.Watch.Written(w.kinds, w.options.clock.since()-began)
	return nil
}

// put writes bytes behind those that are durable.
func (w *writer) put(data []byte) error {
	w.dirty = true
	_, err := w.file.WriteAt(data, w.length)
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		w.clean()
		return err
	}
	w.dirty = false
	return nil
}

// clean takes away what stands behind what is durable. What it fails to is overwritten by the next write, or cut at the next start.
func (w *writer) clean() {
	if w.file.Truncate(w.length) == nil && w.file.Sync() == nil {
		w.dirty = false
	}
}

// room sees to it that there is a segment with room for more.
func (w *writer) room() error {
	if w.file != nil && w.dirty {
		if w.clean(); w.dirty {
			return fmt.Errorf("%s: what could not be written whole cannot be taken away either", w.file.Name())
		}
	}
	full := w.file != nil && w.length > 0 && (w.length >= w.options.SegmentBytes || w.options.clock.since()-w.began >= w.options.SegmentAge)
	if w.file != nil && !full {
		return nil
	}
	s := segment{first: w.head.Seq + 1, path: segmentPath(w.dir, w.head.Seq+1)}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		err = fmt.Errorf("%s is there already", s.path)
	}
	if err == nil {
		err = durable.SyncDir(w.dir)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	if w.file != nil {
		_ = w.file.Close() // all of it is on disk
		w.options.Log.Info("the audit log goes on in another file", "head", w.head.String(), "file", s.path)
	}
	w.file, w.length, w.dirty, w.began = f, 0, false, w.options.clock.since()
	w.segments = append(w.segments, kept{s, w.now(), w.head})
	return nil
}

// state tells what is on disk.
func (w *writer) state() State {
	s := State{Head: w.head, Segments: len(w.segments), Newest: w.headAt}
	for i, k := range w.segments {
		if s.Bytes += k.size; i == 0 {
			s.Oldest = k.at
		}
	}
	return s
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
