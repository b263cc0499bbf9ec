package spinnaker

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// process is testdata/peer.py at work.
type process struct {
	io.Writer
	lines chan []byte
}

// python is the one that SPIKERAY_SPINNMAN names.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SPIKERAY_SPINNMAN")
	if path == "" {
		t.Skip("SPIKERAY_SPINNMAN names no Python with sPyNNaker")
	}
	return path
}

// peer starts testdata/peer.py.
func peer(t *testing.T, args ...string) *process {
	t.Helper()
	c := exec.CommandContext(t.Context(), python(t), append([]string{"testdata/peer.py"}, args...)...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	c.Stderr = &complaints
	c.WaitDelay = 5 * time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{in, make(chan []byte, 1<<16)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 64<<20)
		for s.Scan() {
			p.lines <- bytes.Clone(s.Bytes())
		}
	}()
	t.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		<-read
		c.Wait()
		if t.Failed() {
			text := complaints.String()
			t.Logf("the peer said: %s", text[max(0, len(text)-4000):])
		}
	})
	return p
}

// line is the next that it says.
func (p *process) line(t *testing.T) []byte {
	t.Helper()
	select {
	case b, ok := <-p.lines:
		if ok {
			return b
		}
		t.Fatal("the peer has ended")
	case <-time.After(2 * time.Minute):
		t.Fatal("the peer says nothing")
	}
	return nil
}

func (p *process) rest(t *testing.T) (b []byte) {
	t.Helper()
	for line := range p.lines {
		b = append(append(b, line...), '\n')
	}
	return b
}

func TestVectorsAreWhatSpiNNManWrites(t *testing.T) {
	got := bytes.TrimSpace(peer(t, "vectors").rest(t))
	want, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Error("testdata/vectors.json is of another SpiNNMan, or of another peer.py")
	}
}

func TestSpiNNManReadsWhatWeWriteAndWeWhatItReads(t *testing.T) {
	p := peer(t, "parse")
	rng := rand.New(rand.NewPCG(3, 4))
	var packets [][]byte
	for range 3000 {
		d := dataPacket{
			Type: elementType(rng.IntN(4)), Tag: uint8(rng.IntN(4)), HasPrefix: rng.IntN(2) == 0, Prefix: uint16(rng.Uint32()),
			HasBase: rng.IntN(2) == 0, Base: rng.Uint32(), Time: rng.IntN(2) == 0, Elements: make([]element, rng.IntN(40)),
		}
		d.Upper = d.HasPrefix && rng.IntN(2) == 0
		for i := range d.Elements {
			d.Elements[i] = element{rng.Uint32(), rng.Uint32()}
		}
		b := d.Append(nil)
		switch rng.IntN(3) {
		case 0:
			b = b[:rng.IntN(len(b)+1)]
		case 1:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		packets = append(packets, b)
	}
	refused := 0
	for _, b := range packets {
		fmt.Fprintln(p, hex.EncodeToString(b))
		var want read
		if err := json.Unmarshal(p.line(t), &want); err != nil {
			t.Fatal(err)
		}
		got := ours(b)
		if want.Error != "" && got.Error != "" {
			refused++
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%x (-SpiNNMan +us):\n%s", b, diff)
		}
	}
	if refused == 0 || refused > len(packets)/2 {
		t.Errorf("%d of %d packets were refused", refused, len(packets))
	}
	t.Logf("%d packets, of which both refuse %d", len(packets), refused)
}

func TestTablesAreSQLitesAtRandom(t *testing.T) {
	rows := 0
	for seed := range 12 {
		rows += compareTables(t, peer(t, "tables", fmt.Sprint(100+seed)).line(t))
	}
	t.Logf("%d rows", rows)
}

func TestDatabasesAreWhatTheToolchainsReaderFinds(t *testing.T) {
	// Populations of several cores, on several chips.
	big := filepath.Join(t.TempDir(), "network.json")
	spec := `{"steps": 40, "populations": [{"label": "source", "size": 700, "injector": true}, {"label": "marker", "size": 1, "injector": true},
		{"label": "a", "size": 300}, {"label": "b", "size": 1200}, {"label": "c", "size": 3}]}`
	if err := os.WriteFile(big, []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	network, err := filepath.Abs("testdata/network.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{network, big} {
		path := filepath.Join(t.TempDir(), "db.sqlite3")
		b, err := exec.CommandContext(t.Context(), python(t), "testdata/peer.py", "database", spec).Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := readMapping(path)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Populations map[string]struct {
				Keys    []uint32
				Tag     [3]uint8
				Board   string
				Strip   bool
				Cores   [][3]uint8
				Through string
			}
			TimeStep float64 `json:"time_step"`
			Runtime  float64
		}
		if err := json.Unmarshal(peer(t, "mapping", path).line(t), &want); err != nil {
			t.Fatal(err)
		}
		if m.TimeStep != want.TimeStep || float64(m.Steps) != want.Runtime*1000/want.TimeStep || len(want.Populations) < 5 {
			t.Errorf("%v microseconds, %d steps, want %v and %v ms", m.TimeStep, m.Steps, want.TimeStep, want.Runtime)
		}
		neurons := 0
		for label, w := range want.Populations {
			pop := m.Populations[label]
			if pop == nil {
				t.Fatalf("no population %s", label)
			}
			var keys []uint32
			var cores [][3]uint8
			for _, a := range pop.Atoms {
				keys = append(keys, a.Key)
				if c := [3]uint8{a.Core.X, a.Core.Y, a.Core.P}; !slices.Contains(cores, c) {
					cores = append(cores, c)
				}
				if a.Core.Board != w.Through {
					t.Fatalf("%s is reached through %s, want %s", label, a.Core.Board, w.Through)
				}
			}
			neurons += len(keys)
			slices.SortFunc(cores, func(a, b [3]uint8) int { return slices.Compare(a[:], b[:]) })
			if !slices.Equal(keys, w.Keys) || !slices.Equal(cores, w.Cores) {
				t.Errorf("%s: %d keys on %v, want %d on %v", label, len(keys), cores, len(w.Keys), w.Cores)
			}
			if !slices.Contains(pop.Live, liveTag{w.Tag[0], w.Tag[1], w.Tag[2], w.Board, w.Strip}) {
				t.Errorf("%s: %+v, want %+v", label, pop.Live, w)
			}
		}
		t.Logf("%s: %d neurons in %d populations", filepath.Base(spec), neurons, len(want.Populations))
	}
}

// TestToolchainRunsTheNetwork has sPyNNaker load the network onto its virtual board and say so, run after run; the board
// that its spikes go to is the loopback.
func TestToolchainRunsTheNetwork(t *testing.T) {
	python(t)
	n := hwtest.Network()
	l := newLoopback(t, n, unpacked(t))
	free := listen(t)
	l.notify = local(free)
	free.Close()
	network, err := filepath.Abs("testdata/network.json")
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan hw.Board, 1)
	l.group.Go(l.receive)
	t.Cleanup(l.close)
	go func() {
		b, err := Open(t.Context(), Options{Notify: l.notify.String(), Board: local(l.conn).String(), Local: "127.0.0.1:0", Timeout: 20 * time.Second})
		if err != nil {
			t.Error(err)
		}
		opened <- b
	}()
	p := peer(t, "toolchain", network, fmt.Sprint(l.notify.Port()))
	b := <-opened
	if b == nil {
		t.FailNow()
	}
	t.Cleanup(func() { b.Close() })
	program := hwtest.Load(t, b, n)
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	const runs = 3
	done := make(chan struct{})
	l.group.Go(func() {
		defer close(done)
		for range runs {
			if string(<-p.lines) != `"started"` {
				return
			}
			l.run()
			fmt.Fprintln(p, "again")
		}
	})
	for seed := range uint64(runs) {
		in := hwtest.Input(n, seed)
		want, _, err := show(t, reference, n, in)
		if err != nil {
			t.Fatal(err)
		}
		got, seen, err := show(t, program, n, in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || *seen.Link != (hw.Link{}) {
			t.Errorf("run %d: %+v (-simulator +board):\n%s", seed, seen.Link, diff)
		}
	}
	<-done
}

// TestLiveConnectionOfTheToolchainDrivesTheLoopback shows that the board which the other tests are made with speaks as
// boards do: sPyNNaker's own host for live spikes leads its tags, sends it spikes and reads its answers.
func TestLiveConnectionOfTheToolchainDrivesTheLoopback(t *testing.T) {
	python(t)
	n := hwtest.Network()
	path := unpacked(t)
	l := newLoopback(t, n, path)
	l.group.Go(l.receive)
	t.Cleanup(l.close)
	p := peer(t, "live", path, fmt.Sprint(l.conn.LocalAddr().(*net.UDPAddr).Port))
	if s := string(p.line(t)); s != `"ready"` {
		t.Fatal(s)
	}
	l.group.Go(l.run)
	in := hwtest.Input(n, 8)
	type at struct {
		label string
		time  int
	}
	got, want := map[at][]int{}, map[at][]int{}
	depth := 3
	for step := range n.Steps + depth {
		atoms := []int{}
		if step < n.Steps {
			for i, c := range in.Step(step) {
				if c > 0 {
					atoms = append(atoms, i)
				}
			}
			want[at{"source", step}] = atoms
			send, _ := json.Marshal([]any{"source", atoms})
			fmt.Fprintln(p, string(send))
		}
		fmt.Fprintln(p, `["marker", [0]]`)
		want[at{"marker", step}] = []int{0}
		for got[at{"marker", step}] == nil {
			var e struct {
				Label string
				Time  int
				Atoms []int
			}
			if err := json.Unmarshal(p.line(t), &e); err != nil {
				t.Fatal(err)
			}
			got[at{e.Label, e.Time}] = append(got[at{e.Label, e.Time}], e.Atoms...)
		}
	}
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := show(t, reference, n, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, layer := range o.Rec.Layers {
		for step := range n.Steps {
			for atom, c := range layer.Raster.Step(step) {
				if c > 0 {
					k := at{layer.Name, step + i + 1}
					want[k] = append(want[k], atom)
				}
			}
		}
	}
	spikes := 0
	for k, atoms := range got {
		slices.Sort(atoms)
		// What biases alone make once no input reaches a layer any more was not asked for.
		if strings.HasPrefix(k.label, "spike") && k.time > n.Steps+int(k.label[5]-'1') {
			delete(got, k)
			continue
		}
		spikes += len(atoms)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(at{})); diff != "" {
		t.Errorf("(-simulator +sPyNNaker's host):\n%.3000s", diff)
	}
	t.Logf("%d spikes", spikes)
}
