// Package wire sits between the network and net/http's server. It reads requests strictly and one at a time, answers
// requests that cannot be read with the service's own problem documents, closes a connection without losing its answer, and
// limits the number of connections.
package wire

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// began is what instant counts from. A second is taken off, so that no instant is 0.
var began = time.Now().Add(-time.Second)

// instant is the present moment in nanoseconds, by a clock that is never set: the machine's would make every connection a stalled
// one, or none, when somebody sets it.
func instant() int64 { return int64(time.Since(began)) }

// Config is what a [Listener] is made of. Every field must be given but for those of TLS.
type Config struct {
	// MaxHead bounds the request line and the header fields, in bytes.
	MaxHead int
	// MaxConnections bounds the connections at a time. When all are taken a new one takes the place of the one whose client
	// has been idle or has stalled for longest, or is refused with 503. Idle is whoever has no request on its way; a
	// client has stalled that for a second has sent less than 4 KiB of its request, or taken nothing of its answer.
	MaxConnections int
	// Linger bounds how long a connection is read and dropped after an answer that came before the request's end.
	Linger time.Duration
	// Refuse makes the whole answer, head and body, to what is not a request that can be read, or to a connection for
	// which there is no room (503). It is called once for each.
	Refuse func(status int, detail string) []byte
	// Evicted is called for each connection that was closed to make room.
	Evicted func()
	// AcceptFailed is called for each error of the operating system's accept.
	AcceptFailed func(error)
	// TLS secures connections; nil for none. The handshake is part of reading the first request, within the server's
	// ReadHeaderTimeout.
	TLS *tls.Config
	// HandshakeFailed is called for each connection that does not become a secured one. It must be given with TLS.
	HandshakeFailed func(error)
}

// Listener gives out connections as [*Conn]. Its ConnState must be the server's.
type Listener struct {
	net.Listener
	config Config

	closing atomic.Bool
	last    atomic.Int64  // when a connection was accepted last, by instant
	drained chan struct{} // closed when closing and no connection is left
	shut    chan struct{} // closed by Close
	once    sync.Once
	turning chan struct{} // one element for each connection that is being turned away

	mu   sync.Mutex
	open map[*Conn]struct{}
	idle list.List // of *Conn, the one that has waited longest first
}

// Listen wraps l.
func Listen(l net.Listener, config Config) *Listener {
	return &Listener{
		Listener: l, config: config, open: map[*Conn]struct{}{},
		drained: make(chan struct{}), shut: make(chan struct{}), turning: make(chan struct{}, maxTurning),
	}
}

// sendBuffer is what the system may hold of answers that a client does not read, in bytes; Linux takes twice as much. By itself it
// grows to megabytes for each connection, memory of the whole machine or container that a thousand clients could take by not reading.
const sendBuffer = 64 << 10

// Accept waits for the next connection for which there is room.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			if l.closing.Load() {
				<-l.shut // what is open is still served
			}
			return nil, err
		}
		if err != nil {
			l.config.AcceptFailed(err)
			return nil, err
		}
		l.last.Store(instant())
		if tcp, ok := accepted.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer)
		}
		c := l.conn(accepted)
		if evicted, ok := l.add(c); evicted != nil {
			l.config.Evicted()
			evicted.cut()
		} else if !ok {
			l.turnAway(c)
			continue
		}
		return c, nil
	}
}

func (l *Listener) conn(accepted net.Conn) *Conn {
	c := &Conn{Conn: accepted, raw: accepted, listener: l, frame: frame{maxHead: l.config.MaxHead}}
	if l.config.TLS != nil {
		c.meter = &metered{Conn: accepted}
		c.meter.allow()
		c.secure = tls.Server(c.meter, l.config.TLS)
		c.Conn = c.secure
	}
	return c
}

// Close ends Accept.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.shut) })
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

const (
	// maxTurning is how many connections that were turned away are lingered on at a time; others are closed at once.
	maxTurning = 16
	// turnAwayTime is how long that takes at most.
	turnAwayTime = 250 * time.Millisecond
)

// turnAway answers 503 and closes. It does not wait for the client.
func (l *Listener) turnAway(c *Conn) {
	answer := l.config.Refuse(http.StatusServiceUnavailable, "there are as many connections as there may be")
	_ = c.raw.SetDeadline(time.Now().Add(turnAwayTime))
	if c.secure == nil {
		_, _ = c.Conn.Write(answer) // nothing is on its way yet, so there is room for it
	}
	select {
	case l.turning <- struct{}{}:
	default:
		_ = c.raw.Close()
		return
	}
	go func() {
		defer func() { <-l.turning }()
		defer c.raw.Close()
		if c.secure != nil {
			if c.shake(turnAwayTime) != nil {
				return
			}
			_ = c.raw.SetWriteDeadline(time.Now().Add(turnAwayTime))
			_, _ = c.Conn.Write(answer)
		}
		c.linger(turnAwayTime)
	}()
}

// add makes room for c if it can, and tells what had to go for it.
func (l *Listener) add(c *Conn) (evicted *Conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.config.MaxConnections {
		if evicted = l.least(); evicted == nil {
			return nil, false
		}
		l.unqueue(evicted)
		delete(l.open, evicted)
	}
	l.open[c] = struct{}{}
	l.queue(c)
	return evicted, true
}

// queue puts a connection behind those that are idle, and unqueue takes one out. Both are called under mu.
func (l *Listener) queue(c *Conn) {
	c.since, c.place = instant(), l.idle.PushBack(c)
}

func (l *Listener) unqueue(c *Conn) {
	if c.place != nil {
		l.idle.Remove(c.place)
		c.place = nil
	}
}

// least is the connection to give up for another: that whose client has been idle or has stalled for longest. It is nil if there is none.
func (l *Listener) least() *Conn {
	var worst *Conn
	longest := instant() - int64(stallTime)
	for c := range l.open {
		for _, since := range [...]int64{c.waiting.Load(), c.unread.Load()} {
			if since != 0 && since < longest {
				worst, longest = c, since
			}
		}
	}
	if first := l.idle.Front(); first != nil {
		if c := first.Value.(*Conn); worst == nil || c.since <= longest {
			return c
		}
	}
	return worst
}

// ConnState is for [http.Server.ConnState].
func (l *Listener) ConnState(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*Conn)
	if !ok {
		return
	}
	if state == http.StateIdle {
		c.next()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if state != http.StateNew { // a new one is idle too
		l.unqueue(c)
	}
	switch state {
	case http.StateIdle:
		if _, here := l.open[c]; here {
			l.queue(c)
		}
	case http.StateClosed, http.StateHijacked:
		delete(l.open, c)
		l.tellDrained()
	}
}

// tellDrained is called under mu.
func (l *Listener) tellDrained() {
	if !l.closing.Load() || len(l.open) > 0 {
		return
	}
	select {
	case <-l.drained:
	default:
		close(l.drained)
	}
}

// Open is how many connections there are.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

const (
	// quietTime is how long no connection must have come for the listener to be closed.
	quietTime = 20 * time.Millisecond
	// acceptTime is how long connections that were made already are accepted before it is closed. On a busy machine that takes a while.
	acceptTime = time.Second
)

// Drain takes no more connections and has those that are open end: one on which no request comes whole to its head within
// a quarter of a second is closed, as is one that only waits for a client to close, and every answer must now say Connection: close. It
// returns when none is left or ctx ends. Accept goes on waiting until Close. Call it once.
func (l *Listener) Drain(ctx context.Context) {
	// At the close the system resets the connections that were made and not accepted yet.
	narrow(l.Listener)
	for begun := time.Now(); ; time.Sleep(quietTime / 4) {
		took, quiet := time.Since(begun), instant()-l.last.Load() >= int64(quietTime)
		if took >= acceptTime || !pending(l.Listener) && (quiet || took >= drainTime) {
			break
		}
	}
	l.closing.Store(true)
	_ = l.Listener.Close()
	l.mu.Lock()
	for c := range l.open {
		c.drain()
	}
	l.tellDrained()
	l.mu.Unlock()
	select {
	case <-l.drained:
	case <-ctx.Done():
	}
}
