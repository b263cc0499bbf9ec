package dimse

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

func textLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestLogsNameNeitherPatientsNorObjects(t *testing.T) {
	var log bytes.Buffer
	var got taken
	s := &Server{Store: got.store, Log: textLog(&log)}
	peer := started(t, s)
	if err := Store(context.Background(), peer, file(sample(5, 100))); err != nil {
		t.Fatal(err)
	}
	r := connected(t, peer.Addr)
	r.send(changed(func(a *associate) { a.calling, a.called = "a\nb\x1b[31m\"\\\xff", strings.Repeat("A", 16) }))
	r.pdu()
	c := storeRequest(1)
	c.instance = "2.25.4711"
	r.send(data(part(3, isCommand|isLast, encoded(t, c)), part(3, isLast, []byte("Planted^Name"))))
	r.response()
	r.send(header(0x99, 4))
	r.pdu()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	for _, bad := range []string{"Planted", "2.25.", dicom.SecondaryCaptureImage, `\n`, `\u001b`, "\x1b", "\xff"} {
		if strings.Contains(text, bad) {
			t.Errorf("the log holds %q:\n%s", bad, text)
		}
	}
	for _, want := range []string{
		`"calling_ae":"TEST"`, `"calling_ae":"a?b?[31m\"??"`, `"called_ae":"AAAAAAAAAAAAAAAA"`,
		`"outcome":"released"`, `"outcome":"violated"`, `"objects":1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
}

func TestAFloodOfConnectionsDoesNotFloodTheLog(t *testing.T) {
	var log bytes.Buffer
	var ends outcomes
	s := &Server{Log: textLog(&log), Hooks: ends.hooks()}
	peer := started(t, s)
	for range 200 {
		r := connected(t, peer.Addr)
		r.send(make([]byte, 10))
		r.pdu()
		r.Close()
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := ends.of(Violated); n != 200 {
		t.Errorf("%d of 200 connections were garbage", n)
	}
	if n := strings.Count(log.String(), "\n"); n < 1 || n > 150 {
		t.Errorf("%d lines for 200 connections", n)
	}
}
