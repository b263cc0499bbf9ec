package api

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
)

// inference is the prediction service as the Open Inference Protocol asks for it.
type inference struct{ *Server }

func (s *Server) newOIP() *v2.Handler {
	return v2.New(v2.Config{
		Service: inference{s}, Version: s.config.Version,
		MaxPictures: s.config.MaxImages, MaxPictureBytes: s.config.MaxImageBytes, MaxBytes: s.config.MaxRequestBytes,
		Repository: s.shelves(),
	})
}

// shelves is the repository as the protocol changes it, nil where nobody may.
func (s *Server) shelves() v2.Repository {
	if s.config.Repository == nil || !s.config.ModelControl {
		return nil
	}
	return shelves{s.config.Repository}
}

// shelves are the models of a repository as the protocol has them.
type shelves struct{ *repository.Repository }

// Index implements [v2.Repository].
func (s shelves) Index() []v2.ModelState {
	list := []v2.ModelState{}
	for _, m := range s.Repository.Index() {
		list = append(list, v2.ModelState{Name: m.Name, Version: m.Version, State: string(m.State), Reason: m.Reason})
	}
	return list
}

// Load implements [v2.Repository]. The version that serves is the repository's choice. The change goes on where the client has left.
func (s shelves) Load(ctx context.Context, name string) error {
	return s.Repository.Load(context.WithoutCancel(ctx), name, "")
}

// changing makes a handler one for requests that change models: pages of other sites may not, not even of those that may send pictures.
func (s *Server) changing(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case strangers.Check(r) != nil:
			return refuse(crossSite, "pages of other web sites may not change the models")
		case s.draining.Load():
			return errDraining
		}
		return h(w, r)
	})
}

// Models implements [v2.Service].
func (i inference) Models() []*pipeline.Entry {
	c := i.config.Models.Catalogue()
	return append(c.All(), c.Others()...)
}

// Versions implements [v2.Service].
func (i inference) Versions(name string) []*pipeline.Entry {
	return i.config.Models.Catalogue().Versions(name)
}

// Ready implements [v2.Service]. A board runs the default model only.
func (i inference) Ready(m *pipeline.Entry) error {
	if m != nil && m != i.config.Models.Catalogue().Default() {
		return i.taking()
	}
	_, err := i.readiness()
	return err
}

// Predict implements [v2.Service].
func (i inference) Predict(w http.ResponseWriter, r *http.Request, m *pipeline.Entry, read v2.Reader) ([]v2.Outcome, error) {
	s := i.Server
	q := s.question(s.config.Models.Catalogue())
	q.model = m
	q.answerWithin(r, 0) // by the header; the body may ask for less
	uploads, held, err := s.receive(w, r, q, func(w http.ResponseWriter, r *http.Request, held *lease) ([]upload, error) {
		body, err := s.readTensors(w, r, held)
		if err != nil {
			return nil, err
		}
		if err := held.take(v2.Memory(r, len(body))); err != nil {
			return nil, err
		}
		asked, err := read(body, q.options)
		if err != nil {
			return nil, err
		}
		q.options, q.batch = asked.Options, asked.Batch
		q.answerWithin(r, asked.Within)
		uploads := make([]upload, len(asked.Pictures))
		for i, p := range asked.Pictures {
			uploads[i] = upload{data: p.File, pixels: p.Pixels}
		}
		return uploads, nil
	})
	defer held.release()
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.inTime(r.Context(), q)
	defer cancel()
	outcomes, err := s.outcomes(ctx, r, q, uploads)
	if err != nil {
		return nil, err
	}
	out := make([]v2.Outcome, len(outcomes))
	for i, o := range outcomes {
		s.count(m.Name(), o)
		s.see(m, o)
		out[i] = v2.Outcome{Prediction: o.prediction, Err: o.err}
		if o.err == nil {
			out[i].Document = newPrediction(pictureID(exchangeOf(ctx).id, i), nil, m, o)
		}
	}
	return out, nil
}

// readTensors reads the body of an inference, which may be compressed. What it is does not depend on its Content-Type: clients
// of the protocol send any, or none.
func (s *Server) readTensors(w http.ResponseWriter, r *http.Request, held *lease) ([]byte, error) {
	limit := s.config.MaxRequestBytes
	if r.ContentLength > limit {
		return nil, refuse(tooLarge, "the body has %d bytes, must be at most %d", r.ContentLength, limit)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && strings.HasPrefix(media, "multipart/") {
		return nil, refuse(unsupportedFormat, "%s is not supported here; forms of pictures go to /v1/predictions", media)
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	encoding := strings.ToLower(r.Header.Get("Content-Encoding"))
	var body []byte
	var err error
	switch encoding {
	case "", "identity":
		body, err = readBounded(r.Body, r.ContentLength, limit, held)
	case "gzip", "deflate":
		body, err = s.readInflated(r.Body, encoding, limit, held)
	default:
		return nil, refuse(unsupportedFormat, "the Content-Encoding must be gzip, deflate or none")
	}
	switch {
	case errors.Is(err, errTooLong):
		return nil, refuse(tooLarge, "the body is longer than %d bytes", limit)
	case err != nil:
		return nil, bodyError(err)
	}
	return body, nil
}

const (
	// inflaterMemory is what inflating takes: its window and its tables.
	inflaterMemory = 64 << 10
	// maxInflation bounds how much longer a body may become than it came, once it is longer than freeInflation: inflating is done
	// before there is a place in the queue, and must not cost much more than sending.
	maxInflation  = 100
	freeInflation = 1 << 20
)

// readInflated reads a body that came compressed. "deflate" is the zlib format (RFC 9110, 8.4.1.2).
func (s *Server) readInflated(compressed io.Reader, encoding string, limit int64, held *lease) ([]byte, error) {
	if err := held.take(inflaterMemory); err != nil {
		return nil, err
	}
	defer held.give(inflaterMemory)
	came := &counted{Reader: compressed}
	ahead := bufio.NewReader(came)
	open := func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	if encoding == "deflate" {
		open = zlib.NewReader
	}
	inflater, err := open(ahead)
	if err != nil {
		return nil, err
	}
	body, err := readBounded(&paced{Reader: inflater, came: came}, -1, limit, held)
	if err != nil {
		return nil, err
	}
	// What follows belongs to the request, too.
	if _, err := ahead.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, refuse(malformedRequest, "bytes follow the compressed body")
	}
	return body, inflater.Close()
}

// counted counts what is read.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// paced ends with an error where more is inflated than what came allows.
type paced struct {
	io.Reader
	came *counted
	n    int64
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if p.n += int64(n); p.n > freeInflation && p.n > maxInflation*p.came.n {
		return 0, refuse(tooLarge, "the body becomes more than %d times as long as it came; send it without Content-Encoding", maxInflation)
	}
	return n, err
}
