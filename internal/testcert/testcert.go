// Package testcert makes certificates for tests of secured connections on loopback.
package testcert

import (
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

// Made is a certificate for 127.0.0.1 and localhost that is good for servers and clients for an hour, and is its own authority.
type Made struct {
	TLS  tls.Certificate
	Pool *x509.CertPool // trusts it alone
	// Cert and Key are the paths of its files in PEM.
	Cert, Key string
}

// New makes a certificate. Its files go when the test ends.
func New(t testing.TB) Made {
	t.Helper()
	return generate(t, nil, Options{})
}

// Options are what a certificate may have that is not usual.
type Options struct {
	// From and Until are when it is valid; zero for an hour ago and in an hour.
	From, Until time.Time
	// Usage is what it is good for; 0 for servers and clients.
	Usage x509.ExtKeyUsage
}

// Issue makes a certificate that m is the authority of, and which is none itself.
func (m Made) Issue(t testing.TB, o Options) Made {
	t.Helper()
	return generate(t, &m, o)
}

// generate makes a certificate, by an authority or, with nil, by itself.
func generate(t testing.TB, by *Made, o Options) Made {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if !o.From.IsZero() {
		template.NotBefore = o.From
	}
	if !o.Until.IsZero() {
		template.NotAfter = o.Until
	}
	if o.Usage != 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{o.Usage}
	}
	parent, signer := template, any(private)
	if by == nil {
		template.IsCA, template.KeyUsage = true, template.KeyUsage|x509.KeyUsageCertSign
	} else {
		template.Subject.CommonName = "issued"
		parent, signer = by.TLS.Leaf, by.TLS.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := Made{Pool: x509.NewCertPool(), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{m.Cert: {Type: "CERTIFICATE", Bytes: der}, m.Key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if m.TLS, err = tls.LoadX509KeyPair(m.Cert, m.Key); err != nil {
		t.Fatal(err)
	}
	m.Pool.AddCert(m.TLS.Leaf)
	return m
}
