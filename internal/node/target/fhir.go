package target

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spikeray/spikeray/internal/outbox"
)

// fhirSender posts a bundle to the base of a FHIR server, where transactions are taken (R4, http.html#transaction).
type fhirSender struct {
	client  *http.Client
	address string
	header  http.Header
}

func (s fhirSender) Send(ctx context.Context, item outbox.Item) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(item.Data))
	if err != nil {
		return err
	}
	r.Header = s.header.Clone()
	r.Header.Set("Content-Type", item.MediaType)
	r.Header.Set("Accept", item.MediaType)
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) // so that the connection can be used again
	return statusError(answer.StatusCode)
}

// blamesUs tells statuses that say nothing of what was sent: they can be put right at the target or in the configuration.
func blamesUs(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired:
		return true
	}
	return status >= 300 && status < 400
}

// statusError is what an HTTP status says of an item: nil for one that was taken.
func statusError(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("the target answers %d: it has moved, and redirections are not followed", status)
	case blamesUs(status):
		return fmt.Errorf("the target answers %d (%s): its address or the credentials are wrong", status, http.StatusText(status))
	}
	return &outbox.Refusal{
		Reason: fmt.Sprintf("the target answers %d (%s)", status, http.StatusText(status)),
		Permanent: status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooEarly &&
			status != http.StatusTooManyRequests,
	}
}
