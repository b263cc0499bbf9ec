package main

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// TestTheServerEndsWhenNoMoreAssociationsAreAccepted takes the listener away from the provider of DICOM services.
func TestTheServerEndsWhenNoMoreAssociationsAreAccepted(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	server, err := api.New(api.Config{
		Models:  pipeline.NewCatalogue(&pipeline.Entry{Model: testmodel.Rows(t)}),
		Metrics: telemetry.NewMetrics(telemetry.Build{Version: "test"}), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &hospital{dicom: &dimse.Server{}, log: log}
	if h.box, err = outbox.Open(t.TempDir(), outbox.Options{}); err != nil {
		t.Fatal(err)
	}
	defer h.close()
	h.listener = listening(t)
	web := listening(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- h.serve(ctx, server, web, 10*time.Second) }()
	conn, err := net.Dial("tcp", web.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case err := <-ended:
		t.Fatalf("it ended by itself: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	h.listener.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "--dicom-listen") || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func listening(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
