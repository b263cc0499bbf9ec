package target

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/outbox"
)

// linger is how long an association stays open for a next object: peers take longer to open one than to store a report.
const linger = time.Second

// dicomSender delivers by C-STORE.
type dicomSender struct {
	peer dimse.Peer

	mu     sync.Mutex
	open   *dimse.Association // nil for none
	ending *time.Timer        // of open
}

func newDICOMSender(u *url.URL, calling string, secure *tls.Config) *dicomSender {
	return &dicomSender{peer: dimse.Peer{Addr: u.Host, CalledAE: u.User.Username(), CallingAE: calling, TLS: secure}}
}

// Send stores one object. What the peer says of the association can be put right at the peer, so it is tried again; what it
// says of the object for good is a refusal.
func (s *dicomSender) Send(ctx context.Context, item outbox.Item) error {
	file, err := dicom.Parse(item.Data, dicom.Limits{})
	if err != nil {
		return &outbox.Refusal{Reason: "it is no DICOM file", Permanent: true}
	}
	err = s.store(ctx, file)
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

// store uses the association that is open. If the peer has ended it meanwhile, a new one is opened.
func (s *dicomSender) store(ctx context.Context, file *dicom.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	class := file.Dataset.String(dicom.SOPClassUID)
	if !slices.Contains(resultClasses, class) {
		return dimse.Store(ctx, s.peer, file)
	}
	if s.open != nil {
		s.ending.Stop()
		err := s.use(ctx, file)
		if err == nil || s.open != nil || ctx.Err() != nil {
			return err
		}
	}
	var proposed []dimse.Context
	for _, c := range resultClasses {
		proposed = append(proposed, dimse.StorageContext(c))
	}
	var err error
	if s.open, err = dimse.Dial(ctx, s.peer, proposed...); err != nil {
		s.open = nil
		return err
	}
	return s.use(ctx, file)
}

// resultClasses are the SOP classes of results.
var resultClasses = []string{dicom.Comprehensive3DSR, dicom.SecondaryCaptureImage}

// use stores an object over the open association, and forgets an association that has ended.
func (s *dicomSender) use(ctx context.Context, file *dicom.File) error {
	_, err := s.open.StoreFile(ctx, file)
	if err != nil && !errors.As(err, new(*dimse.StatusError)) && !errors.Is(err, dimse.ErrNoContext) && !errors.Is(err, dimse.ErrData) {
		s.open = nil
		return err
	}
	association := s.open
	s.ending = time.AfterFunc(linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open == association {
			s.release()
		}
	})
	return err
}

// release ends the open association in order.
func (s *dicomSender) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.open.Release(ctx) // each object was answered, whatever comes of it
	s.open = nil
}

// Close ends the association, if one is open.
func (s *dicomSender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		s.ending.Stop()
		s.release()
	}
	return nil
}
