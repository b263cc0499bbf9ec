package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// noLeaks holds a test to ending all that it began, the hosts that it started with it.
func noLeaks(t *testing.T) { t.Cleanup(func() { goleak.VerifyNone(t) }) }

// once runs the suite's network once.
func once(ctx context.Context, t *testing.T, p hw.Program, opt spike.RunOptions) error {
	t.Helper()
	n := hwtest.Network()
	in := hwtest.Input(n, 1)
	_, _, err := p.Measure(ctx, in, hwtest.Output(t, n, in), opt)
	return err
}

// TestWrongAnswers: what a host says is held to the protocol, to the network and to its own word.
func TestWrongAnswers(t *testing.T) {
	noLeaks(t)
	drop := func(name string) func(*oip.InferResponse) {
		return func(r *oip.InferResponse) { delete(r.Parameters, name) }
	}
	for name, c := range map[string]struct {
		change func(*oip.InferResponse)
		want   error
	}{
		"another model":           {func(r *oip.InferResponse) { r.ModelName = "resnet" }, ErrAnswer},
		"another network":         {func(r *oip.InferResponse) { r.Parameters["network"] = "sha256:00" }, ErrNetworkDiffers},
		"no digest":               {drop("network"), ErrNetworkDiffers},
		"no spikes":               {func(r *oip.InferResponse) { r.Outputs = r.Outputs[1:] }, ErrAnswer},
		"wrong shape":             {func(r *oip.InferResponse) { r.Outputs[0].Shape = []int{12, 1, 7, 1} }, ErrAnswer},
		"fewer steps":             {func(r *oip.InferResponse) { r.Outputs[0].Shape[0], r.Outputs[0].Data = 11, r.Outputs[0].Data[:77] }, ErrAnswer},
		"more steps":              {func(r *oip.InferResponse) { r.Outputs[0].Shape[0], r.Outputs[0].Data = 13, make([]byte, 91) }, ErrAnswer},
		"wrong datatype":          {func(r *oip.InferResponse) { r.Outputs[0].Datatype = oip.Int8 }, ErrAnswer},
		"several spikes at once":  {func(r *oip.InferResponse) { r.Outputs[0].Data[3] = 2 }, ErrAnswer},
		"a layer of wrong shape":  {func(r *oip.InferResponse) { slices.Reverse(r.Outputs[1].Shape) }, ErrAnswer},
		"a layer without a count": {func(r *oip.InferResponse) { delete(r.Outputs[2].Parameters, "synaptic_operations") }, ErrAnswer},
		"no count":                {drop("spikes"), ErrAnswer},
		"no steps":                {drop("board_steps"), ErrAnswer},
		"negative count":          {func(r *oip.InferResponse) { r.Parameters["clipped"] = -1 }, ErrAnswer},
		"count in words":          {func(r *oip.InferResponse) { r.Parameters["saturated"] = "none" }, ErrAnswer},
		"energy without silicon":  {func(r *oip.InferResponse) { r.Parameters["energy_joules"] = 0.25 }, ErrAnswer},
		"time without silicon":    {func(r *oip.InferResponse) { r.Parameters["device_time_ns"] = 1000 }, ErrAnswer},
		"negative energy":         {func(r *oip.InferResponse) { r.Parameters["energy_joules"] = -1 }, ErrAnswer},
		"far too much": {func(r *oip.InferResponse) {
			r.Outputs = append(r.Outputs, oip.Tensor{Name: "more", Datatype: oip.Uint8, Shape: []int{1 << 22}, Data: make([]byte, 1<<22)})
		}, ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			h := newGoHost(t)
			b := dial(t, Options{URL: h.URL})
			p := hwtest.Load(t, b, hwtest.Network())
			h.answer = c.change
			var rec spike.Recorder
			if err := once(t.Context(), t, p, spike.RunOptions{Recorder: &rec}); !errors.Is(err, c.want) || !errors.Is(err, ErrAnswer) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if len(rec.Layers) > 0 {
				t.Error("a wrong answer was recorded")
			}
			h.answer = nil
			if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil {
				t.Errorf("the next answer is right, but: %v", err)
			}
		})
	}
}

// TestMeasured: energy and device time of a board that is silicon are passed on.
func TestMeasured(t *testing.T) {
	noLeaks(t)
	h := newGoHost(t)
	h.capabilities = func(c *hw.Capabilities) { c.Fidelity = hw.Silicon }
	h.answer = func(r *oip.InferResponse) {
		r.Parameters["energy_joules"], r.Parameters["device_time_ns"] = 0.25, 1500
	}
	n := hwtest.Network()
	in := hwtest.Input(n, 1)
	_, seen, err := hwtest.Load(t, dial(t, Options{URL: h.URL}), n).Measure(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{})
	if err != nil || seen.Energy == nil || *seen.Energy != 0.25 || seen.DeviceTime == nil || *seen.DeviceTime != 1500*time.Nanosecond {
		t.Errorf("%+v, %v", seen, err)
	}
}

// TestWrongIntroduction: a host that is none for us is not dialled.
func TestWrongIntroduction(t *testing.T) {
	noLeaks(t)
	for name, c := range map[string]struct {
		server       func(*oip.ServerMetadata)
		capabilities func(*hw.Capabilities)
	}{
		"no name":          {server: func(m *oip.ServerMetadata) { delete(m.Parameters, "board") }},
		"a name for a log": {server: func(m *oip.ServerMetadata) { m.Parameters["board"] = "a\nb" }},
		"no binary data":   {server: func(m *oip.ServerMetadata) { m.Extensions = m.Extensions[1:] }},
		"no repository":    {server: func(m *oip.ServerMetadata) { m.Extensions = m.Extensions[:1] }},
		"no capabilities":  {server: func(m *oip.ServerMetadata) { delete(m.Parameters, "capabilities") }},
		"another object":   {server: func(m *oip.ServerMetadata) { m.Parameters["capabilities"] = `{"axes":3}` }},
		"unknown fidelity": {capabilities: func(c *hw.Capabilities) { c.Fidelity = "perfect" }},
		"too many spikes":  {capabilities: func(c *hw.Capabilities) { c.MaxCount = 256 }},
		"no axis":          {capabilities: func(c *hw.Capabilities) { c.Axes = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newGoHost(t)
			h.server, h.capabilities = c.server, c.capabilities
			if _, err := Open(t.Context(), Options{URL: h.URL}); !errors.Is(err, ErrAnswer) {
				t.Error(err)
			}
		})
	}
	for _, url := range []string{"", "board:8700", "ftp://board", "http://", "http://user:word@board", "http://board?x=1"} {
		if _, err := Open(t.Context(), Options{URL: url}); err == nil {
			t.Errorf("%q was dialled", url)
		}
	}
}

// TestWrongMetadata: a network that the host holds for another is not placed.
func TestWrongMetadata(t *testing.T) {
	noLeaks(t)
	report := func(change func(*hw.Report)) func(*oip.ModelMetadata) {
		return func(m *oip.ModelMetadata) {
			var r hw.Report
			text, _ := m.Parameters.Text("report")
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				panic(err)
			}
			change(&r)
			changed, _ := json.Marshal(r)
			m.Parameters["report"] = string(changed)
		}
	}
	for name, c := range map[string]struct {
		change func(*oip.ModelMetadata)
		want   error
	}{
		"digest":       {func(m *oip.ModelMetadata) { m.Parameters["network"] = "sha256:" + strings.Repeat("0", 64) }, ErrNetworkDiffers},
		"no digest":    {func(m *oip.ModelMetadata) { m.Parameters = nil }, ErrNetworkDiffers},
		"input":        {func(m *oip.ModelMetadata) { m.Inputs[0].Shape[1]++ }, ErrAnswer},
		"output":       {func(m *oip.ModelMetadata) { m.Outputs[0].Datatype = oip.FP32 }, ErrAnswer},
		"no report":    {func(m *oip.ModelMetadata) { delete(m.Parameters, "report") }, ErrAnswer},
		"fewer layers": {report(func(r *hw.Report) { r.Layers = r.Layers[1:] }), ErrAnswer},
		"synapses":     {report(func(r *hw.Report) { r.Layers[1].Synapses-- }), ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			h := newGoHost(t)
			b := dial(t, Options{URL: h.URL})
			h.metadata = c.change
			if _, err := b.Place(t.Context(), hwtest.Network()); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestBrokenConnections: a listener that does not answer as HTTP has it, or not to the end.
func TestBrokenConnections(t *testing.T) {
	noLeaks(t)
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"hangs up":      {"", ErrNoAnswer},
		"garbage":       {"\x00\x01spikes, spikes\r\n\r\n", ErrNoAnswer},
		"half a header": {"HTTP/1.1 200 OK\r\nContent-Le", ErrNoAnswer},
		"half a body":   {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"name\":", ErrNoAnswer},
		"half a chunk":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{\"na", ErrNoAnswer},
		"long headers":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", ErrNoAnswer},
		"long body":     {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{", ErrAnswer},
		"endless body":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", 0x200000), ErrAnswer},
		"no JSON":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ErrAnswer},
		"elsewhere":     {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 4096))
					io.WriteString(conn, c.answer)
					conn.Close()
				}
			}()
			defer func() { l.Close(); <-done }()
			_, err = Open(t.Context(), Options{URL: "http://" + l.Addr().String(), Timeout: time.Minute})
			var host *HostError
			if c.want == nil && (!errors.As(err, &host) || host.Status != 302) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Open(t.Context(), Options{URL: "http://" + l.Addr().String()}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("nobody there: %v", err)
	}
}

// stuck lets a host hang on inferences until the test ends.
func stuck(t *testing.T, h *goHost) (arrived chan struct{}) {
	arrived, over := make(chan struct{}, 16), make(chan struct{})
	t.Cleanup(func() { close(over) })
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/infer") {
			return false
		}
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		select {
		case <-over:
		case <-r.Context().Done():
		}
		return true
	}
	return arrived
}

func TestLateHost(t *testing.T) {
	noLeaks(t)
	h := newGoHost(t)
	b := dial(t, Options{URL: h.URL, Timeout: 4 * time.Second})
	p := hwtest.Load(t, b, hwtest.Network())
	arrived := stuck(t, h)

	if err := once(t.Context(), t, p, spike.RunOptions{}); !errors.Is(err, ErrLate) {
		t.Errorf("the board's time-out: %v", err)
	}
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := once(ctx, t, p, spike.RunOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's deadline: %v", err)
	}
	if err := b.Health(t.Context()); err != nil {
		t.Errorf("late, but it says that it is healthy: %v", err)
	}
}

func TestCancelledAndClosed(t *testing.T) {
	noLeaks(t)
	h := newGoHost(t)
	b := dial(t, Options{URL: h.URL})
	p := hwtest.Load(t, b, hwtest.Network())
	arrived := stuck(t, h)

	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 2)
	go func() { result <- once(ctx, t, p, spike.RunOptions{}) }()
	<-arrived
	waiting, leave := context.WithCancel(t.Context())
	go func() { result <- once(waiting, t, p, spike.RunOptions{}) }()
	leave() // while another has the board
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("running: %v", err)
	}
	go func() { result <- once(t.Context(), t, p, spike.RunOptions{}) }()
	<-arrived
	b.Close()
	if err := <-result; !errors.Is(err, hw.ErrClosed) {
		t.Errorf("closed while it ran: %v", err)
	}
}

// TestForgottenNetwork: a host that was started again is sent the network again, once.
func TestForgottenNetwork(t *testing.T) {
	noLeaks(t)
	h := newGoHost(t)
	p := hwtest.Load(t, dial(t, Options{URL: h.URL}), hwtest.Network())
	h.forget()
	if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil || h.loads != 2 {
		t.Errorf("%v after %d loads", err, h.loads)
	}
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/infer") {
			w.WriteHeader(404)
			io.WriteString(w, `{"error":"never heard of it\u0007"}`)
			return true
		}
		return false
	}
	err := once(t.Context(), t, p, spike.RunOptions{})
	var host *HostError
	if !errors.As(err, &host) || host.Status != 404 || host.Message != "never heard of it " || h.loads != 3 {
		t.Errorf("%v after %d loads", err, h.loads)
	}
}

// TestKeepAlive: runs share a connection.
func TestKeepAlive(t *testing.T) {
	noLeaks(t)
	h := newGoHost(t)
	var connections sync.Map // by the client's address
	h.before = func(_ http.ResponseWriter, r *http.Request) bool {
		connections.Store(r.RemoteAddr, true)
		return false
	}
	p := hwtest.Load(t, dial(t, Options{URL: h.URL}), hwtest.Network())
	for range 20 {
		if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	connections.Range(func(_, _ any) bool {
		n++
		return true
	})
	if n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestHostProcess is about a real process: owned, stopped, killed in the middle of a run, and started again.
func TestHostProcess(t *testing.T) {
	python := simulatorPython(t)
	noLeaks(t)
	host := startHost(t, python, "--lease", "3600")
	n := hwtest.Network()
	b := dial(t, Options{URL: host.url})
	p := hwtest.Load(t, b, n)

	other := dial(t, Options{URL: host.url})
	var refused *HostError
	if _, err := other.Place(t.Context(), n); !errors.Is(err, ErrOwned) || !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("two owners: %v", err)
	}
	if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil {
		t.Errorf("its owner: %v", err)
	}

	// A process that crashed gives nothing back; the one after it, of the same key, need not wait for the lease.
	crashed := dial(t, Options{URL: startHost(t, python, "--lease", "3600").url, Key: "server 7", Epoch: 1})
	abandoned := hwtest.Load(t, crashed, n)
	later := crashed.(*board).options
	later.Epoch = 2
	stranger := later
	stranger.Key = "server 8"
	if _, err := dial(t, stranger).Place(t.Context(), n); !errors.Is(err, ErrOwned) {
		t.Errorf("another key: %v", err)
	}
	if err := once(t.Context(), t, hwtest.Load(t, dial(t, later), n), spike.RunOptions{}); err != nil {
		t.Errorf("the same key, later: %v", err)
	}
	if err := once(t.Context(), t, abandoned, spike.RunOptions{}); !errors.Is(err, ErrOwned) {
		t.Errorf("the same key, earlier: %v", err)
	}

	if err := host.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(host.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("%v, status %#x", err, status)
	}
	hasty, err := Open(t.Context(), Options{URL: host.url, Timeout: time.Second})
	if !errors.Is(err, ErrLate) {
		t.Errorf("a host that hangs: %v, %v", hasty, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	if err := once(ctx, t, p, spike.RunOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a host that hangs in a run: %v", err)
	}
	cancel()
	result := make(chan error)
	go func() { result <- once(t.Context(), t, p, spike.RunOptions{}) }()
	time.Sleep(50 * time.Millisecond) // so that the run is likely on its way; either order has the same outcome
	host.kill()
	if err := <-result; !errors.Is(err, ErrNoAnswer) {
		t.Errorf("killed in a run: %v", err)
	}
	if err := b.Health(t.Context()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("the health of the dead: %v", err)
	}

	again := startHost(t, python, "--listen", strings.TrimPrefix(host.url, "http://"))
	if again.url != host.url {
		t.Fatalf("%s came back as %s", host.url, again.url)
	}
	if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil {
		t.Errorf("after it was started again: %v", err)
	}
	b.Close()
	if _, err := other.Place(t.Context(), n); err != nil {
		t.Errorf("given back: %v", err)
	}
}

// TestNetworkOfTheHost: with Options.Model the host has the network already, and it has to be the same.
func TestNetworkOfTheHost(t *testing.T) {
	python := simulatorPython(t)
	noLeaks(t)
	n := hwtest.Network()
	file, _, err := encodeNetwork(n)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "network.safetensors")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	host := startHost(t, python, "--network", "chest="+path)
	b := dial(t, Options{URL: host.url, Model: "chest"})
	if err := once(t.Context(), t, hwtest.Load(t, b, n), spike.RunOptions{}); err != nil {
		t.Error(err)
	}
	n.Layers[1].(*spike.Neurons).Threshold += 0.25
	if _, err := b.Place(t.Context(), n); !errors.Is(err, ErrNetworkDiffers) {
		t.Errorf("another threshold: %v", err)
	}
	var absent *HostError
	if _, err := dial(t, Options{URL: host.url, Model: "foot"}).Place(t.Context(), n); !errors.As(err, &absent) || absent.Status != 404 {
		t.Errorf("a network that is not there: %v", err)
	}
}

// TestHostileRequests: what is no request is refused by the process in Python, which goes on.
func TestHostileRequests(t *testing.T) {
	host := startHost(t, simulatorPython(t))
	b := dial(t, Options{URL: host.url})
	n := hwtest.Network()
	p := hwtest.Load(t, b, n)
	file, digest, err := encodeNetwork(n)
	if err != nil {
		t.Fatal(err)
	}
	name := "spikeray-" + strings.TrimPrefix(digest, "sha256:")
	owner := b.(*board).owner
	load := func(content string) string {
		return fmt.Sprintf(`{"parameters":{"owner":%q,%q:%q}}`, owner, fileName, content)
	}
	tensor := func(shape, datatype, rest string) string {
		return fmt.Sprintf(`{"parameters":{"owner":%q},"inputs":[{"name":"in","shape":%s,"datatype":%q,%s}]}`, owner, shape, datatype, rest)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	infer, other := "/v2/models/"+name+"/infer", "/v2/repository/models/x/load"
	for what, c := range map[string]struct {
		path, body, header string
		status             int
	}{
		"no JSON":           {infer, "spikes", "", 400},
		"nothing":           {infer, "", "", 400},
		"a list":            {infer, "[]", "", 400},
		"deep":              {infer, strings.Repeat("[", 100000), "", 400},
		"header":            {infer, "{}", "3", 400},
		"header no number":  {infer, "{}", "-2", 400},
		"no input":          {infer, `{"inputs":[]}`, "", 409},
		"wrong type":        {infer, tensor("[1,11,9,2]", "INT8", `"parameters":{"binary_data_size":198}`), "", 400},
		"short":             {infer, tensor("[1,11,9,2]", "UINT8", `"parameters":{"binary_data_size":198}`), "", 400},
		"wrong shape":       {infer, tensor("[1,9,11,2]", "UINT8", `"data":[`+strings.Repeat("0,", 197)+"0]"), "", 400},
		"no steps":          {infer, tensor("[0,11,9,2]", "UINT8", `"data":[]`), "", 400},
		"too many steps":    {infer, tensor("[13,11,9,2]", "UINT8", `"data":[`+strings.Repeat("0,", 13*198-1)+"0]"), "", 400},
		"several at once":   {infer, tensor("[1,11,9,2]", "UINT8", `"data":[`+strings.Repeat("2,", 197)+"0]"), "", 400},
		"out of range":      {infer, tensor("[1,11,9,2]", "UINT8", `"data":[`+strings.Repeat("0,", 197)+"256]"), "", 400},
		"enormous":          {infer, tensor("[2147483647,2147483647]", "UINT8", `"data":[]`), "", 400},
		"unknown output":    {infer, `{"parameters":{"owner":"` + owner + `"},"outputs":[{"name":"x"}],` + tensor("[1,11,9,2]", "UINT8", `"data":[`+strings.Repeat("0,", 197)+"0]")[1:], "", 400},
		"unknown model":     {"/v2/models/x/infer", `{"inputs":[]}`, "", 404},
		"another owner":     {infer, strings.Replace(tensor("[1,11,9,2]", "UINT8", `"data":[`+strings.Repeat("0,", 197)+"0]"), owner, "me", 1), "", 409},
		"no file":           {other, load(""), "", 400},
		"no base64":         {other, load("spikes!"), "", 400},
		"half a file":       {other, load(base64.StdEncoding.EncodeToString(file[:len(file)/2])), "", 400},
		"an enormous file":  {other, load(base64.StdEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))), "", 400},
		"load by another":   {other, `{"parameters":{"owner":"me"}}`, "", 409},
		"unload by another": {"/v2/repository/models/" + name + "/unload", `{"parameters":{"owner":"me"}}`, "", 409},
		"no such path":      {"/v2/models/../../etc/passwd", "{}", "", 404},
	} {
		req, err := http.NewRequest(http.MethodPost, host.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header.Set(oip.HeaderLength, c.header)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var e oip.ErrorResponse
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Error == "" || resp.StatusCode != c.status {
			t.Errorf("%s: status %d, expected %d; its error is %q (%v)", what, resp.StatusCode, c.status, e.Error, err)
		}
		resp.Body.Close()
	}
	if err := once(t.Context(), t, p, spike.RunOptions{}); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// TestOwnersProveThemselves: what a host is told of who owns the board, and that the key itself is not sent.
func TestOwnersProveThemselves(t *testing.T) {
	h := newGoHost(t)
	var mu sync.Mutex
	seen := map[string]int{}
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		defer mu.Unlock()
		sum := sha256.Sum256([]byte("a secret"))
		if bytes.Contains(body, []byte(`"owner_epoch":41`)) && bytes.Contains(body, []byte(`"owner_key":"`+hex.EncodeToString(sum[:])+`"`)) &&
			!bytes.Contains(body, []byte("a secret")) {
			seen[path.Base(r.URL.Path)]++
		}
		return false
	}
	b := dial(t, Options{URL: h.URL, Key: "a secret", Epoch: 41})
	if err := once(t.Context(), t, hwtest.Load(t, b, hwtest.Network()), spike.RunOptions{}); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["load"] != 1 || seen["infer"] != 1 || seen["unload"] != 1 {
		t.Errorf("%v", seen)
	}
}
