package target

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/report/mllp"
)

// mllpSender delivers HL7 messages.
type mllpSender struct {
	addr   string
	secure *tls.Config
}

func (s mllpSender) Send(ctx context.Context, item outbox.Item) error {
	err := mllp.Send(ctx, s.addr, s.secure, item.Data)
	if refused := (*mllp.Refusal)(nil); errors.As(err, &refused) || errors.Is(err, mllp.ErrMessage) {
		return &outbox.Refusal{Reason: err.Error(), Permanent: !mllp.Temporary(err)}
	}
	return err
}
