// Package tlsfile makes configurations of secured connections from files in PEM, for servers and clients. Those of servers can take
// other certificates while they serve.
package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Client makes the configuration of a client's secured connections: the authorities of a file in PEM beside the system's, and a
// certificate of its own with its key. Each may be "".
func Client(authorities, certificate, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		var err error
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return nil, err
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", authorities)
		}
	}
	if (certificate == "") != (key == "") {
		return nil, errPair
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

var errPair = errors.New("a certificate needs its key, and a key its certificate")

// Server is a server's certificate, and the authorities of its clients' where clients must show one.
type Server struct {
	// Protocols are what clients may agree on by ALPN (RFC 7301); nil for no such agreement. Set it before [Server.Use].
	Protocols []string

	files   []string
	current atomic.Pointer[served]
}

type served struct {
	config *tls.Config
	expiry time.Time
}

// NewServer names the files: a certificate, its key, and authorities of clients, which may be "". With them, clients must show a
// certificate from one of them. [Server.Use] must be called before the first connection.
func NewServer(certificate, key, clients string) (*Server, error) {
	switch {
	case certificate == "" && (key != "" || clients != ""):
		return nil, errors.New("a secured server needs a certificate and its key")
	case certificate == "" || key == "":
		return nil, errPair
	}
	s := &Server{files: []string{certificate, key}}
	if clients != "" {
		s.files = append(s.files, clients)
	}
	return s, nil
}

// Load reads the files once.
func (s *Server) Load() error {
	contents := make([][]byte, len(s.files))
	for i, path := range s.files {
		var err error
		if contents[i], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	return s.Use(contents)
}

// Files are the files, in the order in which [Server.Use] takes their contents.
func (s *Server) Files() []string { return s.files }

// Use puts the contents of the files in force for connections from now on, or leaves what is in force. A certificate whose time is
// over is refused: no client would accept it.
func (s *Server) Use(contents [][]byte) error {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return err
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s: the certificate has expired on %s", s.files[0], pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   s.Protocols,
	}
	if len(contents) > 2 {
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !config.ClientCAs.AppendCertsFromPEM(contents[2]) {
			return fmt.Errorf("%s has no certificate in PEM", s.files[2])
		}
		// A session that is resumed would be let in by what was in force when it began.
		config.SessionTicketsDisabled = true
	}
	s.current.Store(&served{config, pair.Leaf.NotAfter})
	return nil
}

// Config is for listeners: each handshake takes what is in force when it begins.
func (s *Server) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.current.Load().config, nil
		},
	}
}

// Expiry is when the certificate in force expires.
func (s *Server) Expiry() time.Time { return s.current.Load().expiry }
