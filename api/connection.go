package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/spikeray/spikeray/internal/wire"
)

// lingerTime bounds how long the rest of a request is read and dropped after its answer.
const lingerTime = 10 * time.Second

// oneAnswer has a connection closed after an answer that came before its request was read to the end without an error:
// what is left of the request must not be taken for the next one. It is the router's outermost handler. While the server drains
// every answer closes its connection.
func (s *Server) oneAnswer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := wire.Of(r.Context())
		connection.Begin()
		body := &watchedBody{ReadCloser: r.Body, whole: r.Body == http.NoBody}
		r.Body = body // of the router's copy: net/http looks at its own request's
		last := &lastAnswer{ResponseWriter: w, body: body, draining: &s.draining}
		next.ServeHTTP(last, r)
		last.decide() // net/http answers where nothing was written
		if last.ends {
			connection.End()
		}
	})
}

// watchedBody knows whether it was read to its end.
type watchedBody struct {
	io.ReadCloser
	whole bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.whole = true
	}
	return n, err
}

// lastAnswer tells the client where its answer is the connection's last.
type lastAnswer struct {
	http.ResponseWriter
	body     *watchedBody
	draining *atomic.Bool
	decided  bool
	ends     bool
}

func (w *lastAnswer) decide() {
	if w.decided {
		return
	}
	w.decided = true
	w.ends = !w.body.whole
	if w.ends || w.draining.Load() {
		w.Header().Set("Connection", "close")
	}
}

func (w *lastAnswer) WriteHeader(status int) {
	if status >= 200 {
		w.decide()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *lastAnswer) Write(p []byte) (int, error) {
	w.decide()
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *lastAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// unreadable answers what is not a request that can be read, or a connection for which there is no room, and logs and
// counts it as the handlers' answers are.
func (s *Server) unreadable(status int, detail string) []byte {
	begin := time.Now()
	x := &exchange{id: rand.Text()}
	err := refuse(kindOfStatus(status), "%s", detail)
	if status == http.StatusServiceUnavailable {
		err = fmt.Errorf("%w: %s", errConnections, detail)
		s.config.Metrics.Rejected(rejection(err))
	}
	p := problem(err, x.id)
	body, jsonErr := json.Marshal(p)
	if jsonErr != nil {
		panic("api: " + jsonErr.Error())
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nConnection: close\r\n"+
		"Cache-Control: no-store\r\nDate: %s\r\nX-Content-Type-Options: nosniff\r\n%s: %s\r\n",
		status, http.StatusText(status), len(body)+1, begin.UTC().Format(http.TimeFormat), requestIDHeader, x.id)
	if status == http.StatusServiceUnavailable {
		fmt.Fprintf(&out, "Retry-After: %d\r\n", s.retryAfter(err))
	}
	fmt.Fprintf(&out, "\r\n%s\n", body)
	k, _ := problemOf(err)
	x.problem = k.name
	s.config.Metrics.Request(routeUnreadable, methodOther, status)
	s.log(context.Background(), x, routeUnreadable, methodOther, status, time.Since(begin))
	return out.Bytes()
}
