package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// metric reads one value of a running server.
func (p *process) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	r, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, name+" %g", &value); n == 1 {
			return value
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func TestTheKernelIsTheOneAskedFor(t *testing.T) {
	p := serve(t, nil, "--kernel=generic")
	if p.first["kernel"] != "generic" {
		t.Errorf("the first line is %v", p.first)
	}
}

// What serve makes of its flags beside the server's configuration is seen in a process of its own.
func TestServeGivesItsRuntimeWhatTheFlagsSay(t *testing.T) {
	p := serve(t, []string{"GOMAXPROCS=", "GOMEMLIMIT="}, "--workers=4", "--queue=31", "--memory=700M", "--max-upload-memory=50M", "--max-connections=77")
	plan, err := memory.Share(memory.Limit{Bytes: 700 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"go_sched_gomaxprocs_threads":         float64(4 + max(1, min(4, runtime.NumCPU())/2)),
		"go_gc_gomemlimit_bytes":              float64(plan.Go),
		"spikeray_workers":                    4,
		"spikeray_queue_capacity":             31,
		"spikeray_connections_limit":          77,
		"spikeray_upload_buffer_limit_bytes":  50 << 20,
		"spikeray_picture_memory_limit_bytes": float64(plan.Pictures + plan.Uploads - 50<<20),
	} {
		if got := p.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	p.end(t)
}

func TestServeLogsFromTheLevelThatIsAskedFor(t *testing.T) {
	addr := freeAddr(t)
	var logs bytes.Buffer
	p := &process{command: exec.Command(os.Args[0], "--addr="+addr, "--log-level=error"), url: "http://" + addr}
	p.command.Env, p.command.Stderr = append(os.Environ(), asProgram+"=1"), &logs
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if r, err := http.Get(p.url + "/healthz"); err == nil {
			r.Body.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	p.predict(t, testmodel.PNG(60, 50, 1))
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil || logs.Len() > 0 {
		t.Errorf("%v, and it logged %s", err, &logs)
	}
}

func TestServeGoesOnWhileTheDrainIsNoticed(t *testing.T) {
	p := serve(t, nil, "--drain-delay=3s")
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for p.readiness(t) == http.StatusOK {
		if time.Since(began) > time.Minute {
			t.Fatal("still ready a minute after SIGTERM")
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.predict(t, testmodel.PNG(60, 50, 1))
	<-p.rest
	_ = p.command.Wait()
	if took := time.Since(began); took < 2*time.Second || p.command.ProcessState.ExitCode() != 0 {
		t.Errorf("status %d after %v", p.command.ProcessState.ExitCode(), took)
	}
}

func TestHealthcheckWaitsNoLongerThanItIsTold(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	r := spikeray(t, nil, "healthcheck", "--addr="+silent.Addr().String(), "--timeout=200ms")
	if took := time.Since(began); r.status != 1 || took < 200*time.Millisecond || took > 30*time.Second {
		t.Errorf("%+v after %v", r, took)
	}
}
