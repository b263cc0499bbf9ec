package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
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
// 503 while those in flight finish, and l is closed. It returns nil when all of
// them did, or an error when ShutdownTimeout passed first and some were cut
// off. It closes the queue too. A Server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.ReadTimeout + s.config.PredictTimeout + writeMargin,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

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

	err := s.shutdown(server, cut)
	<-served
	return err
}

func (s *Server) shutdown(server *http.Server, cut context.CancelCauseFunc) error {
	patience, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	// Until the last prediction is answered the listener stays open, so that
	// /readyz and /metrics still tell how it goes.
	select {
	case <-s.predictions.shut():
	case <-patience.Done():
	}
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
