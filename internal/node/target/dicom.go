package target

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/outbox"
)

// dicomSender delivers by C-STORE.
type dicomSender struct{ peer dimse.Peer }

func peer(u *url.URL, calling string, secure *tls.Config) dimse.Peer {
	return dimse.Peer{Addr: u.Host, CalledAE: u.User.Username(), CallingAE: calling, TLS: secure}
}

// Send opens an association for one object. What the peer says of the association can be put right at the peer, so it is tried
// again; what it says of the object for good is a refusal.
func (s dicomSender) Send(ctx context.Context, item outbox.Item) error {
	file, err := dicom.Parse(item.Data, dicom.Limits{})
	if err != nil {
		return &outbox.Refusal{Reason: "it is no DICOM file", Permanent: true}
	}
	err = dimse.Store(ctx, s.peer, file)
	status := (*dimse.StatusError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return &outbox.Refusal{Reason: "C-STORE is answered with " + status.Status.String(), Permanent: !dimse.Temporary(err)}
	case errors.Is(err, dimse.ErrNoContext):
		return &outbox.Refusal{Reason: "the target accepts no presentation context for " + dicom.NamedUID(file.Dataset.String(dicom.SOPClassUID)), Permanent: true}
	case errors.Is(err, dimse.ErrData):
		return &outbox.Refusal{Reason: "the object cannot be sent by C-STORE", Permanent: true}
	}
	return err
}
