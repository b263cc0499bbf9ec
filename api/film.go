package api

import (
	"context"
	"errors"
	"image"
	"net/http"
	"time"

	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/rendering"
)

// Take answers a film that a system of a hospital sent, by the default model, and hands the result to the delivery. It goes
// through the queue as a request does, and is counted as one. remote is the address that the film came from, with its port;
// "" for one that came from none. It returns once the result is where a crash cannot lose it. [Status] tells what kind of
// error there was.
func (s *Server) Take(ctx context.Context, remote string, data []byte) (err error) {
	if !s.predictions.enter() {
		return errDraining
	}
	defer s.predictions.leave()
	x, end := s.filmExchange(remote)
	defer func() { end(err) }()
	ctx, cancel := s.inTime(context.WithValue(ctx, exchangeKey{}, x), question{})
	defer cancel()
	r, err := s.film(ctx, callerAt(remote), x.id, data)
	if err != nil {
		return err
	}
	return s.deliver(ctx, r)
}

// deliver hands a result to the delivery. Whatever keeps it from being put on its way is an error that may be gone later, but
// for a film that cannot be reported on. It is not told: the delivery does that itself, as it knows what is in its errors.
func (s *Server) deliver(ctx context.Context, r node.Result) error {
	err := s.config.Delivery.Deliver(ctx, r)
	if k, _ := problemOf(err); err == nil || k != internalError {
		return err
	}
	return errNotDelivered
}

// errNoFilm is the error of [Server.Take] for what is no DICOM object.
var errNoFilm = refuse(unsupportedFormat, "only films that are DICOM objects can be taken here")

// taken is the question about films that systems of a hospital send. Their results are delivered: nobody waits for the answer.
func (s *Server) taken() question {
	q := s.question(s.config.Models.Catalogue())
	q.others, q.batch = errNoFilm, true
	if s.config.Delivery.Maps() {
		explanation := node.Explanation(0)
		q.explain = &explanation
	}
	return q
}

// film answers one film by the default model.
func (s *Server) film(ctx context.Context, who caller, id string, data []byte) (node.Result, error) {
	q := s.taken()
	r := node.Result{ID: pictureID(id, 0)}
	if s.config.Delivery.Pictures() {
		q.options.Decoded = func(p *radiograph.Picture) { r.Picture = drawn(p) }
	}
	outcomes, err := s.work(ctx, who, q, []upload{{data: data}})
	if err != nil {
		return r, err
	}
	o := outcomes[0]
	s.count(q.model.Name(), o)
	s.see(q.model, o)
	if o.err != nil {
		return r, o.err
	}
	answered(&r, q.model, o)
	return r, nil
}

// answered completes the result of a picture that was answered.
func answered(r *node.Result, m *pipeline.Entry, o outcome) {
	r.Film, r.Answer, r.Positive, r.At = o.film, m.Answer(o.prediction), m.Description().Positive, time.Now()
	r.Evidence = o.evidence
}

// Status is the HTTP status of an error of [Server.Take], and its text for whoever sent the film.
func Status(err error) (status int, detail string) {
	k, detail := problemOf(err)
	return k.status, detail
}

// Temporary tells errors of [Server.Take] after which the same film may be taken later.
func Temporary(err error) bool {
	status, _ := Status(err)
	return status == http.StatusServiceUnavailable || errors.Is(err, context.Canceled)
}

// maxDrawn is the longest side of a result's picture.
const maxDrawn = 1024

// drawn is a picture as a result has it; nil for one that cannot be drawn.
func drawn(p *radiograph.Picture) *image.Gray {
	grey, err := rendering.Grey(p, maxDrawn)
	if err != nil {
		return nil
	}
	return grey
}
