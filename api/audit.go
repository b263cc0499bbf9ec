package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// Journal records what becomes of pictures. A [journal.Journal] is one.
type Journal interface {
	// Append returns a receipt for each entry once a crash cannot lose them.
	Append(ctx context.Context, entries ...journal.Entry) ([]journal.Receipt, error)
	// Err is an error while nothing can be recorded. So is Refuse, which then counts the pictures that get no answer.
	Err() error
	Refuse(pictures int) error
}

// auditHeader has the receipts of an answer's records, one for each picture in their order.
const auditHeader = "X-Audit-Record"

// What stands for the route of a film that came by none.
const (
	viaDIMSE = "dimse"
	viaWatch = "watch"
)

// work puts the pictures through the queue, and records what became of each. Its error is that of all of them: then nothing is
// answered, and what a client is told is not recorded.
func (s *Server) work(ctx context.Context, who caller, q question, uploads []upload) ([]outcome, error) {
	if s.config.Journal == nil {
		return s.process(ctx, who, q, uploads)
	}
	if s.config.Journal.Refuse(len(uploads)) != nil {
		return nil, errNotRecorded
	}
	outcomes, err := s.process(ctx, who, q, uploads)
	if err != nil {
		return nil, err
	}
	return outcomes, s.record(ctx, who, q, uploads, outcomes)
}

// digest notes what is recorded of a picture's bytes. It takes time with their number, so it is a worker's task where there is one.
func (s *Server) digest(o *outcome, u upload) {
	switch {
	case s.config.Journal == nil || o.input != nil:
	case u.pixels != nil:
		o.input = journal.NewPreparedInput(u.pixels)
	case u.data != nil:
		o.input = journal.NewInput(u.data, o.film != nil)
	}
}

// record returns once the outcomes are recorded. An error is that of the whole request.
func (s *Server) record(ctx context.Context, who caller, q question, uploads []upload, outcomes []outcome) error {
	x := exchangeOf(ctx)
	asked := journal.Asked{
		Via: x.via, Caller: who.String(), Model: q.model.Reference(), Kernel: q.model.Kernel(), Options: s.terms(q),
	}
	if route := chi.RouteContext(ctx); asked.Via == "" && route != nil {
		asked.Via = route.RoutePattern()
	}
	if q.model.Site != nil {
		asked.Calibration = q.model.Site.Digest()
	}
	entries := make([]journal.Entry, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		s.digest(o, uploads[i])
		one := asked
		one.ID, one.Input = pictureID(x.id, i), o.input
		entries[i] = journal.Entry{Asked: &one}
		if o.err == nil {
			entries[i].Answer = journal.NewAnswer(&o.prediction)
			continue
		}
		k, _ := problemOf(o.err)
		entries[i].Problem = &journal.Problem{Name: k.name, Status: k.status, Gate: journal.NewGate(&o.prediction)}
	}
	began := time.Now()
	receipts, err := s.config.Journal.Append(ctx, entries...)
	switch took := time.Since(began); {
	case err == nil:
		s.recorded.Learn(took)
	case errors.Is(err, ErrDeadline):
		s.recorded.AtLeast(took)
	}
	switch {
	case errors.Is(err, journal.ErrUnavailable):
		return errNotRecorded
	case errors.Is(err, journal.ErrClosed):
		return errDraining
	case err != nil:
		return err
	}
	if x.header != nil {
		list := make([]string, len(receipts))
		for i, r := range receipts {
			list[i] = r.String()
		}
		x.header.Set(auditHeader, strings.Join(list, ", "))
	}
	return nil
}

// terms are what decides the answer to a question, and whether there is one.
func (s *Server) terms(q question) journal.Terms {
	o, limits := q.options, s.config.Limits
	t := journal.Terms{
		Threshold: o.Threshold, OperatingPoint: o.OperatingPoint,
		DefaultThreshold: o.Standard.Threshold, DefaultOperatingPoint: o.Standard.OperatingPoint,
		Prevalence: o.Prevalence, Steps: o.Steps, Bits: o.Bits, Gate: o.Gate, FilmsOnly: q.others != nil,
		TIFF: limits.TIFF, WebP: limits.WebP, MaxPixels: limits.MaxPixels, MaxMemory: limits.MaxMemory,
	}
	if t.Gate == "" {
		t.Gate = pipeline.GateFlag
	}
	return t
}
