package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spikeray/spikeray/pkg/hw"
)

const maxPath = 4096

// announcement is the toolchain's word that its network is loaded and that it waits for us before it starts.
type announcement struct {
	mapping *loadedNetwork
	err     error
	from    netip.AddrPort
}

// window is one run of the toolchain, from our word that it can start to its own that it has ended.
type window struct {
	from             netip.AddrPort
	started, stopped chan struct{}
}

// toolchain is the other side of the handshake. It says that the database is written, we say that it is read; then it says
// that the network has started, and that it has stopped. It does so for every run.
type toolchain struct {
	conn *net.UDPConn
	// below is the folder that databases are read from, any if empty.
	below string
	news  chan struct{} // there may be a waiting announcement
	done  chan struct{}

	mu      sync.Mutex
	waiting *announcement
	window  *window
	last    *loadedNetwork
}

func newToolchain(local, below string) (*toolchain, error) {
	addr, err := net.ResolveUDPAddr("udp4", local)
	if err != nil {
		return nil, err
	}
	if below != "" {
		if below, err = filepath.EvalSymlinks(below); err != nil {
			return nil, err
		}
	}
	conn, err := net.ListenUDP("udp4", addr)
	if err != nil {
		return nil, err
	}
	t := &toolchain{conn: conn, below: below, news: make(chan struct{}, 1), done: make(chan struct{})}
	go t.receive()
	return t, nil
}

func (t *toolchain) close() error {
	err := t.conn.Close()
	<-t.done
	return err
}

func (t *toolchain) receive() {
	defer close(t.done)
	buf := make([]byte, maxPath+2)
	for {
		n, from, err := t.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		command, rest, err := parseCommand(buf[:n])
		if err != nil {
			continue
		}
		switch command {
		case commandDatabase:
			m, err := t.read(string(rest))
			t.mu.Lock()
			t.waiting = &announcement{m, err, from}
			t.mu.Unlock()
			select {
			case t.news <- struct{}{}:
			default:
			}
		case commandStart, commandStop:
			t.tell(command, from)
		}
	}
}

// read reads the database at a path, or gives that of before if there is none.
func (t *toolchain) read(path string) (*loadedNetwork, error) {
	if path == "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.last == nil {
			return nil, unreadable("the toolchain names no database")
		}
		return t.last, nil
	}
	if t.below != "" {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, err
		}
		if inside, err := filepath.Rel(t.below, real); err != nil || !filepath.IsLocal(inside) {
			return nil, unreadable("%s is not below %s", path, t.below)
		}
		path = real
	}
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return nil, unreadable("%q is not an absolute path", path)
	}
	m, err := readMapping(path)
	if err == nil {
		t.mu.Lock()
		t.last = m
		t.mu.Unlock()
	}
	return m, err
}

func (t *toolchain) tell(c commandCode, from netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.window
	if w == nil || w.from != from {
		return
	}
	if c == commandStart {
		once(w.started)
		t.waiting = nil // what was said twice
	} else if closed(w.started) {
		once(w.stopped)
	}
}

// announced waits until the toolchain waits for us, and takes its word away if it is to be answered.
func (t *toolchain) announced(ctx context.Context, take bool) (*announcement, error) {
	for {
		t.mu.Lock()
		a := t.waiting
		if take {
			t.waiting = nil
		}
		t.mu.Unlock()
		if a != nil {
			return a, a.err
		}
		select {
		case <-t.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.done:
			return nil, hw.ErrClosed
		}
	}
}

// waits says whether there is an announcement that was not taken.
func (t *toolchain) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting != nil
}

// confirm lets the toolchain start, and gives the window that this opens: the one of before if it only said it twice.
func (t *toolchain) confirm(a *announcement, w *window) (*window, error) {
	if w == nil || w.from != a.from {
		w = &window{a.from, make(chan struct{}), make(chan struct{})}
	}
	t.mu.Lock()
	t.window = w
	t.mu.Unlock()
	if _, err := t.conn.WriteToUDPAddrPort(commandDatabase.Append(nil), a.from); err != nil {
		return nil, fmt.Errorf("spinnaker: %w", err)
	}
	return w, nil
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func once(c chan struct{}) {
	if !closed(c) {
		close(c)
	}
}
