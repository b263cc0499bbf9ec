package board

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// asBoard makes the test binary a board host: a process of its own, which runs the suite's network on the Loihi
// emulator for who is at the other end of its standard streams, and misbehaves when it is told to.
const asBoard = "SPIKERAY_TEST_AS_BOARD"

func TestMain(m *testing.M) {
	if os.Getenv(asBoard) != "" {
		beBoard()
		return
	}
	goleak.VerifyTestMain(m)
}

type question struct {
	ID     int
	Counts []uint8
	Fault  string
}

type reply struct {
	ID    int
	Out   []uint8
	Stats spike.Stats
	Seen  hw.Telemetry
	Error string
}

func beBoard() {
	b, err := loihi.Open(loihi.Options{})
	if err != nil {
		panic(err)
	}
	n := hwtest.Network()
	runner, err := b.Compile(context.Background(), n)
	if err != nil {
		panic(err)
	}
	shapes, _ := n.Shapes()
	output := shapes[len(shapes)-1]
	from, to := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var q question
		if from.Decode(&q) != nil {
			return
		}
		steps := len(q.Counts) / n.Input.Len()
		in := spike.Train{Axis: n.Axis, Shape: n.Input, Counts: q.Counts}
		out := spike.Train{Axis: n.Axis, Shape: output, Counts: make([]uint8, steps*output.Len())}
		r := reply{ID: q.ID, Out: out.Counts}
		r.Stats, r.Seen, err = runner.(hw.Program).Measure(context.Background(), in, out, spike.RunOptions{})
		if err != nil {
			r.Error = err.Error()
		}
		switch q.Fault {
		case "dies":
			os.Exit(3)
		case "hangs":
			time.Sleep(time.Hour)
		case "late":
			time.Sleep(3 * faultTimeout)
		case "garbage":
			fmt.Println("Traceback (most recent call last): this is no answer")
		case "wrong shape":
			r.Out = r.Out[1:]
		case "impossible":
			r.Out[0] = 9
		case "wrong":
			r.Out[0] ^= 1
		}
		if to.Encode(r) != nil {
			return
		}
	}
}

// faultTimeout is that of a run in the tests of faults.
const faultTimeout = 2 * time.Second

// rack is where the tests plug in boards.
type rack struct {
	fault atomic.Pointer[string] // that the host is told with each run
	gone  atomic.Bool            // no board can be opened
	deaf  atomic.Bool            // runs do not heed their context

	mu      sync.Mutex
	process *os.Process
	opened  int
}

func (r *rack) tell(fault string) { r.fault.Store(&fault) }

// kill kills the host that was opened last.
func (r *rack) kill(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) { // the supervisor may have been first
		t.Fatal(err)
	}
}

func (r *rack) open(context.Context) (hw.Board, error) {
	if r.gone.Load() {
		return nil, errors.New("there is no board")
	}
	placer, err := loihi.Open(loihi.Options{})
	if err != nil {
		return nil, err
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), asBoard+"=1")
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	h := &host{Board: placer, rack: r, command: command, stdin: stdin, to: gob.NewEncoder(stdin), asked: map[int]chan reply{}, ended: make(chan struct{})}
	go h.listen(stdout)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = command.Process
	r.opened++
	return h, nil
}

// host is the near end of a board host: the emulator in this process places, the one in the other runs.
type host struct {
	hw.Board
	rack    *rack
	command *exec.Cmd
	stdin   io.Closer

	mu     sync.Mutex
	to     *gob.Encoder
	asked  map[int]chan reply
	last   int
	closed bool
	ended  chan struct{} // no more replies come
}

func (h *host) Name() string { return "loihi" }

// listen hands the replies to those who wait for them, until one is none.
func (h *host) listen(from io.Reader) {
	decoder := gob.NewDecoder(bufio.NewReader(from))
	for {
		var r reply
		if decoder.Decode(&r) != nil {
			close(h.ended)
			return
		}
		h.mu.Lock()
		if asked := h.asked[r.ID]; asked != nil {
			asked <- r
			delete(h.asked, r.ID)
		}
		h.mu.Unlock()
	}
}

func (h *host) Health(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return hw.ErrClosed
	}
	return ctx.Err()
}

func (h *host) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, h, n)
}

func (h *host) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	if err := h.Health(ctx); err != nil {
		return nil, err
	}
	p, err := h.Board.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	return &hosted{Placement: p, host: h, net: n}, nil
}

func (h *host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.stdin.Close()
	_ = h.command.Process.Kill()
	<-h.ended
	_ = h.command.Wait()
	return nil
}

// hosted is the suite's network, placed here and loaded there.
type hosted struct {
	hw.Placement
	host *host
	net  *spike.Network
}

func (p *hosted) Load(ctx context.Context) (hw.Program, error) {
	if err := p.host.Health(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *hosted) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	stats, _, err := p.Measure(ctx, in, out, opt)
	return stats, err
}

func (p *hosted) Measure(ctx context.Context, in, out spike.Train, _ spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	h := p.host
	if err := h.Health(ctx); err != nil {
		return spike.Stats{}, hw.Telemetry{}, err
	}
	h.mu.Lock()
	h.last++
	answer := make(chan reply, 1)
	h.asked[h.last] = answer
	q := question{ID: h.last, Counts: in.Counts}
	if fault := h.rack.fault.Load(); fault != nil {
		q.Fault = *fault
	}
	err := h.to.Encode(q)
	h.mu.Unlock()
	if err != nil {
		return spike.Stats{}, hw.Telemetry{}, err
	}
	heeded := ctx.Done()
	if h.rack.deaf.Load() {
		heeded = nil
	}
	select {
	case r := <-answer:
		if r.Error != "" {
			return r.Stats, r.Seen, errors.New(r.Error)
		}
		if len(r.Out) != len(out.Counts) {
			return r.Stats, r.Seen, fmt.Errorf("%d counts came, expected %d", len(r.Out), len(out.Counts))
		}
		copy(out.Counts, r.Out)
		return r.Stats, r.Seen, nil
	case <-h.ended:
		return spike.Stats{}, hw.Telemetry{}, errors.New("the host's answers have ended")
	case <-heeded:
		return spike.Stats{}, hw.Telemetry{}, ctx.Err()
	}
}
