package dimse

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testcert"
)

func TestTLS(t *testing.T) {
	c := testcert.New(t)
	certificate, pool := c.TLS, c.Pool
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
	certificate := testcert.New(t).TLS
	s := &Server{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	peer := started(t, s)
	silent := connected(t, peer.Addr)
	silent.send([]byte{22, 3, 1})
	tookAll(t, s, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
