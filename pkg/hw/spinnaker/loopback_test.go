package spinnaker

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// loopback is a board and its toolchain on this machine: it speaks the wire, and what it runs is a network in the
// simulator, its layers one time step apart as on a board.
//
// Its clock is patient: a time step ends when the marker has spiked, so that a slow machine changes no answer. With a
// pace it goes on by itself, as a real one does.
type loopback struct {
	net     *spike.Network
	mapping *loadedNetwork
	path    string // of the database
	conn    *net.UDPConn
	notify  netip.AddrPort
	arrived chan loadedAtom
	over    chan struct{} // the host has asked what was sent, its last act in a run
	quit    chan struct{}
	group   sync.WaitGroup

	twice bool // packets of spikes come twice
	pace  time.Duration
	start uint32 // the time that runs start at
	limit int    // time steps of a run, 0 as the database says
	// lose says which packets of spikes to lose, on their way in and out.
	lose func(out bool, d *dataPacket) bool

	mu     sync.Mutex
	leads  map[uint8]netip.AddrPort
	counts map[uint8]uint32
	sets   int
}

func inflate(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpacked is the database that sPyNNaker made for the network of hwtest (testdata/network.json).
func unpacked(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input_output_database.sqlite3")
	if err := os.WriteFile(path, inflate(t, "testdata/network.sqlite3.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func local(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func newLoopback(t *testing.T, n *spike.Network, path string) *loopback {
	t.Helper()
	m, err := readMapping(path)
	if err != nil {
		t.Fatal(err)
	}
	return &loopback{
		net: n, mapping: m, path: path, conn: listen(t), arrived: make(chan loadedAtom, 1<<16),
		over: make(chan struct{}, 1), quit: make(chan struct{}), leads: map[uint8]netip.AddrPort{}, counts: map[uint8]uint32{},
		lose: func(bool, *dataPacket) bool { return false },
	}
}

// board starts the loopback and opens the board that is tested on it.
func (l *loopback) board(t *testing.T, change func(*Options)) hw.Board {
	t.Helper()
	free := listen(t)
	l.notify = local(free)
	free.Close()
	l.group.Go(l.receive)
	l.group.Go(l.toolchain)
	t.Cleanup(l.close)
	o := Options{Notify: l.notify.String(), Board: local(l.conn).String(), Local: "127.0.0.1:0", Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func (l *loopback) close() {
	close(l.quit)
	l.conn.Close()
	l.group.Wait()
}

// receive answers the host's requests and takes its spikes.
func (l *loopback) receive() {
	atoms := map[uint32]loadedAtom{}
	for _, p := range l.mapping.Populations {
		for _, a := range p.Atoms {
			atoms[a.Key] = a
		}
	}
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		h, payload, err := parseSDP(buf[2:max(n, 2)])
		if err != nil || n > 2+sdpSize+packetSize+16 {
			continue
		}
		if h.To.CPU == 0 && h.To.Port == 0 {
			l.answer(h, payload, from)
			continue
		}
		d, err := parseData(payload)
		if err != nil || l.lose(false, d) {
			continue
		}
		for e := range d.Events() {
			if a, ok := atoms[e.Key]; ok && (sdpAddress{a.Core.X, a.Core.Y, a.Core.P, 1}) == h.To {
				l.arrived <- a
			}
		}
	}
}

// parseRequest reads a request as a board does.
func parseRequest(b []byte) (r scpRequest, err error) {
	if len(b) < 16 {
		return r, bad("%d bytes are no SCP request", len(b))
	}
	r.Command, r.Sequence = binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	for i := range r.Args {
		r.Args[i] = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	r.Data = b[16:]
	return r, nil
}

// Append writes the response behind b.
func (r scpResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, r.Result)
	b = binary.LittleEndian.AppendUint16(b, r.Sequence)
	return append(b, r.Data...)
}

func (l *loopback) answer(h sdpHeader, payload []byte, from netip.AddrPort) {
	r, err := parseRequest(payload)
	if err != nil {
		return
	}
	l.mu.Lock()
	tag := uint8(r.Args[0] & 7)
	data := make([]byte, 4)
	switch {
	case r.Command == commandIPTag && r.Args[0]&(3<<16) == tagSet:
		l.sets++
		l.leads[tag] = from
	case r.Command == commandIPTag && r.Args[0]&(3<<16) == tagGet:
		data = make([]byte, 25)
		binary.LittleEndian.PutUint32(data[16:], l.counts[tag])
		select {
		case l.over <- struct{}{}:
		default:
		}
	case r.Command != commandVersion:
		h.Reply = false
	}
	l.mu.Unlock()
	if !h.Reply {
		return
	}
	b := sdpHeader{Tag: hostTag, To: h.From, From: h.To}.Append([]byte{0, 0})
	l.conn.WriteToUDPAddrPort(scpResponse{resultOK, r.Sequence, data}.Append(b), from)
}

// toolchain announces run after run, each from a port of its own.
func (l *loopback) toolchain() {
	for l.announce() {
	}
}

// announce announces one run, waits for the host's word, and has it run.
func (l *loopback) announce() bool {
	talk, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return false
	}
	defer talk.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l.group.Go(func() {
		select {
		case <-l.quit:
			talk.Close()
		case <-ctx.Done():
		}
	})
	buf := make([]byte, 64)
	for wait := 50 * time.Millisecond; ; wait *= 2 { // again, since nobody may have listened yet
		talk.WriteToUDPAddrPort(append(commandDatabase.Append(nil), l.path...), l.notify)
		talk.SetReadDeadline(time.Now().Add(wait))
		n, _, err := talk.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return false
		}
		if c, _, bad := parseCommand(buf[:n]); err == nil && bad == nil && c == commandDatabase {
			break
		}
	}
	for len(l.arrived) > 0 {
		<-l.arrived
	}
	talk.WriteToUDPAddrPort(commandStart.Append(nil), l.notify)
	l.run()
	talk.WriteToUDPAddrPort(commandStop.Append(nil), l.notify)
	return true
}

// run is one run of the network, from its starting voltages.
func (l *loopback) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	steps := l.mapping.Steps
	if l.limit > 0 {
		steps = l.limit
	}
	sim := newStepper(ctx, l.net, steps)
	defer sim.group.Wait()
	defer cancel()
	input, echo := make([]uint8, l.net.Input.Len()), []uint32{}
	index := map[uint32]int{}
	for i, a := range l.mapping.Populations["source"].Atoms {
		index[a.Key] = i
	}
	var tick <-chan time.Time
	if l.pace > 0 {
		t := time.NewTicker(l.pace)
		defer t.Stop()
		tick = t.C
	}
	pending := map[int][]uint32{}
	abandoned := time.NewTimer(10 * time.Second)
	for now := 0; now < steps; {
		step := false
		select {
		case <-l.quit:
			return
		case <-l.over:
			if now > 0 {
				return
			}
		case <-abandoned.C:
			return
		case <-tick:
			step = true
		case a := <-l.arrived:
			echo = append(echo, a.Key)
			if i, ok := index[a.Key]; ok {
				input[i] = 1
			} else if l.pace == 0 { // the marker
				step = true
			}
		}
		if !step {
			continue
		}
		if now == 0 {
			select {
			case <-l.over: // the host asks before it starts, too
			default:
			}
		}
		abandoned.Reset(10 * time.Second)
		spikes, ok := sim.step(input)
		if !ok {
			return
		}
		for i, counts := range spikes {
			pop := l.mapping.Populations[l.layer(i)]
			for atom, n := range counts {
				if n > 0 {
					pending[now+i+1] = append(pending[now+i+1], pop.Atoms[atom].Key)
				}
			}
		}
		l.emit(uint32(now)+l.start, append(pending[now], echo...))
		delete(pending, now)
		clear(input)
		echo = echo[:0]
		now++
	}
}

func (l *loopback) layer(i int) string {
	stages, err := hw.Stages(l.net)
	if err != nil {
		panic(err)
	}
	return stages[i].Neurons.LayerName
}

// emit sends spikes as the toolchain's gatherers do: one tag has the time as base, the other as payload.
func (l *loopback) emit(now uint32, keys []uint32) {
	tags := map[uint32]uint8{}
	for _, p := range l.mapping.Populations {
		for _, a := range p.Atoms {
			tags[a.Key] = p.Live[0].Tag
		}
	}
	packets := map[uint8]*dataPacket{}
	flush := func(tag uint8) {
		l.mu.Lock()
		to := l.leads[tag]
		l.counts[tag]++
		l.mu.Unlock()
		if !l.lose(true, packets[tag]) {
			l.conn.WriteToUDPAddrPort(packets[tag].Append(nil), to)
		}
		if l.twice {
			l.conn.WriteToUDPAddrPort(packets[tag].Append(nil), to)
		}
		delete(packets, tag)
	}
	for _, k := range keys {
		tag := tags[k]
		if packets[tag] == nil {
			packets[tag] = &dataPacket{Type: key32, HasBase: true, Base: now, Time: true}
			if tag == 6 {
				packets[tag] = &dataPacket{Type: keyPayload32, Time: true}
			}
		}
		d := packets[tag]
		d.Elements = append(d.Elements, element{k, now})
		if len(d.Elements) == d.Type.MaxElements()-1 {
			flush(tag)
		}
	}
	// The marker's tag last, or on a machine like this one its packet could overtake the others'.
	for _, tag := range []uint8{6, 7} {
		if packets[tag] != nil {
			flush(tag)
		}
	}
}

// open is the board that the contract is tested on.
func open(t *testing.T) hw.Board {
	return newLoopback(t, hwtest.Network(), unpacked(t)).board(t, nil)
}
