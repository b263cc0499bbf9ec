package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

type healthcheckCommand struct {
	Addr         string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"The server's address, as serve was given it. The default is ${default}."`
	OperatorAddr string        `placeholder:"HOST:PORT" help:"The operators' address, as serve was given it. It is asked then instead."`
	TLSCert      string        `name:"tls-cert" placeholder:"FILE" help:"The server's certificate, as serve was given it. The server must show it."`
	TLSKey       string        `name:"tls-key" placeholder:"FILE" help:"Its key. With it the certificate is shown to a server that asks for one (--tls-client-ca)."`
	Timeout      time.Duration `default:"3s" help:"Longest wait for the answer."`
}

// Run asks /healthz and fails unless the answer is 200.
func (c healthcheckCommand) Run(ctx context.Context) error {
	scheme, transport, listens := "http", &http.Transport{DisableKeepAlives: true}, c.Addr // on this machine: no proxy stands before it
	switch {
	case c.OperatorAddr != "":
		listens = c.OperatorAddr
	case c.TLSCert != "":
		var err error
		if transport.TLSClientConfig, err = c.pinned(); err != nil {
			return err
		}
		scheme = "https"
	}
	addr, err := dialable(listens)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+"/healthz", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s answers %s", addr, response.Status)
	}
	return nil
}

// pinned trusts the server's own certificate and no other. Its names are not looked at: the server is asked by an address that it need
// not be known by elsewhere.
func (c healthcheckCommand) pinned() (*tls.Config, error) {
	data, err := os.ReadFile(c.TLSCert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in PEM", c.TLSCert)
	}
	own, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.TLSCert, err)
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if !own.Equal(s.PeerCertificates[0]) {
				return errors.New("the server shows another certificate than that of --tls-cert")
			}
			return nil
		},
	}
	if c.TLSKey != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// dialable is where to reach a server that listens on addr: one that listens
// on all interfaces is asked on the loopback one.
func dialable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("--addr: %w", err)
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}
