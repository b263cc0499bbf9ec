// Command pace sends one picture to a prediction service again and again, at a rate that does not depend on the answers, or
// on each connection as soon as it was answered, and prints how the requests ended as one line of JSON. It takes little of
// the processor, which it shares with the service.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxCallers is how many addresses there are to send from, 127.0.0.1 and above.
const maxCallers = 254

func main() {
	var (
		address     = flag.String("address", "", "the service, `HOST:PORT`")
		file        = flag.String("file", "", "the picture, a `FILE`")
		rate        = flag.Float64("rate", 0, "requests a second; 0 is as fast as they are answered")
		connections = flag.Int("connections", 1, "connections, each with one request at a time")
		callers     = flag.Int("callers", 1, "addresses of loopback that the connections come from, in turn")
		seconds     = flag.Float64("seconds", 5, "for how long")
	)
	flag.Parse()
	picture, err := os.ReadFile(*file)
	if err == nil && (*connections < 1 || *callers < 1 || *callers > maxCallers) {
		err = fmt.Errorf("%d connections of %d callers, must be at least 1 of 1 to %d", *connections, *callers, maxCallers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(1)
	}
	p := &pace{address: *address, callers: *callers, request: request(*address, picture), rate: *rate, length: time.Duration(*seconds * float64(time.Second))}
	if err := json.NewEncoder(os.Stdout).Encode(p.run(*connections)); err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(1)
	}
}

func request(host string, picture []byte) []byte {
	head := fmt.Sprintf("POST /v1/predictions HTTP/1.1\r\nHost: %s\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n", host, len(picture))
	return append([]byte(head), picture...)
}

// summary is what is printed. Times are of the answers with status 200, in milliseconds, from when a request was sent.
type summary struct {
	Statuses  map[int]int `json:"statuses"`
	Lost      int         `json:"lost"`       // requests without an answer
	Untold    int         `json:"untold"`     // answers 503 without a Retry-After of at least a second
	Seconds   float64     `json:"seconds"`    // until the last answer: longer than asked for where the service was slower than the rate
	PerSecond float64     `json:"per_second"` // answers with status 200
	P50       float64     `json:"p50_ms"`
	P99       float64     `json:"p99_ms"`
}

type pace struct {
	address string
	callers int
	request []byte
	rate    float64
	length  time.Duration

	mu    sync.Mutex
	began time.Time
	sent  int
	took  []time.Duration
	summary
}

func (p *pace) run(connections int) summary {
	p.began, p.Statuses = time.Now(), map[int]int{}
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() { p.client(i % p.callers) })
	}
	all.Wait()
	slices.Sort(p.took)
	if n := len(p.took); n > 0 {
		p.P50, p.P99 = p.took[n/2].Seconds()*1e3, p.took[n*99/100].Seconds()*1e3
	}
	p.Seconds = time.Since(p.began).Seconds()
	p.PerSecond = float64(len(p.took)) / p.Seconds
	return p.summary
}

// next is when the next request is due; false when the time is over.
func (p *pace) next() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := time.Now()
	if p.rate > 0 {
		due = p.began.Add(time.Duration(float64(p.sent) / p.rate * float64(time.Second)))
	}
	p.sent++
	return due, due.Sub(p.began) < p.length
}

func (p *pace) client(caller int) {
	var conn *connection
	for due, more := p.next(); more; due, more = p.next() {
		time.Sleep(time.Until(due))
		sent := time.Now() // on a busy processor this program is late itself
		var err error
		if conn == nil {
			conn, err = dial(p.address, caller)
		}
		var answer *http.Response
		if err == nil {
			answer, err = conn.post(p.request)
		}
		p.note(answer, err, time.Since(sent))
		if conn != nil && (err != nil || answer.Close) {
			_ = conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close()
	}
}

func (p *pace) note(answer *http.Response, err error, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.Lost++
		return
	}
	p.Statuses[answer.StatusCode]++
	switch answer.StatusCode {
	case http.StatusOK:
		p.took = append(p.took, took)
	case http.StatusServiceUnavailable:
		if after, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || after < 1 {
			p.Untold++
		}
	}
}

type connection struct {
	net.Conn
	answers *bufio.Reader
}

// dial connects to the service. Callers but the first have addresses of loopback of their own.
func dial(address string, caller int) (*connection, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	if caller > 0 {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+caller))}
	}
	c, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, answers: bufio.NewReader(c)}, nil
}

// post sends a request and reads the whole answer, whose body is closed.
func (c *connection) post(request []byte) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	_ = answer.Body.Close()
	return answer, err
}
