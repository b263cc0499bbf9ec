package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// recover finds the end of what is there, takes an unfinished record away, and makes ready to write behind it. That a process
// begins is the first event to be recorded.
func (w *writer) recover() error {
	w.hold = w.options.clock.since() + calm
	start := &Event{Program: w.options.Program}
	w.events = append(w.events, event{KindStart, start})
	found, err := list(w.dir)
	if err != nil || len(found) == 0 {
		return err
	}
	if err := w.index(found); err != nil {
		return err
	}
	if err := w.last(start); err != nil {
		return err
	}
	w.goOnWithCare()
	if start.Cut != nil {
		w.options.Log.Warn("the last record of the audit log was unfinished and was cut off: a process ended in the midst of a write; no answer was sent for it",
			"bytes", start.Cut.Bytes, "sha256", start.Cut.SHA256.String())
	}
	w.options.Log.Info("the audit log goes on", "head", w.head.String())
	return nil
}

// index reads what the first record of each segment says.
func (w *writer) index(found []segment) error {
	for i, s := range found {
		k := kept{segment: s}
		r, err := firstRecord(s.path)
		switch {
		case errors.Is(err, io.EOF) && i == len(found)-1: // nothing of it was finished
		case err != nil:
			return fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Base(s.path), err)
		case r.Seq != s.first:
			return fmt.Errorf("%w: %s begins with record %d", ErrDamaged, filepath.Base(s.path), r.Seq)
		default:
			k.at, k.before = r.Time, Receipt{r.Seq - 1, r.Prev}
		}
		w.segments = append(w.segments, k)
	}
	return nil
}

// last checks the last segment, and that it follows the one before, and opens it for writing.
func (w *writer) last(start *Event) (err error) {
	end := &w.segments[len(w.segments)-1]
	before := end.before
	if n := len(w.segments); n > 1 {
		if before, err = lastOf(w.segments[n-2].segment); err != nil {
			return err
		}
		if !end.at.IsZero() && before != end.before {
			return fmt.Errorf("%w: %s does not begin with the hash of the last record before it", ErrDamaged, filepath.Base(end.path))
		}
	} else if end.at.IsZero() && end.first > 1 {
		return fmt.Errorf("%w: %s is empty, and what was before it is gone", ErrDamaged, filepath.Base(end.path))
	}
	if before.Seq != end.first-1 {
		return fmt.Errorf("%w: %s should begin with record %d", ErrDamaged, filepath.Base(end.path), before.Seq+1)
	}
	f, err := os.OpenFile(end.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	w.file, w.head, end.before = f, before, before
	if err := w.finish(start); err != nil {
		_ = f.Close()
		return err
	}
	end.size = w.length
	if end.at.IsZero() {
		end.at = w.headAt // of the one record that lacked its line's end
	}
	age := min(max(0, w.now().Sub(end.at)), w.options.SegmentAge)
	if w.length == 0 {
		age = 0
	}
	w.began = w.options.clock.since() - age
	return nil
}

// finish reads the last segment from its beginning, and cuts off a record at its end that is unfinished.
func (w *writer) finish(start *Event) error {
	in := newLines(w.file)
	for {
		line, at, whole, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return err
		}
		if !whole {
			return w.unfinished(line, err, at, start)
		}
		var r Record
		var sum Hash
		if err == nil {
			r, sum, err = Parse(line)
		}
		if err == nil && (r.Seq != w.head.Seq+1 || r.Prev != w.head.Hash) {
			err = fmt.Errorf("record %d does not follow record %d", r.Seq, w.head.Seq)
		}
		if err != nil {
			return fmt.Errorf("%w: %s, byte %d: %w; see spikeray audit verify", ErrDamaged, w.file.Name(), at, err)
		}
		w.head, w.headAt, w.length = Receipt{r.Seq, sum}, r.Time, in.at
	}
}

// unfinished deals with bytes at the end that no line's end follows.
func (w *writer) unfinished(line []byte, err error, at int64, start *Event) error {
	switch endOf(line, err) {
	case damagedTail:
		return fmt.Errorf("%w: %s, byte %d: what stands there is not the beginning of a record; see spikeray audit verify", ErrDamaged, w.file.Name(), at)
	case finishedTail:
		r, sum, err := Parse(line)
		if err != nil || r.Seq != w.head.Seq+1 || r.Prev != w.head.Hash {
			return fmt.Errorf("%w: %s, byte %d: record %d does not follow record %d", ErrDamaged, w.file.Name(), at, r.Seq, w.head.Seq)
		}
		end := at + int64(len(line))
		if _, err := w.file.WriteAt([]byte{'\n'}, end); err != nil {
			return err
		}
		w.head, w.headAt, w.length = Receipt{r.Seq, sum}, r.Time, end+1
		return w.file.Sync()
	}
	start.Cut = &Cut{Bytes: int64(len(line)), SHA256: sha256.Sum256(line)}
	if err := w.file.Truncate(at); err != nil {
		return err
	}
	return w.file.Sync()
}

// lastOf is the last record of a segment that another follows.
func lastOf(s segment) (Receipt, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return Receipt{}, err
	}
	defer f.Close()
	at := max(0, s.size-2*MaxRecord) // the last line begins behind that
	in := newLines(io.NewSectionReader(f, at, s.size-at))
	var last Receipt
	var bad error
	for skip := at > 0; ; skip = false {
		line, _, whole, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if skip {
			continue // it may have begun before
		}
		var r Record
		var sum Hash
		if err == nil {
			r, sum, err = Parse(line)
		}
		if err == nil && !whole {
			err = errors.New("its last record is unfinished")
		}
		last, bad = Receipt{r.Seq, sum}, err
	}
	if bad == nil && last == (Receipt{}) {
		bad = errors.New("it is empty")
	}
	if bad != nil {
		return Receipt{}, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Base(s.path), bad)
	}
	return last, nil
}

const (
	// calm is how long after a start nothing is removed for its age: a clock that was wrong at boot is set in that time.
	calm = time.Hour
	// caution is how long nothing is removed after the clock was set, so that one that was set wrongly removes nothing.
	caution = 24 * time.Hour
	// jump is by how much the clock must be set for that.
	jump = time.Minute
)

// watchClock notes when the machine's clock is set.
func (w *writer) watchClock() {
	since := w.options.clock.since()
	ahead := time.Duration(w.options.clock.wall().UnixMilli())*time.Millisecond - since
	by := ahead - w.ahead
	if w.seen && (by > jump || by < -jump) {
		w.events = append(w.events, event{KindClock, &Event{Seconds: by.Round(time.Second).Seconds()}})
		w.hold = since + caution
		w.options.Log.Warn("the clock was set; nothing is removed from the audit log for its age for a day", "by", by.Round(time.Second).String())
	}
	w.ahead, w.seen = ahead, true
}

// goOnWithCare keeps the day of caution that a process before this one began. It reads only the segments of about a day.
func (w *writer) goOnWithCare() {
	if w.options.Keep <= 0 {
		return
	}
	now := w.now()
	for _, s := range slices.Backward(w.segments) {
		if at := lastSet(s.path); !at.IsZero() {
			w.hold = max(w.hold, w.options.clock.since()+caution-min(max(0, now.Sub(at)), caution))
			return
		}
		if s.at.Before(now.Add(-caution)) {
			return
		}
	}
}

// lastSet is when a segment says last that the clock was set, by that clock; zero if it does not, or cannot be read.
func lastSet(path string) (at time.Time) {
	f, err := os.Open(path)
	if err != nil {
		return at
	}
	defer f.Close()
	for in := newLines(f); ; {
		line, _, _, err := in.next()
		if err != nil && !errors.Is(err, errTooLong) {
			return at
		}
		// In a text the quotes would be escaped.
		if bytes.Contains(line, []byte(`"kind":"`+KindClock+`"`)) {
			if r, _, err := Parse(line); err == nil {
				at = r.Time
			}
		}
	}
}

// retire chooses the segments that are older than they are kept. They are removed once a record tells so. A segment is older than the
// next one's first record. Where that has a time that lies ahead, or before the time of an earlier segment, the clock was wrong
// when it was written, and the segment after it decides.
func (w *writer) retire() {
	if w.options.Keep <= 0 || len(w.retired) > 0 || w.options.clock.since() < w.hold {
		return
	}
	now, n := w.now(), 0
	var latest time.Time
	for i, s := range w.segments {
		if s.size == 0 {
			break
		}
		if s.at.After(now) || s.at.Before(latest) {
			continue
		}
		if latest = s.at; !latest.Before(now.Add(-w.options.Keep)) {
			break
		}
		n = i
	}
	for _, s := range w.segments[:n] {
		w.retired = append(w.retired, s.path)
	}
	if n == 0 {
		return
	}
	last := w.segments[n].before
	w.events = append(w.events, event{KindRetire, &Event{Through: last.Seq, Hash: &last.Hash, Segments: n}})
}

// removeRetired removes the segments that a durable record says are removed.
func (w *writer) removeRetired() error {
	if len(w.retired) == 0 || len(w.events) > 0 {
		return nil
	}
	for len(w.retired) > 0 {
		if err := os.Remove(w.retired[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		w.options.Log.Info("a file of the audit log was removed for its age", "file", w.retired[0])
		w.retired, w.segments = w.retired[1:], w.segments[1:]
	}
	return durable.SyncDir(w.dir)
}
