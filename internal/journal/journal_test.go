package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// answered is an entry like those of a server.
func answered(n int) Entry {
	p, raw, odds, threshold := 0.1+float64(n)/1e6, 1/3.0, -0.6931471805599453, 0.5
	spikes, operations := uint64(12345+n), uint64(99)
	return Entry{
		Asked: &Asked{
			ID: fmt.Sprintf("r%d.0", n), Via: "/v1/predictions", Caller: "127.0.0.1/32", Input: &Input{Bytes: int64(n), SHA256: Hash{byte(n), byte(n >> 8)}},
			Model:   pipeline.ModelReference{Name: "net", Version: "1.0.0", Digest: "sha256:00"},
			Options: Terms{Gate: pipeline.GateFlag}, Kernel: "generic",
		},
		Answer: &Answer{
			Backend: "simulator", Probability: &p, RawProbability: &raw, LogOdds: &odds, Probabilities: []float64{1 - p, p}, Label: "NORMAL", Threshold: &threshold,
			Format: "png", Width: 3, Height: 4, Warnings: []string{"small: <3 & \"4\"\u2028"}, Steps: 2, Spikes: &spikes, SynapticOperations: &operations,
		},
	}
}

func refused(n int) Entry {
	e := answered(n)
	e.Answer, e.Problem = nil, &Problem{Name: "gate-refused", Status: 422, Gate: &Gate{Probability: 0.25, Reason: "photo"}}
	return e
}

func open(t *testing.T, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func add(t *testing.T, j *Journal, entries ...Entry) []Receipt {
	t.Helper()
	receipts, err := j.Append(t.Context(), entries...)
	if err != nil || len(receipts) != len(entries) {
		t.Fatal(receipts, err)
	}
	return receipts
}

func closed(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// whole verifies a journal that nothing must be wrong with, and gives its records.
func whole(t *testing.T, dir string) (Verification, []Seen) {
	t.Helper()
	var all []Seen
	v, err := Verify(t.Context(), dir, func(s Seen) error {
		s.Line = append([]byte{}, s.Line...)
		all = append(all, s)
		return nil
	})
	if err != nil || !v.Whole() {
		t.Fatalf("%v, %+v", err, v)
	}
	return v, all
}

func kinds(all []Seen) (list []Kind) {
	for _, s := range all {
		list = append(list, s.Kind)
	}
	return list
}

func TestWhatIsAppendedIsThereInItsOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := filepath.Join(t.TempDir(), "new")
	j := open(t, dir, Options{Program: "v1"})
	receipts := add(t, j, answered(1), refused(2))
	receipts = append(receipts, add(t, j, answered(3))...)
	if s := j.State(); s.Head != receipts[2] || s.Segments != 1 || s.Bytes == 0 || s.Failing || s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
	closed(t, j)
	if _, err := j.Append(t.Context(), answered(4)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	j = open(t, dir, Options{Program: "v2"})
	add(t, j, answered(5))
	closed(t, j)

	v, all := whole(t, dir)
	want := []Kind{KindStart, KindAnswer, KindProblem, KindAnswer, KindStop, KindStart, KindAnswer, KindStop}
	if !reflect.DeepEqual(kinds(all), want) || v.First != 1 || v.Last != 8 || v.Crashes != 0 || v.Head != text(all[7]) {
		t.Errorf("%v, %+v", kinds(all), v)
	}
	for i, r := range receipts {
		if all[i+1].Receipt() != r {
			t.Errorf("the receipt is %v, and the record %v", r, all[i+1].Receipt())
		}
	}
	if want := refused(2); !reflect.DeepEqual(all[2].Asked, want.Asked) || !reflect.DeepEqual(all[2].Problem, want.Problem) {
		t.Errorf("%+v", all[2])
	}
	if want := answered(3); !reflect.DeepEqual(all[3].Answer, want.Answer) {
		t.Errorf("%+v", all[3].Answer)
	}
	if all[0].Event.Program != "v1" || all[5].Event.Program != "v2" {
		t.Errorf("%+v, %+v", all[0].Event, all[5].Event)
	}
	for _, s := range all {
		if got, err := ParseReceipt(text(s)); err != nil || got != s.Receipt() {
			t.Error(got, err)
		}
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", f.Name(), info.Mode())
		}
	}
}

func TestOneProcessWrites(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
	closed(t, j)
	closed(t, open(t, dir, Options{}))
}

// TestCallsAtTheSameTimeShareAWrite has a disk that is slow to become safe.
func TestCallsAtTheSameTimeShareAWrite(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	writes, written := 0, 0
	j := open(t, dir, Options{Watch: Watch{Written: func(k []Kind, _ time.Duration) {
		mu.Lock()
		writes, written = writes+1, written+len(k)
		mu.Unlock()
		time.Sleep(2 * time.Millisecond)
	}}})
	const callers, each = 16, 20
	var wait sync.WaitGroup
	seen := make([][]Receipt, callers)
	for c := range callers {
		wait.Go(func() {
			for i := range each {
				r, err := j.Append(t.Context(), answered(c*each+i), refused(c*each+i))
				if err != nil || r[1].Seq != r[0].Seq+1 {
					t.Error(r, err)
					return
				}
				seen[c] = append(seen[c], r...)
			}
		})
	}
	wait.Wait()
	closed(t, j)
	_, all := whole(t, dir)
	if written != len(all) || len(all) != 2*callers*each+2 || writes > callers*each/3 {
		t.Errorf("%d records in %d writes, %d are there", written, writes, len(all))
	}
	for c := range callers {
		for i, r := range seen[c] {
			s := all[r.Seq-1]
			if s.Receipt() != r || s.Asked.ID != answered(c*each+i/2).Asked.ID {
				t.Fatalf("receipt %v is of %+v", r, s.Asked)
			}
		}
	}
}

func TestACallerThatLeavesIsToldSo(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("left")
	cancel(why)
	if _, err := j.Append(ctx, answered(1)); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if s := j.State(); s.Head.Seq != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAnEntryThatIsNoneKeepsNoOtherOut(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	long := answered(1)
	long.Answer.Warnings = []string{string(make([]byte, MaxRecord))}
	for _, bad := range []Entry{{}, {Asked: answered(1).Asked}, long} {
		if r, err := j.Append(t.Context(), answered(1), bad); err == nil || r != nil {
			t.Errorf("it was taken: %v", r)
		}
	}
	add(t, j, answered(2))
	closed(t, j)
	if _, all := whole(t, dir); len(all) != 3 || j.Err() != nil {
		t.Errorf("%v", kinds(all))
	}
}

func TestSegmentsFollowEachOther(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 3000})
	for i := range 20 {
		add(t, j, answered(i))
	}
	closed(t, j)
	state := j.State()
	v, all := whole(t, dir)
	if v.Segments < 5 || v.Segments != state.Segments || len(all) != 22 {
		t.Errorf("%+v, %+v", v, state)
	}
	for i := range 3 { // a new process goes on where the last ended, whatever it finds there
		j = open(t, dir, Options{SegmentBytes: 1})
		add(t, j, answered(i))
		closed(t, j)
	}
	if v, _ := whole(t, dir); v.Records != 31 || v.Segments < 12 {
		t.Errorf("%+v", v)
	}
}

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
		if s.Kind == KindRetire && s.Event.Through != v.First-1 && s.Event.Segments != 1 {
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

func text(s Seen) string { return s.Receipt().String() }
