package dimse

import (
	"net"
	"sync"
	"time"
)

// pace is how long a peer may take.
type pace struct {
	// idle is the longest wait for a message.
	idle time.Duration
	// message is the time for a message, and rate the bytes of fragments that earn a second more; 0 earns nothing.
	message time.Duration
	rate    int64
	// write is the time for one write.
	write time.Duration
}

// timed is a connection on which every read and write ends: at its deadline, or when it is interrupted from another
// goroutine. It begins at rest.
type timed struct {
	net.Conn
	pace pace

	mu      sync.Mutex
	working bool
	until   time.Time // when the wait or the message has to be over
	last    error     // ends the connection at its next rest
	stopped error     // ends the connection now
}

func newTimed(conn net.Conn, first time.Duration, pace pace) *timed {
	t := &timed{Conn: conn, pace: pace, until: time.Now().Add(first)}
	conn.SetDeadline(t.until) // for the writes of a TLS handshake, too
	return t
}

// rest begins a wait for a message. Its error is that of drain or stop.
func (t *timed) rest() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working, t.until = false, time.Now().Add(t.pace.idle)
	return t.cause()
}

// work begins a message.
func (t *timed) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working, t.until = true, time.Now().Add(t.pace.message)
}

// earn gives the message the time for bytes that came. However fast they came, it never has longer than a message has at
// its start: what a peer sends fast does not let it hold the memory of it for hours.
func (t *timed) earn(bytes int64) {
	if t.pace.rate <= 0 {
		return
	}
	most := time.Now().Add(t.pace.message)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = t.until.Add(time.Duration(bytes * int64(time.Second) / t.pace.rate))
	if t.until.After(most) {
		t.until = most
	}
}

// extend gives the message more time.
func (t *timed) extend(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = t.until.Add(by)
}

func (t *timed) cause() error {
	if t.stopped != nil || t.working {
		return t.stopped
	}
	return t.last
}

// drain ends the connection with an error as soon as it rests, also if it does so now.
func (t *timed) drain(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
	if !t.working {
		t.Conn.SetReadDeadline(past)
	}
}

// stop ends the connection with an error now.
func (t *timed) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = err
	t.Conn.SetDeadline(past)
}

var past = time.Unix(1, 0)

// Read implements [net.Conn].
func (t *timed) Read(b []byte) (int, error) {
	t.mu.Lock()
	err := t.cause()
	if err == nil {
		err = t.Conn.SetReadDeadline(t.until)
	}
	t.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := t.Conn.Read(b)
	return n, t.explain(err)
}

// Write implements [net.Conn].
func (t *timed) Write(b []byte) (int, error) {
	t.mu.Lock()
	err := t.stopped
	if err == nil {
		err = t.Conn.SetWriteDeadline(time.Now().Add(t.pace.write))
	}
	t.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := t.Conn.Write(b)
	return n, t.explain(err)
}

// explain puts the reason for an interruption in the place of the time-out that it was done with.
func (t *timed) explain(err error) error {
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if cause := t.cause(); cause != nil {
		return cause
	}
	return err
}

// part says a last thing, if it is not nil, and closes the connection. It gives the peer a short time to close it first:
// what has been said would be lost if bytes that nobody reads made the connection be reset.
func (t *timed) part(say []byte, wait time.Duration) {
	defer t.Conn.Close()
	t.Conn.SetDeadline(time.Now().Add(wait))
	if say != nil {
		if _, err := t.Conn.Write(say); err != nil {
			return
		}
	}
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	var b [1024]byte
	for read := 0; read < 1<<20; {
		n, err := t.Conn.Read(b[:])
		if err != nil {
			return
		}
		read += n
	}
}
