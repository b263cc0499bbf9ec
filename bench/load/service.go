package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// maxAnswer bounds an answer's body, bytes.
const maxAnswer = 1 << 20

// service is what is asked, with the requests ready to send.
type service struct {
	address  string
	requests [][]byte // one a picture
	timeout  time.Duration
}

func newService(target string, pictures [][]byte, timeout time.Duration) (*service, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" || u.Port() == "" {
		return nil, fmt.Errorf("%q is not http://HOST:PORT/PATH", target)
	}
	s := &service{address: u.Host, timeout: timeout}
	for _, p := range pictures {
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), u.Host, len(p))
		s.requests = append(s.requests, append([]byte(head), p...))
	}
	return s, nil
}

// ask sends n requests over the connections, which share them out as they come free.
func (s *service) ask(connections, n int) (*result, error) {
	conns, err := s.open(min(connections, n))
	for _, c := range conns {
		defer c.Close()
	}
	if err != nil {
		return nil, err
	}
	r := &result{connections: len(conns), latencies: make([]time.Duration, n), probabilities: make([]float64, min(n, len(s.requests)))}
	var (
		next   atomic.Int64
		group  sync.WaitGroup
		failed = make([]error, len(conns))
	)
	began := time.Now()
	for w, c := range conns {
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				sent := time.Now()
				body, err := c.post(s.requests[i%len(s.requests)])
				r.latencies[i] = time.Since(sent)
				if err == nil && i < len(r.probabilities) {
					r.probabilities[i], err = probability(body)
				}
				if err != nil {
					failed[w] = fmt.Errorf("request %d: %w", i, err)
					next.Store(int64(n)) // the others need not go on
					return
				}
			}
		})
	}
	group.Wait()
	r.took = time.Since(began)
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// apart is how long after one connection the next is opened.
const apart = 2 * time.Millisecond

// open opens connections one after another, and has each answer a request meanwhile that does not count. A service of several processes
// that accept from one socket may otherwise have all of them taken by the same process, which is then half as fast as it can be.
func (s *service) open(n int) ([]*connection, error) {
	conns := make([]*connection, 0, n)
	failed := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		c, err := s.dial()
		if err != nil {
			failed[i] = err
			break
		}
		conns = append(conns, c)
		group.Go(func() { _, failed[i] = c.post(s.requests[i%len(s.requests)]) })
		time.Sleep(apart)
	}
	group.Wait()
	return conns, errors.Join(failed...)
}

type connection struct {
	net.Conn
	answers *bufio.Reader
	timeout time.Duration
}

func (s *service) dial() (*connection, error) {
	c, err := net.DialTimeout("tcp", s.address, s.timeout)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, answers: bufio.NewReader(c), timeout: s.timeout}, nil
}

// post sends a request and returns the body of an answer with status 200.
func (c *connection) post(request []byte) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.200s", answer.Status, body)
	}
	if answer.Close {
		return nil, fmt.Errorf("the service closed the connection after an answer; it must keep it open")
	}
	return body, nil
}

func probability(body []byte) (float64, error) {
	var answer struct {
		Probability *float64 `json:"probability"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	if answer.Probability == nil {
		return 0, fmt.Errorf("an answer without a probability: %.200s", body)
	}
	return *answer.Probability, nil
}
