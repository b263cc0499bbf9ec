package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestServeOutlivesItsLog: whatever becomes of standard error, requests are answered, and SIGTERM ends the server with 0.
func TestServeOutlivesItsLog(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	defer full.Close()
	for name, c := range map[string]struct {
		log    *os.File // nil: a pipe
		broken bool
	}{"nobody reads": {}, "the reader is gone": {broken: true}, "the disk is full": {log: full}} {
		t.Run(name, func(t *testing.T) {
			addr := freeAddr(t)
			p := &process{command: exec.Command(os.Args[0], "--addr="+addr), url: "http://" + addr}
			p.command.Env = append(os.Environ(), asProgram+"=1")
			if p.command.Stderr = c.log; c.log == nil {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				defer w.Close()
				if p.command.Stderr = w; c.broken {
					r.Close()
				} else { // full before the first line
					_ = w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
					_, _ = w.Write(make([]byte, 4<<20))
				}
			}
			if err := p.command.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.command.Process.Kill(); _ = p.command.Wait(); http.DefaultClient.CloseIdleConnections() })
			client := http.Client{Timeout: 10 * time.Second}
			asked := 0
			for began := time.Now(); asked < 20; {
				r, err := client.Get(p.url + "/nothing")
				if err != nil {
					if asked == 0 && time.Since(began) < 20*time.Second {
						time.Sleep(10 * time.Millisecond)
						continue
					}
					t.Fatalf("after %d requests: %v", asked, err)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				asked++
			}
			if c.broken || c.log != nil {
				seeDrops(t, p)
			}
			if err := p.command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- p.command.Wait() }()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(15 * time.Second):
				t.Error("SIGINT does not end it")
			}
		})
	}
}

// freeAddr is an address that was free a moment ago: a log that nobody reads cannot tell which one was taken.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func seeDrops(t *testing.T, p *process) {
	t.Helper()
	if p.metric(t, "spikeray_log_records_dropped_total") == 0 {
		t.Error("no record was counted as dropped")
	}
}
