package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// python is the interpreter that the variable names, or python3, if it has the module.
func python(t *testing.T, variable, module string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = "python3"
	}
	if err := exec.Command(path, "-c", "import "+module).Run(); err != nil {
		t.Skipf("%s has no %s; %s names an interpreter that has", path, module, variable)
	}
	return path
}

func simulatorHost(t *testing.T) string { return python(t, "SPIKERAY_BOARDHOST_PYTHON", "numpy") }

// boardhost starts the host of deploy/boardhost in a process of its own.
func boardhost(t *testing.T, python string, args ...string) (host *exec.Cmd, addr string) {
	t.Helper()
	host = exec.Command(python, append([]string{"-m", "boardhost", "--listen"}, args...)...)
	host.Dir = filepath.Join("..", "..", "deploy", "boardhost")
	host.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OPENBLAS_NUM_THREADS=1")
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if host.ProcessState == nil {
			_ = host.Process.Kill()
			_ = host.Wait()
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), " on http://")
	if !ok {
		t.Fatalf("the host says %q, %v", line, err)
	}
	return host, url
}

// halt stops a child process, and is sure of it.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("%v, status %#x", err, status)
	}
}

type boardAnswer struct {
	Status      int
	Type        string
	Probability float64
	Backend     struct{ Name string }
	Degraded    string
}

func (p *process) ask(t *testing.T) (a boardAnswer) {
	t.Helper()
	response, err := http.Post(p.url+"/v1/predictions", "application/octet-stream", bytes.NewReader(testmodel.PNG(60, 50, 3)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	a.Status = response.StatusCode
	return a
}

func (p *process) readiness(t *testing.T) int {
	t.Helper()
	response, err := http.Get(p.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestABoardHostMayDieHangAndComeBack has the server, the board host and this test as three processes.
func TestABoardHostMayDieHangAndComeBack(t *testing.T) {
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	picture := write(t, testmodel.PNG(60, 50, 3), dir, "x.png")
	simulated := *lines(t, spikeray(t, nil, "predict", "--json", "--model", file, picture).out)[0].Probability
	for _, fallback := range []string{"off", "request"} {
		t.Run(fallback, func(t *testing.T) {
			t.Parallel()
			host, addr := boardhost(t, simulatorHost(t), "127.0.0.1:0")
			p := serve(t, nil, "--model="+file, "--board=remote", "--board-option=url=http://"+addr,
				"--board-fallback="+fallback, "--board-failures=1", "--board-retry=50ms", "--board-timeout=10s")
			want := p.ask(t)
			if want.Status != 200 || want.Degraded != "" || !strings.HasPrefix(want.Backend.Name, "remote-") {
				t.Fatalf("a healthy host: %+v", want)
			}
			away := func(what, kind string) {
				t.Helper()
				a := p.ask(t)
				ready := p.readiness(t)
				if fallback == "off" {
					if a.Status != 503 || a.Type != "urn:spikeray:problem:board-unavailable" || ready != 503 {
						t.Errorf("%s: %+v, ready %d", what, a, ready)
					}
				} else if a.Status != 200 || a.Degraded != kind || a.Backend.Name != "simulator" || a.Probability != simulated || ready != 200 {
					t.Errorf("%s: %+v, ready %d, the simulator says %v", what, a, ready, simulated)
				}
			}
			back := func() {
				t.Helper()
				waitFor(t, p, `spikeray_board_state{board="remote",state="closed"} 1`)
				if a := p.ask(t); a != want {
					t.Errorf("back again: %+v, before: %+v", a, want)
				}
			}

			halt(t, host.Process.Pid)
			away("a host that hangs", "timeout")
			if err := host.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			back()

			_ = host.Process.Kill()
			_ = host.Wait()
			away("a host that was killed", "failed")
			away("one that stays away", "unavailable")
			boardhost(t, simulatorHost(t), addr)
			back()
			p.end(t)
		})
	}
}

// spoiler stands before a board host and spoils its answer to one picture.
type spoiler struct {
	*httptest.Server
	fault atomic.Value
}

func spoil(t *testing.T, addr string) *spoiler {
	t.Helper()
	s := &spoiler{}
	s.fault.Store("")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasSuffix(r.Request.URL.Path, "/infer") || r.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		last := &body[len(body)-1] // of the spikes
		switch s.fault.Swap("") {
		case "garbage":
			for i := range body {
				body[i] = byte(i * 37)
			}
		case "wrong shape":
			body = body[:len(body)-1]
		case "impossible":
			*last = 9
		case "wrong":
			*last ^= 1
		case "late":
			select {
			case <-time.After(time.Minute):
			case <-r.Request.Context().Done():
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	s.Server = httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s
}

// TestABoardHostMayAnswerWrongly has a host whose answers are spoilt on their way.
func TestABoardHostMayAnswerWrongly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	picture := write(t, testmodel.PNG(60, 50, 3), dir, "x.png")
	simulated := *lines(t, spikeray(t, nil, "predict", "--json", "--model", file, picture).out)[0].Probability
	_, addr := boardhost(t, simulatorHost(t), "127.0.0.1:0")
	between := spoil(t, addr)
	p := serve(t, nil, "--model="+file, "--board=remote", "--board-option=url="+between.URL, "--board-fallback=request",
		"--board-failures=1", "--board-retry=50ms", "--board-timeout=10s", "--board-canary=0")
	well := func() {
		t.Helper()
		waitFor(t, p, `spikeray_board_state{board="remote",state="closed"} 1`)
		if a := p.ask(t); a.Degraded != "" || a.Backend.Name != "remote-simulator" {
			t.Errorf("a healthy host: %+v", a)
		}
	}
	for _, c := range [][2]string{{"garbage", "wrong_answer"}, {"wrong shape", "wrong_answer"}, {"impossible", "wrong_answer"}, {"late", "timeout"}} {
		well()
		between.fault.Store(c[0])
		if a := p.ask(t); a.Status != 200 || a.Degraded != c[1] || a.Probability != simulated {
			t.Errorf("%s: %+v, expected %s and %v", c[0], a, c[1], simulated)
		}
	}
	well()
	p.end(t)

	p = serve(t, nil, "--model="+file, "--board=remote", "--board-option=url="+between.URL,
		"--board-retry=50ms", "--board-canary=100ms")
	well()
	between.fault.Store("wrong")
	waitFor(t, p, `spikeray_board_state{board="remote",state="quarantined"} 1`)
	if a := p.ask(t); a.Status != 503 || a.Type != "urn:spikeray:problem:board-unavailable" || p.readiness(t) != 503 {
		t.Errorf("in quarantine: %+v", a)
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	well()
	status, logs := p.end(t)
	if status != 0 || !strings.Contains(logs, `"state":"quarantined"`) {
		t.Errorf("status %d\n%s", status, logs)
	}
}

// TestEmulatorLavaAndSimulatorAnswerTheSame: a picture through the embedded Loihi, through Lava's behind a host, and
// through the simulator on the network with their numbers.
func TestEmulatorLavaAndSimulatorAnswerTheSame(t *testing.T) {
	_, addr := boardhost(t, python(t, "SPIKERAY_LAVA_PYTHON", "lava.magma"), "127.0.0.1:0", "--board", "lava")
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	picture := write(t, testmodel.PNG(60, 50, 5), dir, "x.png")
	for name, args := range map[string][]string{
		"loihi":       {"--board=loihi"},
		"remote-lava": {"--board=remote", "--board-option=url=http://" + addr, "--board-option=like=loihi", "--board-fallback=request", "--board-timeout=5m", "--board-start-timeout=5m", "--board-option=timeout=5m"},
	} {
		r := spikeray(t, nil, append([]string{"predict", "--json", "--model", file, picture}, args...)...)
		got := lines(t, r.out)
		if r.status != 0 || len(got) != 1 {
			t.Fatalf("%s: %+v", name, r)
		}
		if want := onQuantised(t, 5); *got[0].Probability != want || got[0].Backend.Name != name || got[0].Degraded != "" {
			t.Errorf("%s: %+v, expected %v", name, got[0], want)
		}
	}
}

// TestAServerThatCrashedHasItsBoardBack: the lease of the one before is as long as it likes.
func TestAServerThatCrashedHasItsBoardBack(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	_, host := boardhost(t, simulatorHost(t), "127.0.0.1:0", "--lease=3600")
	args := []string{"--addr=" + freeAddr(t), "--model=" + file, "--board=remote", "--board-option=url=http://" + host}
	p := serve(t, nil, args...)
	if a := p.ask(t); a.Status != 200 || !strings.HasPrefix(a.Backend.Name, "remote-") {
		t.Fatalf("%+v", a)
	}
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.command.Wait()
	if other := spikeray(t, nil, "predict", "--model", file, "--board=remote", "--board-option=url=http://"+host,
		write(t, testmodel.PNG(60, 50, 3), t.TempDir(), "x.png")); other.status == 0 || !strings.Contains(other.err, "another owner") {
		t.Errorf("another command has the board: %+v", other)
	}
	if a := serve(t, nil, args...).ask(t); a.Status != 200 || !strings.HasPrefix(a.Backend.Name, "remote-") {
		t.Errorf("the same server again: %+v", a)
	}
}
