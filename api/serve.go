package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spikeray/spikeray/internal/wire"
)

const (
	readHeaderTimeout = 10 * time.Second
	maxHeaderBytes    = 16 << 10
	// writeMargin is left for the answer to be sent, after the times that reading
	// and predicting may take: net/http counts WriteTimeout from the header's end.
	writeMargin = 10 * time.Second
	// cutMargin is how long requests that were cut off by the shutdown's end have
	// to answer so.
	cutMargin = time.Second
)

// Serve answers on l until ctx ends, then drains: /readyz answers 503;
// predictions are still taken for DrainDelay; then new ones are refused with
// 503 while those in flight finish, and l is closed. A picture that has not
// arrived by half of ShutdownTimeout is refused too. It returns nil when all of
// them did, or an error when ShutdownTimeout passed first and some were cut
// off. It closes the queue too. A Server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	connections := wire.Listen(l, wire.Config{
		MaxHead:        maxHeaderBytes,
		MaxConnections: s.maxConnections(),
		Linger:         min(lingerTime, s.config.ReadTimeout),
		Refuse:         s.unreadable,
		Evicted:        s.evicted,
		AcceptFailed:   s.acceptFailed,

		TLS:             s.config.TLS,
		HandshakeFailed: s.handshakeFailed,
	})
	s.connections.Store(connections)
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.ReadTimeout + s.config.PredictTimeout + writeMargin,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    2 * maxHeaderBytes, // connections refuses longer ones first
		ConnState:         connections.ConnState,
		// OPTIONS * is answered as any other.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  wire.WithConn,
		ErrorLog:                     slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(connections) }()

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.config.Log.Info("draining", "delay", s.config.DrainDelay.String(), "timeout", s.config.ShutdownTimeout.String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(s.config.DrainDelay):
	}

	err := s.shutdown(server, connections, cut)
	<-served
	return err
}

func (s *Server) shutdown(server *http.Server, connections *wire.Listener, cut context.CancelCauseFunc) error {
	patience, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	// A picture that still arrives then would not be answered in time.
	late := time.AfterFunc(s.config.ShutdownTimeout/2, func() { s.uploads.cutAll(errDraining) })
	defer late.Stop()
	// Until the last prediction is answered the listener stays open, so that
	// /readyz and /metrics still tell how it goes.
	select {
	case <-s.predictions.shut():
	case <-patience.Done():
	}
	connections.Drain(patience)
	err := server.Shutdown(patience)
	if err == nil {
		return s.config.Queue.Close(patience)
	}
	cut(errDraining)
	margin, cancel := context.WithTimeout(context.Background(), cutMargin)
	defer cancel()
	return errors.Join(
		fmt.Errorf("requests were cut off after %v: %w", s.config.ShutdownTimeout, err),
		s.config.Queue.Close(margin),
		server.Shutdown(margin),
		server.Close(),
	)
}

// evicted tells of a connection that was closed to make room for another.
func (s *Server) evicted() {
	s.config.Metrics.Evicted()
	if missed, ok := s.lines.allow("evicted"); ok {
		s.config.Log.Warn("an idle connection was closed to make room for another",
			"limit", s.maxConnections(), "not_logged", missed)
	}
}

// acceptFailed tells of an error of the operating system's accept; net/http tries again.
func (s *Server) acceptFailed(err error) {
	s.config.Metrics.AcceptFailed()
	if missed, ok := s.lines.allow("accept"); ok {
		s.config.Log.Warn("a connection could not be accepted", "error", err, "not_logged", missed)
	}
}
