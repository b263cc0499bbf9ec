package api

import (
	"io"
	"net/http"
	"time"
)

// lingerTime bounds how long the rest of a body is read after its answer.
const lingerTime = 10 * time.Second

// linger reads and drops what a request still sends once it was answered, for
// no longer than lingerTime or ReadTimeout. A client that listens only when it
// has sent everything would find its connection reset in place of the answer.
func (s *Server) linger(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// One that asks before it sends need not be waited for.
		if r.Body == http.NoBody || r.Header.Get("Expect") != "" {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		body := &watchedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		if body.ended || control.Flush() != nil {
			return
		}
		if control.SetReadDeadline(time.Now().Add(min(lingerTime, s.config.ReadTimeout))) == nil {
			_, _ = io.Copy(io.Discard, body)
		}
	})
}

// watchedBody knows whether nothing more will come of it.
type watchedBody struct {
	io.ReadCloser
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}
