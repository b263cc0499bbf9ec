package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/spikeray/spikeray/api/web"
	"github.com/spikeray/spikeray/internal/wire"
)

const (
	operatorConnections  = 64
	operatorReadTimeout  = 10 * time.Second
	operatorWriteTimeout = time.Minute // pprof adds the time that a profile takes
	maxProfileSeconds    = 300
)

// operations registers what is for operators: on their own listener where they have one, otherwise beside the service.
func (s *Server) operations(r chi.Router) {
	r.Method(http.MethodGet, "/metrics", s.config.Metrics.Handler())
	r.Get("/status", s.page(web.Status))
}

// health registers what probes ask, on every listener.
func (s *Server) health(r chi.Router) {
	r.Get("/healthz", s.live)
	r.Get("/readyz", s.ready)
}

// operatorRoutes are those of the operators' own listener. Profiles are nowhere else.
func (s *Server) operatorRoutes() *chi.Mux {
	r := chi.NewRouter()
	r.Use(s.oneAnswer, s.observe, s.recoverPanics, unescape, middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed)
	s.health(r)
	s.operations(r)
	s.pageFiles(r)
	for name, h := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": brief(pprof.Profile), "symbol": pprof.Symbol, "trace": brief(pprof.Trace),
		"{name}": brief(pprof.Index),
	} {
		r.Get("/debug/pprof/"+name, h)
	}
	return r
}

// brief refuses profiles that take long: nothing ends one but its client or the server.
func brief(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(seconds <= maxProfileSeconds) {
			http.Error(w, fmt.Sprintf("seconds must be at most %d", maxProfileSeconds), http.StatusBadRequest)
			return
		}
		h(w, r)
	}
}

// ServeOperators answers operators on l until ctx ends: metrics, the live view, health, profiles. It asks nobody who they are: who reaches l is one.
func (s *Server) ServeOperators(ctx context.Context, l net.Listener) error {
	connections := wire.Listen(l, wire.Config{
		MaxHead:        maxHeaderBytes,
		MaxConnections: operatorConnections,
		Linger:         time.Second,
		Refuse:         s.unreadable,
		Evicted:        s.evicted,
		AcceptFailed:   s.acceptFailed,
	})
	server := &http.Server{
		Handler:                      s.operatorRoutes(),
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  operatorReadTimeout,
		WriteTimeout:                 operatorWriteTimeout,
		IdleTimeout:                  s.config.IdleTimeout,
		MaxHeaderBytes:               2 * maxHeaderBytes,
		ConnState:                    connections.ConnState,
		DisableGeneralOptionsHandler: true,
		ConnContext:                  wire.WithConn,
		ErrorLog:                     slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(connections) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve operators: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutMargin)
	defer cancel()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // nobody is to wait for a profile
	}
	<-served
	return err
}
