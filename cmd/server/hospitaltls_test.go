package main

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/testcert"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/tlsfile"
)

// TestAssociationsAreSecuredBothWays has a film come and its report go over TLS, each side with a certificate.
func TestAssociationsAreSecuredBothWays(t *testing.T) {
	dir := t.TempDir()
	made := testcert.New(t)
	certificate, key := made.Cert, made.Key
	secure, err := tlsfile.NewServer(certificate, key, certificate)
	if err == nil {
		err = secure.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reports := make(chan string, 10)
	archive := &dimse.Server{TLS: secure.Config(), StorageClasses: []string{dicom.Comprehensive3DSR}, Store: func(_ context.Context, o dimse.Object) (dimse.Status, string) {
		reports <- o.CallingAE
		return dimse.Success, ""
	}}
	go func() { _ = archive.Serve(t.Context(), l) }()

	addr := freeAddr(t)
	serve(t, nil, "--outbox="+filepath.Join(dir, "outbox"), "--dicom-listen="+addr, "--dicom-ae-title=XRAY",
		"--dicom-tls-cert="+certificate, "--dicom-tls-key="+key, "--dicom-tls-client-ca="+certificate,
		"--send=sr=dicoms://PACS@"+l.Addr().String(), "--send-ca="+certificate, "--send-cert="+certificate, "--send-key="+key)
	both, err := tlsfile.Client(certificate, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	send := func(config *tls.Config) error {
		return dimse.Store(t.Context(), dimse.Peer{Addr: addr, CalledAE: "XRAY", CallingAE: "CR1", TLS: config, Timeout: 5 * time.Second},
			&dicom.File{Syntax: dicom.ExplicitLittleEndian, Dataset: testfilm.Dataset(1, 64, 64)})
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err = send(both); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case calling := <-reports:
		if calling != "XRAY" {
			t.Errorf("the report is from %s", calling)
		}
	case <-time.After(30 * time.Second):
		t.Error("no report came")
	}
	anonymous, err := tlsfile.Client(certificate, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{"without TLS": nil, "without a certificate": anonymous} {
		if send(config) == nil {
			t.Errorf("a caller %s is let in", name)
		}
	}
	for _, args := range [][]string{
		{"--dicom-listen=127.0.0.1:0", "--dicom-tls-cert=" + certificate}, {"--dicom-listen=127.0.0.1:0", "--dicom-tls-client-ca=" + certificate},
		{"--send-cert=" + certificate}, {"--send-ca=" + key}, {"--send-credentials=" + key}, {"--watch=" + key},
	} {
		r := spikeray(t, nil, append([]string{"serve", "--addr=127.0.0.1:0", "--outbox=" + filepath.Join(dir, "other"), "--send=hl7=mllp://127.0.0.1:9"}, args...)...)
		flag, _, _ := strings.Cut(args[len(args)-1], "=")
		if r.status != 1 || !strings.Contains(r.err, flag) {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestTheCertificateOfAssociationsIsReadAgain replaces it while the server runs.
func TestTheCertificateOfAssociationsIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	authority := testcert.New(t)
	cert, key := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	place := func(m testcert.Made) {
		t.Helper()
		for from, to := range map[string]string{m.Cert: cert, m.Key: key} {
			data, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	first, second := authority.Issue(t, testcert.Options{}), authority.Issue(t, testcert.Options{})
	place(first)
	addr := freeAddr(t)
	p := serve(t, nil, "--outbox="+filepath.Join(dir, "outbox"), "--dicom-listen="+addr,
		"--dicom-tls-cert="+cert, "--dicom-tls-key="+key, "--send=hl7=file://"+t.TempDir())
	shown := func() string {
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.Pool})
			if err == nil {
				defer c.Close()
				return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	if shown() != first.TLS.Leaf.SerialNumber.String() {
		t.Error("another certificate is shown")
	}
	place(second)
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); shown() != second.TLS.Leaf.SerialNumber.String(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the old certificate is still shown")
		}
	}
}
