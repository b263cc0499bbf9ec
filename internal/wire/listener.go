// Package wire is what lies between the network and net/http's server: it reads requests strictly and one at a time,
// answers in the service's own words those that cannot be read, closes a connection without losing its answer, and
// bounds how many connections there are.
package wire

import (
	"container/list"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Listener] is made of. Every field must be given.
type Config struct {
	// MaxHead bounds the request line and the header fields, in bytes.
	MaxHead int
	// MaxConnections bounds the connections at a time. When all are taken a new one takes the place of the one that has
	// waited longest for its next request, or is refused with 503.
	MaxConnections int
	// Linger bounds how long a connection is read and dropped after an answer that came before the request's end.
	Linger time.Duration
	// Refuse makes the whole answer, head and body, to what is not a request that can be read, or to a connection for
	// which there is no room (503). It is called once for each.
	Refuse func(status int, detail string) []byte
	// Evicted is called for each idle connection that was closed to make room.
	Evicted func()
	// AcceptFailed is called for each error of the operating system's accept.
	AcceptFailed func(error)
}

// Listener gives out connections as [*Conn]. Its ConnState must be the server's.
type Listener struct {
	net.Listener
	config Config

	closing atomic.Bool

	mu   sync.Mutex
	open map[*Conn]struct{}
	idle list.List // of *Conn, the one that has waited longest first
}

// Listen wraps l.
func Listen(l net.Listener, config Config) *Listener {
	return &Listener{Listener: l, config: config, open: map[*Conn]struct{}{}}
}

// Accept waits for the next connection for which there is room.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.config.AcceptFailed(err)
			}
			return nil, err
		}
		c := &Conn{Conn: accepted, listener: l, frame: frame{maxHead: l.config.MaxHead}}
		if evicted, ok := l.add(c); evicted != nil {
			l.config.Evicted()
			_ = evicted.Close()
		} else if !ok {
			c.turnAway()
			continue
		}
		return c, nil
	}
}

// add makes room for c if it can, and tells what had to go for it.
func (l *Listener) add(c *Conn) (evicted *Conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.config.MaxConnections {
		longest := l.idle.Front()
		if longest == nil {
			return nil, false
		}
		evicted = longest.Value.(*Conn)
		l.idle.Remove(longest)
		evicted.place = nil
		delete(l.open, evicted)
	}
	l.open[c] = struct{}{}
	c.place = l.idle.PushBack(c)
	return evicted, true
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
	if c.place != nil {
		l.idle.Remove(c.place)
		c.place = nil
	}
	switch state {
	case http.StateIdle:
		if _, here := l.open[c]; here {
			c.place = l.idle.PushBack(c)
		}
	case http.StateClosed, http.StateHijacked:
		delete(l.open, c)
	}
}

// Open is how many connections there are.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Drain ends the connections on which no request has come whole to its head, and those that only wait for a client to
// close, within a second. Call it when no more requests are to be taken.
func (l *Listener) Drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing.Store(true)
	for c := range l.open {
		c.drain()
	}
}
