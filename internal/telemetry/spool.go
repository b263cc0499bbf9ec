package telemetry

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Spool takes writes without ever waiting for the writer behind it: a goroutine of its own passes them on, each whole and
// in order. What comes while too much waits is dropped, and so is what the writer fails to take; both are counted.
type Spool struct {
	w       io.Writer
	limit   int
	dropped func()
	resumed func(dropped int)

	mu      sync.Mutex
	queue   []record
	bytes   int // of the queue, and of what is being written
	missing int // dropped since the last in the queue
	closed  bool
	wake    chan struct{} // something is in the queue, or it is closed
	over    chan struct{} // closed when nothing more is written
}

// record is one write.
type record struct {
	text   []byte
	before int // writes that were dropped just before it
}

// NewSpool passes on to w, of which at most limit bytes wait. dropped, if not nil, is called for each write that is
// dropped, and must not write to the spool. resumed, if not nil, is told where the dropped ones would have stood: it is
// called by the goroutine that writes to w, so that it may write to w itself.
func NewSpool(w io.Writer, limit int, dropped func(), resumed func(n int)) *Spool {
	if dropped == nil {
		dropped = func() {}
	}
	if resumed == nil {
		resumed = func(int) {}
	}
	s := &Spool{w: w, limit: limit, dropped: dropped, resumed: resumed, wake: make(chan struct{}, 1), over: make(chan struct{})}
	go s.pass()
	return s
}

// Write never fails and never blocks.
func (s *Spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	if s.closed || s.bytes+len(p) > s.limit {
		s.missing++
		s.mu.Unlock()
		s.dropped()
		return len(p), nil
	}
	s.queue = append(s.queue, record{bytes.Clone(p), s.missing})
	s.bytes += len(p)
	s.missing = 0
	s.mu.Unlock()
	s.signal()
	return len(p), nil
}

func (s *Spool) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close takes nothing more and returns once all that waits has been passed on, or after the patience.
func (s *Spool) Close(patience time.Duration) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.over:
	case <-timer.C:
	}
}

func (s *Spool) pass() {
	defer close(s.over)
	failed := 0 // writes that w did not take, since it last did
	for range s.wake {
		for {
			next, more, done := s.next()
			if missing := next.before + failed; missing > 0 && (more || done) {
				s.resumed(missing)
			}
			if done {
				return
			}
			if !more {
				break
			}
			if _, err := s.w.Write(next.text); err != nil {
				failed += next.before + 1
				s.dropped()
			} else {
				failed = 0
			}
			s.mu.Lock()
			s.bytes -= len(next.text)
			s.mu.Unlock()
		}
	}
}

// next takes the first record from the queue, if there is more. The last, when all is done, has no text.
func (s *Spool) next() (first record, more, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil // and the memory of what was in it
		if !s.closed {
			return record{}, false, false
		}
		return record{before: s.missing}, false, true
	}
	first, s.queue[0] = s.queue[0], record{}
	s.queue = s.queue[1:]
	return first, true, false
}
