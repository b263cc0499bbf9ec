package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/spikeray/spikeray/internal/trace"
)

// statusGone is recorded, never sent, for a client that left before its answer.
// It is nginx's number for that.
const statusGone = 499

const requestIDHeader = "X-Request-Id"

var usableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// methods are those that metrics and logs tell apart.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

// What stands for a route or a method that a client made up.
const (
	routeUnmatched  = "unmatched"
	routeUnreadable = "unreadable" // not a request that can be read
	methodOther     = "other"
)

// exchange is what is known about a request besides what was sent, for its one
// line in the log. It belongs to the request's own goroutine.
type exchange struct {
	id       string
	visitor  *visitor // where requests are looked at before they are answered
	model    string
	pictures int
	problem  string
	err      error
	gone     bool
	via      string      // the way of a film that came by none of the routes
	header   http.Header // of the answer, nil where there is none

	began  time.Time
	parent trace.Context    // the caller's trace, zero for none
	spans  *trace.Recording // nil where none are recorded
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return &exchange{began: time.Now()}
	}
	return x
}

// observe gives each request its id, counts it and logs it once answered. What
// a client chose (paths, names of files, the picture) is neither counted nor
// logged.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		ended := s.config.Metrics.RequestStarted()
		defer ended()

		x := &exchange{id: r.Header.Get(requestIDHeader), began: begin, header: w.Header()}
		if !usableID.MatchString(x.id) {
			x.id = rand.Text()
		}
		w.Header().Set(requestIDHeader, x.id)
		s.trace(x, r.Header["Traceparent"])
		w.Header().Set("X-Content-Type-Options", "nosniff")
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))

		defer func() { // also when the connection is cut with a panic
			status := wrapped.Status()
			switch {
			case x.gone:
				status = statusGone
			case status == 0:
				status = http.StatusOK
			}
			route := chi.RouteContext(r.Context()).RoutePattern()
			if route == "" {
				route = routeUnmatched
			}
			method := r.Method
			if !slices.Contains(methods, method) {
				method = methodOther
			}
			s.config.Metrics.Request(route, method, status)
			x.traced(route, method, status)
			s.log(r.Context(), x, route, method, status, time.Since(begin))
		}()
		next.ServeHTTP(wrapped, r)
	})
}

func (s *Server) log(ctx context.Context, x *exchange, route, method string, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case status < 400 && (route == "/healthz" || route == "/readyz" || route == "/metrics"):
		level = slog.LevelDebug
	}
	if !s.config.Log.Enabled(ctx, level) {
		return
	}
	var missed int64
	// What was answered for a picture and what failed are always told. Anything else can be had in any number by asking.
	if !(status < 400 && x.pictures > 0) && status != http.StatusInternalServerError {
		var ok bool
		if missed, ok = s.lines.allow(strconv.Itoa(status)); !ok {
			return
		}
	}
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("request_id", x.id),
		slog.String("method", method),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Float64("seconds", took.Seconds()))
	attrs = append(attrs, x.traceAttrs()...)
	if x.model != "" {
		attrs = append(attrs, slog.String("model", x.model))
	}
	if x.model != "" || x.pictures > 0 {
		attrs = append(attrs, slog.Int("pictures", x.pictures))
	}
	if x.problem != "" {
		attrs = append(attrs, slog.String("problem", x.problem))
	}
	if x.visitor != nil {
		attrs = append(attrs, x.visitor.attrs()...)
	}
	if missed > 0 {
		attrs = append(attrs, slog.Int64("not_logged", missed))
	}
	if status == http.StatusInternalServerError && x.err != nil {
		attrs = append(attrs, slog.Any("error", x.err))
		if p := (*PanicError)(nil); errors.As(x.err, &p) {
			attrs = append(attrs, slog.String("stack", string(p.Stack)))
		}
	}
	s.config.Log.LogAttrs(ctx, level, "request", attrs...)
}

// recoverPanics answers 500 for a handler that panics, unless it has answered
// already: then the connection is cut, for its answer cannot be trusted.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.config.Metrics.Panic()
			err := &PanicError{Value: v, Stack: debug.Stack()}
			if wrapped, ok := w.(middleware.WrapResponseWriter); ok && wrapped.Status() != 0 {
				s.config.Log.ErrorContext(r.Context(), "panic after the answer began",
					"request_id", exchangeOf(r.Context()).id, "error", err, "stack", string(err.Stack))
				panic(http.ErrAbortHandler)
			}
			s.fail(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// unescape has the router match a path by what it says, however it was escaped.
func unescape(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = r.URL.Path
		next.ServeHTTP(w, r)
	})
}
