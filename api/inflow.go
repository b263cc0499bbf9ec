package api

import (
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// uploadWindow is the time over which MinUploadRate is taken.
	uploadWindow = 5 * time.Second
	// movement is how many bytes in a time of stalled show that an upload moves.
	movement = 16 << 10
)

// inflow is a request's body, which must keep a pace and can be stopped.
type inflow struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time // when all must have come
	least   int       // bytes that must come in uploadWindow

	mu       sync.Mutex
	window   time.Time // when the window began; zero before the first read
	came     int       // bytes in it
	moving   time.Time // when the last movement bytes had come
	moves    int       // bytes since
	why      error     // it was stopped
	finished bool      // nothing more is read of it
	ended    bool      // it has come whole: what is read now is the next request's
}

// Read reads on, for as long as the pace is kept. An error that says so is a time-out's.
func (f *inflow) Read(p []byte) (int, error) {
	if err := f.wait(); err != nil {
		return 0, err
	}
	n, err := f.ReadCloser.Read(p)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != nil {
		return 0, f.why
	}
	f.ended = err == io.EOF
	f.came += n
	if f.moves += n; f.moves >= movement {
		f.moves, f.moving = 0, time.Now()
	}
	return n, err
}

// wait sets how long the next read may take.
func (f *inflow) wait() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != nil {
		return f.why
	}
	if f.ended {
		return io.EOF
	}
	if !f.window.IsZero() && f.came < f.least {
		return nil // the deadline stays
	}
	f.window, f.came = time.Now(), 0
	if f.moving.IsZero() {
		f.moving = f.window
	}
	deadline := f.window.Add(uploadWindow)
	if deadline.After(f.end) {
		deadline = f.end
	}
	_ = f.control.SetReadDeadline(deadline)
	return nil
}

// stop ends the reading with an error.
func (f *inflow) stop(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.finished || f.ended || f.why != nil {
		return
	}
	f.why = why
	_ = f.control.SetReadDeadline(time.Unix(1, 0))
}

// finish tells that nothing more is read, and why it was stopped if it was.
func (f *inflow) finish() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finished = true
	return f.why
}

// moved is when the body last brought something that counts.
func (f *inflow) moved() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.moving.IsZero() {
		return time.Now()
	}
	return f.moving
}
