package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// scpPort is where a board listens.
const scpPort = 17893

const (
	maxDatagram = 2048 // bytes read of one; a board sends at most 256 and headers
	maxQueue    = 8192 // packets waiting to be looked at
	attempts    = 4    // of a request, before its board counts as silent
)

// link is the socket between this program and the boards. What the boards send to it is either the answer to a request
// or spikes.
type link struct {
	conn    *net.UDPConn
	via     netip.AddrPort // instead of a board's own address, if valid
	timeout time.Duration
	spikes  chan []byte
	foreign atomic.Uint64 // datagrams that nobody asked for

	mu      sync.Mutex
	next    uint16
	waiting map[uint16]chan scpResponse
	boards  map[netip.Addr]bool // that may send
	done    chan struct{}
}

func newLink(local string, via netip.AddrPort, timeout time.Duration) (*link, error) {
	addr, err := net.ResolveUDPAddr("udp4", local)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", addr)
	if err != nil {
		return nil, err
	}
	// A larger queue in the kernel is welcome, not needed: what it drops is counted.
	_ = conn.SetReadBuffer(4 << 20)
	l := &link{
		conn: conn, via: via, timeout: timeout, spikes: make(chan []byte, maxQueue), waiting: map[uint16]chan scpResponse{},
		boards: map[netip.Addr]bool{}, done: make(chan struct{}),
	}
	if via.IsValid() {
		l.boards[via.Addr()] = true
	}
	go l.receive()
	return l, nil
}

// close waits until nothing is received any more.
func (l *link) close() error {
	err := l.conn.Close()
	<-l.done
	return err
}

// to is the address of a board.
func (l *link) to(board string) (netip.AddrPort, error) {
	if l.via.IsValid() {
		return l.via, nil
	}
	ip, err := netip.ParseAddr(board)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("spinnaker: %w", err)
	}
	l.mu.Lock()
	l.boards[ip.Unmap()] = true
	l.mu.Unlock()
	return netip.AddrPortFrom(ip, scpPort), nil
}

func (l *link) receive() {
	defer close(l.done)
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // an ICMP answer to something sent before
			continue
		}
		l.mu.Lock()
		known := l.boards[from.Addr().Unmap()]
		l.mu.Unlock()
		if !known || n < 2 || !l.dispatch(buf[:n]) {
			l.foreign.Add(1)
		}
	}
}

// dispatch hands a datagram on, and says whether it was for somebody. Spikes never start with two zeros and go on.
func (l *link) dispatch(b []byte) bool {
	if b[0] != 0 || b[1] != 0 || len(b) == 2 {
		select {
		case l.spikes <- append([]byte(nil), b...):
		default: // counted: the board knows that it sent it
		}
		return true
	}
	_, payload, err := parseSDP(b[2:])
	if err != nil {
		return false
	}
	r, err := parseResponse(payload)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.waiting[r.Sequence]
	if ok {
		r.Data = append([]byte(nil), r.Data...)
		delete(l.waiting, r.Sequence)
		c <- r
	}
	return ok
}

// forget drops the spikes that have come so far.
func (l *link) forget() {
	for range len(l.spikes) {
		<-l.spikes
	}
}

// send puts data into an SDP packet to a core, which does not answer.
func (l *link) send(core coreAddress, data []byte) error {
	to, err := l.to(core.Board)
	if err != nil {
		return err
	}
	b := sdpHeader{To: sdpAddress{core.X, core.Y, core.P, 1}}.Append(make([]byte, 2, 2+sdpSize+len(data)))
	_, err = l.conn.WriteToUDPAddrPort(append(b, data...), to)
	return err
}

// call asks something of a chip's monitor, several times if need be, so that only what may be done twice should be asked.
func (l *link) call(ctx context.Context, board string, x, y uint8, r scpRequest) ([]byte, error) {
	to, err := l.to(board)
	if err != nil {
		return nil, err
	}
	answer := make(chan scpResponse, 1)
	l.mu.Lock()
	for l.next++; l.waiting[l.next] != nil; l.next++ {
	}
	r.Sequence = l.next
	l.waiting[r.Sequence] = answer
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, r.Sequence)
		l.mu.Unlock()
	}()
	b := sdpHeader{Reply: true, Tag: hostTag, To: sdpAddress{X: x, Y: y}, From: sdpAddress{X: x, Y: y, CPU: host.CPU, Port: host.Port}}.Append(make([]byte, 2, 64))
	b = r.Append(b)
	again := time.NewTicker(l.timeout / attempts)
	defer again.Stop()
	for range attempts {
		if _, err := l.conn.WriteToUDPAddrPort(b, to); errors.Is(err, net.ErrClosed) {
			return nil, hw.ErrClosed
		} else if err != nil {
			return nil, fmt.Errorf("spinnaker: %w", err)
		}
		select {
		case r := <-answer:
			if r.Result != resultOK {
				return nil, fmt.Errorf("spinnaker: the board at %s answers %#x", to, r.Result)
			}
			return r.Data, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.done:
			return nil, hw.ErrClosed
		case <-again.C:
		}
	}
	return nil, fmt.Errorf("spinnaker: %w: the board at %s", ErrSilent, to)
}

// lead lets what the boards send by these tags come here. It is said again and again, since a board may forget, and a
// router in between does.
func (l *link) lead(ctx context.Context, tags []liveTag) error {
	for _, t := range tags {
		if _, err := l.call(ctx, t.Board, t.X, t.Y, tagToSender(t.Tag)); err != nil {
			return err
		}
	}
	return nil
}

// sent is how many packets the boards say they have sent by these tags, one number a tag.
func (l *link) sent(ctx context.Context, tags []liveTag) ([]uint32, error) {
	counts := make([]uint32, len(tags))
	for i, t := range tags {
		data, err := l.call(ctx, t.Board, t.X, t.Y, tagState(t.Tag))
		if err != nil {
			return nil, err
		}
		if counts[i], err = tagCount(data); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
