package wire

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// lingerQuiet ends the lingering when nothing comes for so long.
	lingerQuiet = 5 * time.Second
	// maxLinger is how many bytes are dropped at most: a client that sends more is cut off.
	maxLinger = 256 << 20
	// refuseTime bounds the writing of the answer to a request that cannot be read.
	refuseTime = 5 * time.Second
	// drainTime is how long a connection without a request is kept while the listener drains.
	drainTime = 250 * time.Millisecond
	// pace is how many bytes a client must send in stallTime, so that its connection does not make room for another.
	pace = 4 << 10
	// stallTime is how long a client may send less than that, or take nothing of its answer.
	stallTime = time.Second
	// maxPiece is how much of an answer is written at a time.
	maxPiece = 32 << 10
)

// errEnded is what reads give once nothing more of a connection may be taken for a request.
var errEnded = errors.New("the connection's last request has been answered")

// Conn is a connection whose requests are framed twice, here and by net/http, and which ends where the two disagree. It
// never gives out a byte of the next request before the last one is answered, but for one that net/http reads to learn
// whether the client has gone.
type Conn struct {
	net.Conn             // of a secured connection, what is in it
	raw      net.Conn    // the network's
	secure   *tls.Conn   // nil for a connection that is not secured
	meter    *metered    // under secure
	shaken   atomic.Bool // the handshake is done
	listener *Listener
	place    *list.Element // among the listener's idle ones

	since int64 // when it became one of these, by instant; under the listener's lock

	// These belong to the goroutine that reads; net/http has one at a time.
	frame   frame
	pending []byte // read already, of the requests that follow
	owed    time.Duration
	came    int // bytes in owed

	// waiting is since when a read waits for what the client owes, by instant; 0 while none does. Time in which the client
	// sent less than pace counts as one wait: a byte now and then does not make it shorter.
	waiting atomic.Int64
	// unread is since when a write waits for a client to read; 0 while none does.
	unread atomic.Int64

	begun atomic.Bool // a handler has the request
	ended atomic.Bool // no more requests

	lingered atomic.Bool
	closed   atomic.Bool
}

type connKey struct{}

// WithConn is for [http.Server.ConnContext].
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Of is a request's connection by its context; nil where it did not come over a [Listener].
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Begin tells that a handler answers the request that was read last.
func (c *Conn) Begin() {
	if c != nil {
		c.begun.Store(true)
	}
}

// End has the connection closed after the answer that was given: nothing more is read of it as a request. The answer
// must say Connection: close.
func (c *Conn) End() {
	if c != nil {
		c.ended.Store(true)
	}
}

// Read gives out what belongs to the request that is being read.
func (c *Conn) Read(p []byte) (int, error) {
	if c.ended.Load() {
		return 0, errEnded
	}
	if c.frame.err != nil {
		return 0, c.frame.err
	}
	if c.secure != nil && !c.shaken.Load() {
		if err := c.open(); err != nil {
			return 0, err
		}
	}
	owes := true
	// net/http reads one byte, and no other time, while it waits for a handler whose request has come whole.
	if c.frame.phase == done {
		if len(p) > 1 {
			c.End()
			return 0, io.ErrUnexpectedEOF
		}
		c.frame.reset()
		owes = false
	}
	if c.frame.phase == start {
		c.owed, c.came = 0, 0
	}
	n, err := len(c.pending), error(nil)
	switch {
	case n > 0:
		n = copy(p, c.pending)
	case owes:
		n, err = c.await(p)
	default:
		n, err = c.receive(p)
	}
	if n == 0 {
		return 0, err
	}
	held := len(c.pending)
	used, refused := c.frame.feed(p[:n])
	switch {
	case held > 0:
		c.pending = c.pending[used:]
	case used < n && refused == nil:
		c.pending = append([]byte(nil), p[used:n]...)
	}
	if refused != nil {
		if c.frame.inHead() {
			c.refuse(refused)
			return 0, errEnded
		}
		if used == 0 {
			return 0, refused
		}
		return used, nil // the error is the next read's
	}
	return used, err
}

// await reads what the client owes.
func (c *Conn) await(p []byte) (int, error) {
	begun := instant()
	c.waiting.Store(max(1, begun-int64(c.owed)))
	n, err := c.receive(p)
	c.waiting.Store(0)
	c.owed += time.Duration(instant() - begun)
	if c.came += n; c.came >= pace {
		c.owed, c.came = 0, 0
	}
	return n, err
}

// next is called when a request was answered and the connection stays.
func (c *Conn) next() {
	switch {
	case c.frame.phase == done:
		c.frame.reset()
	case c.frame.phase != start && (c.frame.phase != requestLine || c.frame.head > 1):
		// net/http takes for a whole request what is none here.
		c.End()
	}
	c.begun.Store(false)
}

// refuse answers a request that cannot be read.
func (c *Conn) refuse(err error) {
	refusal := &Refusal{400, "the request is malformed"}
	errors.As(err, &refusal)
	c.End()
	_ = c.Conn.SetWriteDeadline(time.Now().Add(refuseTime))
	_, _ = c.Conn.Write(c.listener.config.Refuse(refusal.Status, refusal.Detail))
}

// Write sends a handler's answer. What net/http writes for a request that no handler got is its own refusal of it, a
// line of plain text: in its place goes an answer of the service's.
func (c *Conn) Write(p []byte) (int, error) {
	if c.begun.Load() {
		return c.give(p)
	}
	if !c.ended.Load() {
		c.refuse(readRefusal(p))
	}
	return len(p), nil
}

// give writes an answer, in pieces: whoever takes none for a while has stalled.
func (c *Conn) give(p []byte) (written int, err error) {
	defer c.unread.Store(0)
	for {
		piece := p[written:min(len(p), written+maxPiece)]
		c.unread.Store(instant())
		n, err := c.Conn.Write(piece)
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// readRefusal reads the status and the reason of net/http's answer, "HTTP/1.1 400 Bad Request: missing required Host header".
func readRefusal(answer []byte) *Refusal {
	line, _, _ := strings.Cut(string(answer), "\r\n")
	status, ok := int64(0), false
	if len(line) >= 12 {
		status, ok = parseNumber(line[9:12], 10, 3)
	}
	if !ok || status < 400 || status > 599 {
		return &Refusal{400, "the request is malformed"}
	}
	if _, reason, found := strings.Cut(line, ": "); found {
		return &Refusal{int(status), reason}
	}
	switch status {
	case 417:
		return &Refusal{417, "the only supported expectation is 100-continue"}
	case 431:
		return &Refusal{431, "the request line and the header fields are too long"}
	}
	return &Refusal{int(status), "the request is malformed"}
}

// CloseWrite says that no more will be sent, and drops what still comes: net/http calls it in front of Close for a
// client that may not have read its answer.
func (c *Conn) CloseWrite() error {
	c.End()
	c.linger(c.listener.config.Linger)
	return nil
}

// Close closes the connection. One that was ended before its request was read is read and dropped first, within bounds:
// a client that listens only once it has sent everything would find its connection reset in place of the answer. A
// second Close does not wait.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.Conn.Close()
	}
	if c.ended.Load() {
		c.linger(c.listener.config.Linger)
	}
	return c.Conn.Close()
}

// cut closes the connection at once: whoever makes room for another does not wait for its client.
func (c *Conn) cut() {
	c.lingered.Store(true)
	c.closed.Store(true)
	if tcp, ok := c.raw.(*net.TCPConn); ok && c.unread.Load() != 0 {
		_ = tcp.SetLinger(0) // otherwise the system would go on offering what the client does not read
	}
	_ = c.raw.Close() // a secured one would first write its farewell
}

// linger says that no more will be sent and drops what comes, for so long at most.
func (c *Conn) linger(longest time.Duration) {
	if c.lingered.Swap(true) {
		return
	}
	from, read := c.Conn, c.receive
	if c.secure != nil && !c.shaken.Load() {
		from, read = c.raw, c.raw.Read
	}
	half, ok := from.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	end := time.Now().Add(longest)
	var scratch [16 << 10]byte
	since, came := instant(), 0
	for dropped := 0; dropped < maxLinger; {
		now, quiet := time.Now(), lingerQuiet
		if c.listener.closing.Load() {
			quiet = min(quiet, drainTime)
			end = earlier(end, now.Add(2*drainTime))
		}
		if !now.Before(end) || from.SetReadDeadline(earlier(end, now.Add(quiet))) != nil {
			return
		}
		c.waiting.Store(since)
		n, err := read(scratch[:])
		c.waiting.Store(0)
		if err != nil {
			return
		}
		dropped += n
		if came += n; came >= pace {
			since, came = instant(), 0
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// SetReadDeadline is kept short where no request is to be waited for.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.listener.closing.Load() && !c.begun.Load() {
		if soon := time.Now().Add(drainTime); t.IsZero() || t.After(soon) {
			t = soon
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// drain ends what waits for a client; see [Listener.Drain].
func (c *Conn) drain() {
	if !c.begun.Load() || c.ended.Load() {
		_ = c.Conn.SetReadDeadline(time.Now().Add(drainTime))
	}
}
