package dimse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certified is a certificate for 127.0.0.1, good for servers and clients, and a pool that trusts it.
func certified(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// pemFiles writes a certificate and its key for programs that want files.
func pemFiles(t testing.TB, c tls.Certificate) (key, cert string) {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	for path, block := range map[string]*pem.Block{
		key:  {Type: "PRIVATE KEY", Bytes: der},
		cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key, cert
}

func TestTLS(t *testing.T) {
	certificate, pool := certified(t)
	var got taken
	var ends outcomes
	server := &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	peer := started(t, &Server{Store: got.store, TLS: server, Hooks: ends.hooks(), Limits: Limits{Request: 2 * time.Second}})

	peer.TLS = &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}
	if err := Store(context.Background(), peer, file(sample(1, 300_000))); err != nil {
		t.Fatal(err)
	}
	if list := got.all(); len(list) != 1 || len(list[0].Data) < 300_000 {
		t.Errorf("%d objects", len(list))
	}
	if err := Echo(context.Background(), peer); err != nil {
		t.Error(err)
	}

	peer.TLS = &tls.Config{RootCAs: pool}
	if err := Echo(context.Background(), peer); err == nil {
		t.Error("a client without a certificate is served")
	}
	peer.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	if err := Echo(context.Background(), peer); err == nil {
		t.Error("a server whose certificate nobody trusts is called")
	}
	peer.TLS = nil
	if err := Echo(context.Background(), peer); err == nil {
		t.Error("a client without TLS is served")
	}
	// A connection that sends nothing ends with the time for a request.
	before := ends.of(Late)
	silent := connected(t, peer.Addr)
	if kind, _ := silent.pdu(); kind != 0 {
		t.Errorf("PDU of type %d", kind)
	}
	until(t, "a silent connection stays", func() bool { return ends.of(Late) > before })
}

func TestShutdownDuringAHandshake(t *testing.T) {
	certificate, _ := certified(t)
	s := &Server{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	peer := started(t, s)
	silent := connected(t, peer.Addr)
	silent.send([]byte{22, 3, 1})
	until(t, "no connection is taken", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.connections) == 1
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
