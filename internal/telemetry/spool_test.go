package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// reader is a writer that takes a write when it is let, and fails while it is full.
type reader struct {
	mu   sync.Mutex
	text bytes.Buffer
	fail error
	let  chan struct{} // nil: at once
}

func (r *reader) Write(p []byte) (int, error) {
	if r.let != nil {
		<-r.let
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return 0, r.fail
	}
	return r.text.Write(p)
}

func (r *reader) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

// within runs f and fails the test if it does not come back.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("it hangs")
	}
}

func TestSpoolKeepsOrderAndFlushes(t *testing.T) {
	r := &reader{}
	s := NewSpool(r, 1<<20, func() { t.Error("dropped") }, nil)
	var want []string
	for i := range 5000 {
		want = append(want, fmt.Sprint(i))
		fmt.Fprintln(s, i)
	}
	s.Close(10 * time.Second)
	if got := r.lines(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d lines, the first %v", len(got), got[:min(3, len(got))])
	}
}

func TestSpoolDropsWhatDoesNotFitAndSaysWhere(t *testing.T) {
	r := &reader{let: make(chan struct{})}
	dropped := 0
	s := NewSpool(r, 30, func() { dropped++ }, func(n int) { r.mu.Lock(); fmt.Fprintf(&r.text, "%d dropped\n", n); r.mu.Unlock() })
	within(t, 10*time.Second, func() {
		for i := range 10 {
			fmt.Fprintf(s, "record %d\n", i) // 9 bytes each
		}
	})
	if dropped != 7 {
		t.Errorf("%d dropped, 7 do not fit", dropped)
	}
	for range 3 {
		r.let <- struct{}{}
	}
	for s.pending() > 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintln(s, "again")
	close(r.let)
	s.Close(10 * time.Second)
	if got := strings.Join(r.lines(), ","); got != "record 0,record 1,record 2,7 dropped,again" {
		t.Errorf("%s", got)
	}
}

func (s *Spool) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func TestSpoolOutlivesItsWriter(t *testing.T) {
	r := &reader{fail: errors.New("no space left on device")}
	var dropped atomic.Int32
	s := NewSpool(r, 1000, func() { dropped.Add(1) }, func(n int) { fmt.Fprintf(r, "%d dropped\n", n) })
	for i := range 3 {
		fmt.Fprintln(s, i)
	}
	for s.pending() > 0 {
		time.Sleep(time.Millisecond)
	}
	r.set(nil)
	fmt.Fprintln(s, "space again")
	s.Close(10 * time.Second)
	fmt.Fprintln(s, "after the end")
	if got := strings.Join(r.lines(), ","); got != "3 dropped,space again" || dropped.Load() != 4 {
		t.Errorf("%s, %d dropped", got, dropped.Load())
	}
}

func TestServiceLoggerNeverWaits(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	defer pw.Close()
	metrics := NewMetrics(Build{})
	log, flush, err := NewServiceLogger(pw, FormatJSON, slog.LevelInfo, metrics)
	if err != nil {
		t.Fatal(err)
	}
	const records = 20000
	within(t, time.Minute, func() {
		for i := range records {
			log.Info("a request was answered, and nobody reads of it", "n", i, "text", strings.Repeat("x", 100))
		}
		flush()
	})
	dropped := testutil.ToFloat64(metrics.logDropped)
	if dropped == 0 || dropped >= records {
		t.Errorf("%v of %d dropped", dropped, records)
	}
}
