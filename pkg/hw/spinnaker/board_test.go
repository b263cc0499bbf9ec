package spinnaker

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestIsABoard(t *testing.T) { hwtest.Run(t, open) }

type outcome struct {
	Out   []uint8
	Stats spike.Stats
	Rec   spike.Recorder
}

func show(t *testing.T, r spike.Runner, n *spike.Network, in spike.Train) (o outcome, seen hw.Telemetry, err error) {
	t.Helper()
	out := hwtest.Output(t, n, in)
	o.Rec.Rasters = []string{"spike1", "spike2", "spike3"}
	opt := spike.RunOptions{Recorder: &o.Rec}
	if p, ok := r.(hw.Program); ok {
		o.Stats, seen, err = p.Measure(t.Context(), in, out, opt)
	} else {
		o.Stats, err = r.Run(t.Context(), in, out, opt)
	}
	o.Out = out.Counts
	return o, seen, err
}

func TestPatientBoardGivesTheSimulatorsSpikesAndLosesNone(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	n := hwtest.Network()
	b := open(t)
	p := hwtest.Load(t, b, n)
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		in := hwtest.Input(n, seed)
		want, _, err := show(t, reference, n, in)
		if err != nil {
			t.Fatal(err)
		}
		got, seen, err := show(t, p, n, in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-simulator +board):\n%s", seed, diff)
		}
		if *seen.Link != (hw.Link{}) || seen.BoardSteps != n.Steps+4 {
			t.Errorf("seed %d: %+v after %d steps", seed, *seen.Link, seen.BoardSteps)
		}
	}
}

func TestLostPacketsAreCounted(t *testing.T) {
	n := hwtest.Network()
	in := hwtest.Input(n, 3)
	l := newLoopback(t, n, unpacked(t))
	for step := range n.Steps { // two packets a step, and one of the marker
		for i := range in.Step(step) {
			in.Step(step)[i] = 0
			if i < 70 {
				in.Step(step)[i] = 1
			}
		}
	}
	var lostIn, lostOut, answers atomic.Uint64
	l.lose = func(out bool, d *dataPacket) bool {
		switch {
		case !out && len(d.Elements) == 7 && lostIn.Load() < 3*7: // the second of a step's packets
			lostIn.Add(7)
			return true
		case out && d.Type == keyPayload32 && answers.Add(1)%4 == 0: // spikes of a layer
			lostOut.Add(1)
			return true
		}
		return false
	}
	p := hwtest.Load(t, l.board(t, nil), n)
	_, seen, err := show(t, p, n, in)
	if err != nil {
		t.Fatal(err)
	}
	if lostIn.Load() == 0 || lostOut.Load() == 0 {
		t.Fatal("nothing was lost")
	}
	if want := (hw.Link{LostIn: lostIn.Load(), LostOut: lostOut.Load()}); *seen.Link != want {
		t.Errorf("lost %+v, counted %+v", want, *seen.Link)
	}
}

func TestDoubledPacketsChangeNothing(t *testing.T) {
	n := hwtest.Network()
	in := hwtest.Input(n, 4)
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := show(t, reference, n, in)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoopback(t, n, unpacked(t))
	l.twice = true
	got, seen, err := show(t, hwtest.Load(t, l.board(t, nil), n), n, in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-simulator +board):\n%s", diff)
	}
	if link := *seen.Link; link.Foreign == 0 || link != (hw.Link{Foreign: link.Foreign}) {
		t.Errorf("%+v", link)
	}
}

func TestNetworkThatIsReplacedIsRefused(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	p := hwtest.Load(t, l.board(t, nil), n)
	in := hwtest.Input(n, 1)
	b, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{OnStep: func(step int, _ []uint8) error {
		if step > 0 {
			return nil
		}
		if err := os.WriteFile(l.path+".new", bytes.ReplaceAll(b, []byte("spike3"), []byte("others")), 0o600); err != nil {
			return err
		}
		return os.Rename(l.path+".new", l.path)
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{})
	var refusal *hw.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), `layer "spike3": no population with this name`) {
		t.Errorf("%v", err)
	}
}

func TestImpatientBoardIdlesAndSaysSo(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	l.pace = 20 * time.Millisecond
	l.mapping.Steps = 1000
	l.limit = 1000
	p := hwtest.Load(t, l.board(t, func(o *Options) { o.Burst, o.Pause = 1, 70*time.Millisecond }), n)
	_, seen, err := show(t, p, n, hwtest.Input(n, 1))
	if err != nil && !errors.Is(err, ErrNotReset) { // on a machine that stood still
		t.Fatal(err)
	}
	if err == nil && (seen.Link.Idle == 0 || seen.Link.Late == 0 || seen.Link.LostIn != 0) {
		t.Errorf("a host slower than the board's clock: %+v", *seen.Link)
	}
}

func TestMarkerThatDoesNotComeBackEndsTheRun(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	var out atomic.Int64
	l.lose = func(o bool, _ *dataPacket) bool { return o && out.Add(1) > 20 }
	p := hwtest.Load(t, l.board(t, func(o *Options) { o.Timeout = 5 * time.Second }), n)
	if _, _, err := show(t, p, n, hwtest.Input(n, 1)); !errors.Is(err, ErrSilent) {
		t.Errorf("%v", err)
	}
}

func TestToolchainThatStopsEarlyEndsTheRun(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	l.limit = 5
	p := hwtest.Load(t, l.board(t, nil), n)
	if _, _, err := show(t, p, n, hwtest.Input(n, 1)); !errors.Is(err, ErrStopped) {
		t.Errorf("%v", err)
	}
}

func TestNetworkThatWasNotResetIsFoundOut(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	l.start = 80
	p := hwtest.Load(t, l.board(t, nil), n)
	if _, _, err := show(t, p, n, hwtest.Input(n, 1)); !errors.Is(err, ErrNotReset) {
		t.Errorf("%v", err)
	}
}

func TestStrangersAreNotListenedTo(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	b := l.board(t, nil)
	p := hwtest.Load(t, b, n)
	stranger := listen(t)
	defer stranger.Close()
	to := b.(*board).link.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	in := hwtest.Input(n, 1)
	_, seen, err := p.Measure(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{OnStep: func(int, []uint8) error {
		for _, packet := range [][]byte{commandStop.Append(nil), commandStart.Append(nil), {}, {1}, []byte("\x10\x40garbage"), make([]byte, 9000)} {
			stranger.WriteToUDPAddrPort(packet, l.notify)
			stranger.WriteToUDPAddrPort(packet, to)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if seen.Link.Foreign == 0 || seen.Link.LostIn+seen.Link.LostOut+seen.Link.Late+seen.Link.Idle > 0 {
		t.Errorf("%+v", *seen.Link)
	}
}

func TestTagsAreKept(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	p := hwtest.Load(t, l.board(t, func(o *Options) { o.Keep = 20 * time.Millisecond }), n)
	if _, _, err := show(t, p, n, hwtest.Input(n, 1)); err != nil {
		t.Fatal(err)
	}
	sets := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.sets
	}
	for before, until := sets(), time.Now().Add(time.Minute); sets() < before+6; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the tags were led here %d times, then %d", before, sets())
		}
	}
}

func TestSilentBoardIsNotWell(t *testing.T) {
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	nobody := listen(t)
	defer nobody.Close()
	b := l.board(t, func(o *Options) { o.Board, o.Timeout = local(nobody).String(), 100*time.Millisecond })
	if err := b.Health(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Health(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAnotherNetworkIsRefused(t *testing.T) {
	b := open(t)
	for want, change := range map[string]func(*spike.Network){
		`layer "spike3": its population has 7 neurons, expected 8`: func(n *spike.Network) {
			d := n.Layers[5].(*spike.Dense)
			d.Units = 8
			d.Weights.Int8 = slices.Repeat(d.Weights.Int8, 2)[:150*8]
			d.Weights.Scale, d.Weights.Bias = append(d.Weights.Scale, 1), append(d.Weights.Bias, 0)
		},
		`layer "other": no population with this name is loaded`:                        func(n *spike.Network) { n.Layers[1].(*spike.Neurons).LayerName = "other" },
		`layer "input": no population with this name is loaded`:                        func(n *spike.Network) { n.Source.LayerName = "input" },
		`layer "marker": two of its layers, or a layer and the marker, have this name`: func(n *spike.Network) { n.Layers[1].(*spike.Neurons).LayerName = "marker" },
	} {
		n := hwtest.Network()
		change(n)
		_, err := b.Place(t.Context(), n)
		var refusal *hw.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	n := hwtest.Network()
	n.Steps = spike.MaxSteps
	if _, err := b.Place(t.Context(), n); err != nil {
		t.Errorf("%d steps fit into 80: %v", n.Steps, err)
	}
}

func TestOpenWaitsForTheToolchain(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, Options{Notify: "127.0.0.1:0"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
