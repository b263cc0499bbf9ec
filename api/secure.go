package api

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/spikeray/spikeray/internal/wire"
)

// handshakeFailures are all that handshakeFailure can return.
var handshakeFailures = []string{"plain_http", "client_certificate", "timeout", "gone", "protocol"}

// handshakeFailure names why a connection did not become a secured one, for the metrics.
func handshakeFailure(err error) string {
	var network net.Error
	switch {
	case wire.IsPlain(err):
		return "plain_http"
	case errors.As(err, new(*tls.CertificateVerificationError)), strings.Contains(err.Error(), "client didn't provide a certificate"):
		return "client_certificate"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "gone"
	}
	return "protocol"
}

// handshakeFailed tells of a connection that did not become a secured one.
func (s *Server) handshakeFailed(err error) {
	reason := handshakeFailure(err)
	s.access.HandshakeFailed(reason)
	if reason == "gone" {
		return // also load balancers, which look whether the port is open
	}
	if missed, ok := s.lines.allow("handshake"); ok {
		s.config.Log.Info("a connection could not be secured", "reason", reason, "error", err, "not_logged", missed)
	}
}
