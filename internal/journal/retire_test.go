package journal

import (
	"os"
	"sync"
	"testing"
	"time"
)

// hands is a clock that a test sets.
type hands struct {
	mu    sync.Mutex
	wall  time.Time
	since time.Duration
}

func (h *hands) clock() clock {
	return clock{func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.wall
	}, func() time.Duration {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.since
	}}
}

// pass lets time pass, and set sets the machine's clock.
func (h *hands) pass(d time.Duration) {
	h.mu.Lock()
	h.wall, h.since = h.wall.Add(d), h.since+d
	h.mu.Unlock()
}
func (h *hands) set(by time.Duration) { h.mu.Lock(); h.wall = h.wall.Add(by); h.mu.Unlock() }

func newHands() *hands { return &hands{wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// still is a journal whose writer the test drives: it looks at the clock when it is told to.
func still(t *testing.T, dir string, o Options) *writer {
	t.Helper()
	o = o.withDefaults()
	w := &writer{dir: dir, options: &o}
	if err := w.recover(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	return w
}

func (w *writer) tick(t *testing.T) {
	t.Helper()
	w.watchClock()
	w.retire()
	if len(w.events) > 0 {
		if err := w.write(nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.removeRetired(); err != nil {
		t.Fatal(err)
	}
}

func (w *writer) one(t *testing.T, n int) {
	t.Helper()
	if err := w.write([]*waiter{{entries: []Entry{answered(n)}}}); err != nil {
		t.Fatal(err)
	}
}

func TestSegmentsEndAndAreRemovedByAge(t *testing.T) {
	dir, h := t.TempDir(), newHands()
	o := Options{SegmentAge: time.Hour, Keep: 10 * time.Hour, clock: h.clock()}
	w := still(t, dir, o)
	for i := range 13 { // a segment an hour
		w.tick(t)
		w.one(t, i)
		w.one(t, i)
		h.pass(time.Hour)
	}
	if n := len(w.segments); n != 12 {
		t.Errorf("%d segments", n)
	}
	v, all := whole(t, dir)
	if v.Kinds[KindRetire] != 1 || v.First == 1 {
		t.Errorf("%+v", v)
	}
	for _, s := range all {
		if s.Kind == KindRetire && (s.Event.Through != v.First-1 || s.Event.Segments != 1) {
			t.Errorf("%+v", s.Event)
		}
	}
	// The next process knows what there is.
	_ = w.close()
	w = still(t, dir, o)
	if w.segments[0].first != v.First || len(w.segments) != 12 {
		t.Errorf("%+v", w.segments)
	}
	h.pass(30 * time.Minute)
	w.tick(t)
	if again, _ := whole(t, dir); again.First != v.First {
		t.Errorf("segments are removed shortly after a start: %+v", again)
	}
	h.pass(20 * time.Hour)
	w.tick(t)
	w.tick(t)
	v, _ = whole(t, dir)
	if v.Segments > 2 || len(w.segments) != v.Segments {
		t.Errorf("%+v", v)
	}
	// Without the record that says so, what is missing is missing.
	if err := os.Remove(w.segments[0].path); err != nil {
		t.Fatal(err)
	}
	w.one(t, 1)
	if v, err := Verify(t.Context(), dir, nil); err != nil || v.Whole() {
		t.Errorf("%v, %+v", err, v)
	}
}

// TestASegmentThatACrashLeftWithoutARecordIsKeptLikeOthers begins a segment of which nothing, or all but the line's end, was written.
// What is removed before it is later told with the record that it follows, and not before its time.
func TestASegmentThatACrashLeftWithoutARecordIsKeptLikeOthers(t *testing.T) {
	for _, finished := range []bool{false, true} {
		dir, h := t.TempDir(), newHands()
		o := Options{SegmentAge: time.Hour, Keep: 10 * time.Hour, clock: h.clock()}
		w := still(t, dir, o)
		w.one(t, 1)
		h.pass(time.Hour)
		if finished {
			w.one(t, 2)
			path := w.segments[1].path
			line := read(t, path)
			put(t, path, line[:len(line)-1])
		} else {
			put(t, segmentPath(dir, w.head.Seq+1), nil)
		}
		_ = w.close()
		w = still(t, dir, o)
		w.one(t, 3)
		h.pass(2 * time.Hour)
		w.tick(t)
		if v, _ := whole(t, dir); v.First != 1 {
			t.Errorf("finished %v: removed too early: %+v", finished, v)
		}
		h.pass(9 * time.Hour)
		w.tick(t)
		if v, _ := whole(t, dir); v.First == 1 {
			t.Errorf("finished %v: nothing is removed: %+v", finished, v)
		}
	}
}

// TestARemovalThatIsBrokenOffIsNoDamage has the first of three files removed that a record says are.
func TestARemovalThatIsBrokenOffIsNoDamage(t *testing.T) {
	dir, h := t.TempDir(), newHands()
	w := still(t, dir, Options{SegmentAge: time.Hour, Keep: 10 * time.Hour, clock: h.clock()})
	for i := range 4 {
		w.one(t, i)
		h.pass(time.Hour)
	}
	h.pass(20 * time.Hour)
	w.retire()
	if err := w.write(nil); err != nil || len(w.retired) != 3 {
		t.Fatal(err, w.retired)
	}
	for i, path := range w.retired {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if v, _ := whole(t, dir); v.First == 1 || v.Segments != 4-i {
			t.Errorf("%+v", v)
		}
	}
	if err := os.Remove(w.segments[3].path); err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(t.Context(), dir, nil); err != nil || v.Faulty != 1 {
		t.Errorf("one more is gone: %v, %+v", err, v)
	}
}

func TestAClockThatIsSetRemovesNothing(t *testing.T) {
	dir, h := t.TempDir(), newHands()
	w := still(t, dir, Options{SegmentAge: time.Hour, Keep: 48 * time.Hour, clock: h.clock()})
	for i := range 5 {
		w.tick(t)
		w.one(t, i)
		h.pass(time.Hour)
	}
	h.set(80 * 365 * 24 * time.Hour)
	w.tick(t)
	h.pass(20 * time.Hour)
	w.tick(t)
	h.set(-80 * 365 * 24 * time.Hour)
	w.tick(t)
	w.one(t, 9)
	v, all := whole(t, dir)
	if v.First != 1 || v.Kinds[KindClock] != 2 || v.Backwards != 1 {
		t.Errorf("%+v", v)
	}
	for _, s := range all {
		if s.Kind == KindClock && s.Event.Seconds != 80*365*24*3600 && s.Event.Seconds != -80*365*24*3600 {
			t.Errorf("%+v", s.Event)
		}
	}
	h.pass(25 * time.Hour)
	w.tick(t)
	h.pass(25 * time.Hour)
	w.tick(t)
	if v, _ := whole(t, dir); v.First == 1 {
		t.Errorf("nothing is removed ever again: %+v", v)
	}
}

// TestAClockThatWasWrongForLong has segments written while the clock was ten years off, between one from long before and those that
// follow. They are removed neither with what is older than they are, nor never.
func TestAClockThatWasWrongForLong(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	for _, by := range []time.Duration{-years, years} {
		dir, h := t.TempDir(), newHands()
		o := Options{SegmentAge: time.Hour, Keep: 48 * time.Hour, clock: h.clock()}
		w := still(t, dir, o)
		hour := func(n int) {
			for i := range n {
				w.tick(t)
				w.one(t, i)
				h.pass(time.Hour)
			}
		}
		hour(1)
		h.pass(1000 * time.Hour)
		h.set(by)
		wrong := w.head.Seq + 1
		hour(3)
		h.set(-by)
		hour(30) // the clock is right again for longer than nothing is removed
		if v, _ := whole(t, dir); v.First > wrong {
			t.Errorf("by %v: removed after 33 hours of %v: %+v", by, o.Keep, v)
		}
		hour(30)
		if v, _ := whole(t, dir); v.Segments > 50 {
			t.Errorf("by %v: %d segments are kept after 65 hours, of an hour each", by, v.Segments)
		}
	}
}

// TestARestartAfterTheClockWasSetRemovesNothing has a process end within the day in which nothing is removed.
func TestARestartAfterTheClockWasSetRemovesNothing(t *testing.T) {
	dir, h := t.TempDir(), newHands()
	o := Options{SegmentAge: time.Hour, Keep: 48 * time.Hour, clock: h.clock()}
	w := still(t, dir, o)
	for i := range 5 {
		w.tick(t)
		w.one(t, i)
		h.pass(time.Hour)
	}
	h.set(10 * 365 * 24 * time.Hour)
	w.tick(t)
	for range 4 {
		_ = w.close()
		w = still(t, dir, o)
		h.pass(5 * time.Hour)
		w.tick(t)
	}
	if v, _ := whole(t, dir); v.First != 1 {
		t.Errorf("removed 20 hours after the clock was set: %+v", v)
	}
	h.pass(5 * time.Hour)
	w.tick(t)
	w.tick(t)
	if v, _ := whole(t, dir); v.First == 1 {
		t.Errorf("nothing is removed ever again: %+v", v)
	}
}
