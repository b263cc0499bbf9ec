package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// taken is how much of an answer of /pieces is on its way.
var taken atomic.Int64

// serveFew serves with room for so many connections. /slow takes a while before it answers, /large answers with more than fits into
// the buffers of a connection, and everything else answers once the body has come.
func serveFew(t *testing.T, most int) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := Listen(inner, Config{
		MaxHead: 1 << 10, MaxConnections: most, Linger: 10 * time.Second,
		Refuse: func(status int, _ string) []byte {
			return fmt.Appendf(nil, "HTTP/1.1 %d No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status)
		},
		Evicted:      func() {},
		AcceptFailed: func(error) {},
	})
	server := &http.Server{
		ConnState: listener.ConnState, ConnContext: WithConn,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Of(r.Context()).Begin()
			switch r.URL.Path {
			case "/slow":
				time.Sleep(2 * stallTime)
			case "/large":
				_, _ = w.Write(make([]byte, 32<<20))
				return
			case "/pieces":
				for some := make([]byte, 4<<10); ; taken.Add(int64(len(some))) {
					if _, err := w.Write(some); err != nil {
						return
					}
				}
			case "/early": // the answer comes before the body
				w.Header().Set("Connection", "close")
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return inner.Addr().String()
}

func connect(t *testing.T, addr, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(c net.Conn) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// send sends bytes again and again until the test ends or they are no longer taken.
func send(c net.Conn, some string, every time.Duration) {
	for {
		if _, err := io.WriteString(c, some); err != nil {
			return
		}
		time.Sleep(every)
	}
}

// TestWhoIsSlowMakesRoom: whoever fills the house with connections that barely move loses them to others, whatever it is slow at,
// and neither a client that is only idle for a moment nor one whose answer is being made does.
func TestWhoIsSlowMakesRoom(t *testing.T) {
	post := "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"
	for name, slow := range map[string]struct {
		begin, some string
	}{
		"silent heads":     {"GET / HTTP/1.1\r\n", ""},
		"slow heads":       {"GET / HTTP/1.1\r\nX: ", "x"},
		"silent bodies":    {fmt.Sprintf(post, "/"), ""},
		"slow bodies":      {fmt.Sprintf(post, "/"), "x"},
		"slow chunks":      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"slow after early": {fmt.Sprintf(post, "/early"), "x"},
		"no readers":       {"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 8
			addr := serveFew(t, most)
			busy := connect(t, addr, "") // sent at the end of the slow ones' time
			for range most - 2 {
				c := connect(t, addr, slow.begin)
				if slow.some != "" {
					go send(c, slow.some, 20*time.Millisecond)
				}
			}
			time.Sleep(stallTime + stallTime/4)
			if _, err := io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			kept := connect(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if status, err := answered(kept); status != http.StatusOK {
				t.Fatalf("beside them: %d %v", status, err)
			}
			time.Sleep(stallTime / 10)
			for i := range most - 2 { // one for each slow one
				if status, err := answered(connect(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); status != http.StatusOK {
					t.Errorf("new connection %d: %d %v", i, status, err)
				}
			}
			if _, err := io.WriteString(kept, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Error(err)
			}
			if status, err := answered(kept); status != http.StatusOK {
				t.Errorf("who was idle for a moment: %d %v", status, err)
			}
			if status, err := answered(busy); status != http.StatusOK {
				t.Errorf("whose answer was being made: %d %v", status, err)
			}
		})
	}
}

// TestWhoMovesMakesNoRoom: uploads at twice the pace and readers who read on keep their connections, and a new one is told 503.
func TestWhoMovesMakesNoRoom(t *testing.T) {
	addr := serveFew(t, 4)
	for range 2 {
		go send(connect(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"), strings.Repeat("x", pace/8), stallTime/16)
		c := connect(t, addr, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
		go func() {
			for some := make([]byte, 1<<20); ; time.Sleep(stallTime / 8) {
				if _, err := c.Read(some); err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(stallTime + stallTime/2)
	if status, err := answered(connect(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")); status != http.StatusServiceUnavailable {
		t.Errorf("%d %v, expected 503", status, err)
	}
}

// TestAnAnswerThatIsNotReadTakesLittle: what the system holds of it is bounded.
func TestAnAnswerThatIsNotReadTakesLittle(t *testing.T) {
	c, err := (&net.Dialer{}).Dial("tcp", serveFew(t, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	before := int64(-1)
	for now := taken.Load(); now == 0 || now != before; now = taken.Load() { // until no more is taken
		before = now
		time.Sleep(200 * time.Millisecond)
	}
	if before > 1<<20 {
		t.Errorf("%d bytes of an answer wait for a client that does not read, expected some 100 K", before)
	}
}
