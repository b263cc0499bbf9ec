package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// upload is one picture of a request: its bytes, or why it cannot be taken.
type upload struct {
	data []byte
	// pixels is set for a picture that came prepared, instead of data.
	pixels []uint8
	err    error
	part   *partDocument // of a form, nil for a raw body
	// decoded is called with the picture, if it is set, instead of what the question says.
	decoded func(*radiograph.Picture)
	// header is set for a picture that was inspected already.
	header *radiograph.Header
}

// inspect reads the picture's headers. A prepared one has none.
func (s *Server) inspect(u upload, q question) (radiograph.Header, error) {
	if u.pixels != nil {
		return radiograph.Header{}, nil
	}
	if u.header != nil {
		return *u.header, nil
	}
	return pipeline.Inspect(q.model.Model, u.data, s.config.Limits, q.options)
}

// predict answers the picture.
func (u upload) predict(ctx context.Context, m *model.Model, header radiograph.Header, o pipeline.Options) (pipeline.Prediction, error) {
	if u.pixels != nil {
		return pipeline.PredictPrepared(ctx, m, u.pixels, o)
	}
	return pipeline.PredictInspected(ctx, m, u.data, header, o)
}

// options are those of a question for this picture.
func (u upload) options(q question) pipeline.Options {
	if u.decoded != nil {
		q.options.Decoded = u.decoded
	}
	return q.options
}

// pictures makes a handler one for requests that bring pictures: none is taken once the server drains, and none from pages of
// other sites.
func (s *Server) pictures(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		if !s.predictions.enter() {
			return errDraining
		}
		defer s.predictions.leave()
		if s.origins != nil && s.origins.Check(r) != nil {
			return refuse(crossSite, "pages of other web sites may not send pictures here, unless --trusted-origin allows the site")
		}
		return h(w, r)
	})
}

// reader reads the pictures of a request's body, one or more.
type reader func(http.ResponseWriter, *http.Request, *lease) ([]upload, error)

// receive reads the pictures that a question is about, at the pace that is asked of the client, and until the question's deadline. The
// question may be to no model.
// The lease holds the memory they are in, and must be released, whatever the error.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, q question, read reader) ([]upload, *lease, error) {
	x := exchangeOf(r.Context())
	if q.model != nil {
		x.model = q.model.Name()
	}
	flow := &inflow{
		ReadCloser: r.Body,
		control:    http.NewResponseController(w),
		end:        time.Now().Add(s.config.ReadTimeout),
		ended:      r.ContentLength == 0,
		least:      int(s.config.MinUploadRate * int64(uploadWindow/time.Second)),
	}
	r.Body = flow
	if !q.deadline.IsZero() {
		late := time.AfterFunc(time.Until(q.deadline), func() { flow.stop(ErrDeadline) })
		defer late.Stop()
	}
	held := s.uploads.lease(callerOf(r), flow)
	uploads, err := read(w, r, held)
	if cut := flow.finish(); cut != nil && err != nil {
		err = cut
	}
	held.received()
	x.pictures = len(uploads)
	return uploads, held, err
}

// readUploads reads the request's pictures, one or more. The error is that of
// the request as a whole; a picture of a form that is too long has its own.
func (s *Server) readUploads(w http.ResponseWriter, r *http.Request, held *lease) ([]upload, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, refuse(unsupportedFormat, "send the body without Content-Encoding")
	}
	form, err := isForm(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	limit := s.config.MaxRequestBytes
	if !form {
		limit = min(limit, s.config.MaxImageBytes)
	}
	if r.ContentLength > limit {
		return nil, refuse(tooLarge, "the body has %d bytes, must be at most %d", r.ContentLength, limit)
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if form {
		return s.readForm(r, held)
	}
	data, err := readBounded(r.Body, r.ContentLength, limit, held)
	if err != nil {
		return nil, bodyError(err)
	}
	return []upload{{data: data}}, nil
}

// isForm tells a form from a raw picture. What a client says of a raw picture
// matters only if it says that it is something else altogether: the format is
// read from the bytes.
func isForm(contentType string) (bool, error) {
	if contentType == "" {
		return false, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return false, refuse(malformedRequest, "the Content-Type is malformed")
	case media == "multipart/form-data":
		return true, nil
	case strings.HasPrefix(media, "image/"), media == "application/octet-stream", media == "application/dicom",
		// What curl --data-binary declares.
		media == "application/x-www-form-urlencoded":
		return false, nil
	case media == "multipart/related":
		return false, refuse(unsupportedFormat, "%s is how DICOMweb stores objects, by STOW-RS; here, send a film alone as application/dicom, or several as multipart/form-data", media)
	case strings.HasPrefix(media, "application/dicom+"):
		return false, refuse(unsupportedFormat, "%s holds no pixels; send the film's file as application/dicom", media)
	}
	return false, refuse(unsupportedFormat, "%s is not supported; send the picture as image/*, application/dicom, application/octet-stream or multipart/form-data", media)
}

func (s *Server) readForm(r *http.Request, held *lease) ([]upload, error) {
	between := &bounded{ReadCloser: r.Body}
	r.Body = between
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, refuse(malformedRequest, "the form has no usable boundary")
	}
	return s.readParts(between, parts, held, "form", func(p *multipart.Part) error {
		if p.FormName() != "image" {
			return refuse(malformedRequest, "the form has a field other than \"image\"")
		}
		return nil
	})
}

// readParts reads the parts of a body, one or more, each a picture that check lets pass. what is the body, in words.
func (s *Server) readParts(between *bounded, parts *multipart.Reader, held *lease, what string, check func(*multipart.Part) error) ([]upload, error) {
	if err := held.take(partHeaderMemory); err != nil {
		return nil, err
	}
	defer held.give(partHeaderMemory)
	var uploads []upload
	for {
		between.limit(maxPartHeader)
		part, err := parts.NextRawPart()
		between.unlimited()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if err := check(part); err != nil {
			return nil, err
		}
		if e := part.Header.Get("Content-Transfer-Encoding"); strings.EqualFold(e, "base64") || strings.EqualFold(e, "quoted-printable") {
			return nil, refuse(unsupportedFormat, "send the %s's pictures as binary data, without Content-Transfer-Encoding: base64 or quoted-printable", what)
		}
		if e := part.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			return nil, refuse(unsupportedFormat, "send the %s's pictures without Content-Encoding", what)
		}
		if len(uploads) == s.config.MaxImages {
			return nil, refuse(tooLarge, "the %s has too many pictures, must be at most %d", what, s.config.MaxImages)
		}
		u, err := s.readPart(part, held)
		if err != nil {
			return nil, err
		}
		u.part = &partDocument{Index: len(uploads), Filename: fileName(part.FileName())}
		uploads = append(uploads, u)
	}
	if len(uploads) == 0 {
		return nil, refuse(malformedRequest, "the %s has no picture", what)
	}
	// What follows the body's end belongs to the request too, which is only then known to be whole.
	if _, err := io.Copy(io.Discard, between); err != nil {
		return nil, bodyError(err)
	}
	return uploads, nil
}

const (
	// maxPartHeader bounds what is read of a form from the end of one picture to the beginning of the next: a boundary and
	// a part's header, with what the form's reader takes in advance.
	maxPartHeader = 16 << 10
	// partHeaderMemory is what a part's header of that length takes at most, in its smallest fields.
	partHeaderMemory = 512 << 10
)

// bounded is a body of which, at times, only so much may be read.
type bounded struct {
	io.ReadCloser
	on   bool
	left int
}

func (b *bounded) limit(n int) { b.on, b.left = true, n }
func (b *bounded) unlimited()  { b.on = false }

func (b *bounded) Read(p []byte) (int, error) {
	if !b.on {
		return b.ReadCloser.Read(p)
	}
	if b.left == 0 {
		return 0, refuse(malformedRequest, "a part of the body has a header of more than %d bytes", maxPartHeader)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (s *Server) readPart(part *multipart.Part, held *lease) (upload, error) {
	data, err := readBounded(part, -1, s.config.MaxImageBytes, held)
	switch {
	case errors.Is(err, errTooLong):
		return upload{err: refuse(tooLarge, "the picture is longer than %d bytes", s.config.MaxImageBytes)}, nil
	case err != nil:
		return upload{}, bodyError(err)
	}
	return upload{data: data}, nil
}

// bodyError keeps the errors that problemOf knows and calls any other what it
// is: a body that is malformed or broke off.
func bodyError(err error) error {
	if k, _ := problemOf(err); k != internalError {
		return err
	}
	return refuse(malformedRequest, "the body is malformed or incomplete")
}

var errTooLong = errors.New("longer than allowed")

// readBounded reads all of r, announced as so many bytes or -1, into memory leased as
// the data arrives, so that a client holds no more than twice what it sent, or the smallest buffer.
// More than limit bytes is errTooLong, after which nothing of it is held.
func readBounded(r io.Reader, announced, limit int64, held *lease) ([]byte, error) {
	buf, err := held.buffer(min(small, limit+1), nil)
	if err != nil {
		return nil, err
	}
	for {
		if len(buf) == cap(buf) {
			wanted := limit + 1
			if all := announced + 1; int64(cap(buf)) < all { // one more, to see the end without growing
				wanted = min(wanted, all)
			}
			// Halves of the whole, so that the last two buffers, which are held at the same time, are one and a half of it.
			for half := (wanted + 1) / 2; half > int64(cap(buf)); half = (wanted + 1) / 2 {
				wanted = half
			}
			if buf, err = held.buffer(wanted, buf); err != nil {
				return nil, err
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			held.drop()
			return nil, errTooLong
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
