package target

import (
	"context"
	"errors"
	"net/http"

	"github.com/spikeray/spikeray/internal/dicomweb"
	"github.com/spikeray/spikeray/internal/outbox"
)

// stowSender delivers by STOW-RS to the resource of all studies.
type stowSender struct {
	client  *http.Client
	address string
	header  http.Header
}

func (s stowSender) Send(ctx context.Context, item outbox.Item) error {
	err := dicomweb.Store(ctx, s.client, s.address, s.header, [][]byte{item.Data})
	e := (*dicomweb.StoreError)(nil)
	if !errors.As(err, &e) || e.Status == 0 {
		return err
	}
	if blamesUs(e.Status) {
		return statusError(e.Status)
	}
	return &outbox.Refusal{Reason: e.Error(), Permanent: !e.Temporary}
}
