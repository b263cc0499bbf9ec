package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What an exporter holds and how it sends.
const (
	maxWaiting   = 8192            // spans that wait to be sent
	maxBatch     = 512             // spans in a request
	period       = 5 * time.Second // between requests, where a batch does not fill before
	sendTimeout  = 10 * time.Second
	firstBackOff = time.Second
	maxBackOff   = 30 * time.Second
	patience     = time.Minute // for one batch; then it is given up
	maxResponse  = 64 << 10
)

// Outcome is what became of spans.
type Outcome string

// The outcomes of spans.
const (
	Exported Outcome = "exported" // the collector took them
	Dropped  Outcome = "dropped"  // too many waited to be sent
	Refused  Outcome = "refused"  // the collector did not want them
	Failed   Outcome = "failed"   // the collector could not be reached in time
)

// Outcomes are all of them.
var Outcomes = []Outcome{Exported, Dropped, Refused, Failed}

// Config configures an [Exporter]. Endpoint, Client and Count are required.
type Config struct {
	Endpoint string // see [Endpoint]
	Client   *http.Client
	Header   http.Header // sent with each request, such as for credentials
	// Sample is the share, 0 to 1, of requests without a caller's trace that is recorded.
	Sample float64
	// Resource describes the program, and Scope with Version what makes the spans.
	Resource       []Attribute
	Scope, Version string
	// Count is told what became of spans, and Problem the first failure after a success. Problem may be nil.
	Count   func(Outcome, int)
	Problem func(error)
}

// Exporter sends spans in the background. A nil one records nothing. All methods are safe for concurrent use.
type Exporter struct {
	config Config

	mu      sync.Mutex
	waiting []Span
	closed  bool

	full   chan struct{} // a batch is full
	cancel context.CancelFunc
	last   chan struct{} // closed by Close: what waits is sent at once
	done   chan struct{}
	ill    bool // the last request failed
}

// Endpoint is the URL that spans are sent to for a collector's URL: one without a path gets the path that OTLP gives it.
func Endpoint(collector string) (string, error) {
	u, err := url.Parse(collector)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is not the URL of a collector, must be like http://collector:4318", collector)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("a collector's URL has neither a user, nor a query, nor a fragment")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// New makes an exporter, which works until [Exporter.Close].
func New(config Config) *Exporter {
	ctx, cancel := context.WithCancel(context.Background())
	e := &Exporter{config: config, full: make(chan struct{}, 1), cancel: cancel, last: make(chan struct{}), done: make(chan struct{})}
	go e.run(ctx)
	return e
}

// chosen tells by chance whether a request without a caller's trace is recorded.
func (e *Exporter) chosen() bool { return rand.Float64() < e.config.Sample }

// take has spans sent. It never waits: what there is no room for is dropped and counted.
func (e *Exporter) take(spans []Span) {
	e.mu.Lock()
	room := min(maxWaiting-len(e.waiting), len(spans))
	if e.closed || room < len(spans) {
		room = 0 // a request without some of its spans would mislead
	}
	e.waiting = append(e.waiting, spans[:room]...)
	full := len(e.waiting) >= maxBatch
	e.mu.Unlock()
	if dropped := len(spans) - room; dropped > 0 {
		e.config.Count(Dropped, dropped)
	}
	if full {
		select {
		case e.full <- struct{}{}:
		default:
		}
	}
}

// Close sends what waits, until ctx ends, and ends the exporter. What is not sent by then is counted as failed.
func (e *Exporter) Close(ctx context.Context) {
	if e == nil {
		return
	}
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	close(e.last)
	stop := context.AfterFunc(ctx, e.cancel)
	<-e.done
	stop()
	e.cancel()
}

func (e *Exporter) run(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(period)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-e.full:
		case <-e.last:
			last = true
		}
		for batch := e.batch(); len(batch) > 0; batch = e.batch() {
			e.send(ctx, batch)
		}
	}
}

// batch takes the spans of one request from those that wait.
func (e *Exporter) batch() []Span {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(len(e.waiting), maxBatch)
	batch := e.waiting[:n:n]
	if e.waiting = e.waiting[n:]; len(e.waiting) == 0 {
		e.waiting = nil
	}
	return batch
}

// send sends a batch, again and again where that may help.
func (e *Exporter) send(ctx context.Context, batch []Span) {
	body := encode(e.config.Resource, e.config.Scope, e.config.Version, batch)
	until := time.Now().Add(patience)
	for pause := firstBackOff; ; pause = min(2*pause, maxBackOff) {
		refused, after, err := e.post(ctx, body, len(batch))
		e.tell(err)
		switch {
		case err == nil:
			e.config.Count(Refused, refused)
			e.config.Count(Exported, len(batch)-refused)
			return
		case errors.As(err, new(*permanentError)):
			e.config.Count(Refused, len(batch))
			return
		}
		wait := max(after, pause/2+rand.N(pause))
		if time.Now().Add(wait).After(until) || !sleep(ctx, wait) {
			e.config.Count(Failed, len(batch))
			return
		}
	}
}

// tell reports the first failure after a success.
func (e *Exporter) tell(err error) {
	if err != nil && !e.ill && e.config.Problem != nil {
		e.config.Problem(err)
	}
	e.ill = err != nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// permanentError is an answer after which the same request would be refused again.
type permanentError struct{ status int }

func (e *permanentError) Error() string {
	return fmt.Sprintf("the collector answers %d (%s)", e.status, http.StatusText(e.status))
}

// post sends a request of so many spans once. It tells how many the collector refused of a request that it took, and how long
// it asks to be left alone.
func (e *Exporter) post(ctx context.Context, body []byte, spans int) (refused int, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	for name, values := range e.config.Header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := e.config.Client.Do(request)
	if err != nil {
		// The error of url.Error begins with the URL, which the operator knows.
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err
		}
		return 0, 0, fmt.Errorf("the collector cannot be reached: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	switch response.StatusCode {
	case http.StatusOK:
		if err != nil {
			return 0, 0, fmt.Errorf("the collector's answer was cut off: %w", err)
		}
		return rejected(answer, spans), 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.ParseUint(strings.TrimSpace(response.Header.Get("Retry-After")), 10, 16)
		return 0, time.Duration(seconds) * time.Second, fmt.Errorf("the collector answers %d", response.StatusCode)
	}
	return 0, 0, &permanentError{response.StatusCode}
}
