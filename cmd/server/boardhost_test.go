package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// boardhost starts the host of deploy/boardhost with its simulator, in a process of its own.
func boardhost(t *testing.T, listen string) (host *exec.Cmd, addr string) {
	t.Helper()
	python := os.Getenv("SPIKERAY_BOARDHOST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skipf("%s has no numpy; SPIKERAY_BOARDHOST_PYTHON names an interpreter that has", python)
	}
	host = exec.Command(python, "-m", "boardhost", "--listen", listen)
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
			host, addr := boardhost(t, "127.0.0.1:0")
			p := serve(t, nil, "--addr=127.0.0.1:0", "--model="+file, "--board=remote", "--board-option=url=http://"+addr,
				"--board-fallback="+fallback, "--board-failures=1", "--board-retry=50ms", "--board-timeout=3s", "--board-start-timeout=30s")
			want := p.ask(t)
			if want.Status != 200 || want.Degraded != "" || !strings.HasPrefix(want.Backend.Name, "remote-") {
				t.Fatalf("a host that is well: %+v", want)
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

			if err := host.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			away("a host that hangs", "timeout")
			if err := host.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			back()

			_ = host.Process.Kill()
			_ = host.Wait()
			away("a host that was killed", "failed")
			away("one that stays away", "unavailable")
			boardhost(t, addr)
			back()
			p.end(t)
		})
	}
}
