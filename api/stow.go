package api

import (
	"errors"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicomweb"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
)

var (
	// errOtherStudy says that a film is of another study than the one that the request is for.
	errOtherStudy = refuse(malformedRequest, "a film is of another study than that of the request's path")
	// errNoUID says that nothing can be told of a film, because it has no name.
	errNoUID = refuse(malformedRequest, "a film needs a SOP Class UID and a SOP Instance UID")
)

// store is the store transaction of DICOMweb, STOW-RS (PS3.18, 10.5): films are answered by the default model, and their
// results handed to the delivery. The films themselves are not kept. A film counts as stored once its result is where a crash
// cannot lose it.
func (s *Server) store(w http.ResponseWriter, r *http.Request) error {
	if s.config.Delivery == nil {
		return refuse(notFound, "this server has no system to deliver results to, so it stores nothing; send films to /v1/predictions")
	}
	study := chi.URLParam(r, "study")
	switch {
	case study != "" && !isUID(study):
		return refuse(invalidParameter, "the study must be a UID: numbers and dots, at most 64 characters")
	case r.URL.RawQuery != "":
		return refuse(invalidParameter, "storing takes no query parameters")
	case !dicomweb.TakesJSON(r.Header["Accept"]):
		return refuse(notAcceptable, "the answer is %s only", dicomweb.JSON)
	}
	q := s.taken()
	uploads, held, err := s.receive(w, r, q, s.readRelated)
	defer held.release()
	if err != nil {
		return err
	}
	ctx, cancel := s.inTime(r.Context(), q)
	defer cancel()
	objects := make([]object, len(uploads))
	for i := range uploads {
		objects[i].open(s, &uploads[i], q, study)
		objects[i].result.ID = pictureID(exchangeOf(ctx).id, i)
	}
	outcomes, err := s.outcomes(ctx, r, q, uploads)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		s.count(q.model.Name(), o)
		s.see(q.model, o)
		objects[i].err = o.err
		if o.err == nil {
			answered(&objects[i].result, q.model, o)
			objects[i].err = s.deliver(ctx, objects[i].result)
		}
	}
	return respond(w, objects)
}

// readRelated reads the parts of a multipart/related body.
func (s *Server) readRelated(w http.ResponseWriter, r *http.Request, held *lease) ([]upload, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, refuse(unsupportedFormat, "send the body without Content-Encoding")
	}
	boundary, err := dicomweb.Boundary(r.Header.Get("Content-Type"))
	switch {
	case errors.Is(err, dicomweb.ErrMediaType):
		return nil, refuse(unsupportedFormat, "%v", err)
	case err != nil:
		return nil, refuse(malformedRequest, "%v", err)
	case r.ContentLength > s.config.MaxRequestBytes:
		return nil, refuse(tooLarge, "the body has %d bytes, must be at most %d", r.ContentLength, s.config.MaxRequestBytes)
	}
	between := &bounded{ReadCloser: http.MaxBytesReader(w, r.Body, s.config.MaxRequestBytes)}
	return s.readParts(between, multipart.NewReader(between, boundary), held, "body", func(p *multipart.Part) error {
		if t := p.Header.Get("Content-Type"); t != "" && !dicomweb.IsMediaType(t) {
			return refuse(unsupportedFormat, "a part is not of type %s", dicomweb.MediaType)
		}
		return nil
	})
}

// object is one object of a store request, and what becomes of it.
type object struct {
	class, instance string // its UIDs, "" where they are unknown
	syntax          string
	doubtful        bool // it says of itself that it is not what the model is for
	result          node.Result
	err             error
}

// open reads an upload's headers. What cannot be taken is noted in the upload.
func (o *object) open(s *Server, u *upload, q question, study string) {
	if u.err != nil {
		return
	}
	header, err := s.inspect(*u, q)
	if err == nil && header.Film == nil {
		err = errNoFilm
	}
	if err != nil {
		u.err = err
		o.name(u.data)
		return
	}
	u.header = &header
	film := header.Film
	o.class, o.instance, o.syntax = film.SOPClass(), film.SOPInstance(), film.Syntax
	o.doubtful = q.options.Gate != pipeline.GateOff && len(film.Doubts()) > 0
	switch {
	case !isUID(o.class) || !isUID(o.instance):
		u.err = errNoUID
	case study != "" && film.Study() != study:
		u.err = errOtherStudy
	}
	if s.config.Delivery.Pictures() {
		u.decoded = func(p *radiograph.Picture) { o.result.Picture = drawn(p) }
	}
}

// maxNaming is how much of a deflated object is inflated to find its UIDs, which are among its first elements.
const maxNaming = 64 << 10

// name finds the UIDs of an object that cannot be taken. What is behind them may be damaged, and is not read.
func (o *object) name(data []byte) {
	f, err := dicom.Parse(data, dicom.Limits{Inflated: maxNaming, Until: dicom.SOPInstanceUID + 1})
	if err != nil {
		return
	}
	o.syntax = f.Syntax
	o.class, o.instance = f.Dataset.String(dicom.SOPClassUID), f.Dataset.String(dicom.SOPInstanceUID)
}

// respond answers what became of the objects. Where nothing was stored, and all of it may be later, that is the problem.
func respond(w http.ResponseWriter, objects []object) error {
	instances := make([]dicomweb.Instance, len(objects))
	later := 0
	for i := range objects {
		instances[i] = objects[i].told()
		if instances[i].Failure == dicomweb.OutOfResources {
			later++
		}
	}
	if later == len(objects) {
		return objects[0].err
	}
	w.Header().Set("Content-Type", dicomweb.JSON)
	writeJSON(w, dicomweb.Status(instances), dicomweb.Response(instances))
	return nil
}

// told is what the answer says of an object. UIDs that are none are not told back.
func (o *object) told() dicomweb.Instance {
	i := dicomweb.Instance{Failure: o.failure()}
	if isUID(o.class) && isUID(o.instance) {
		i.SOPClass, i.SOPInstance = o.class, o.instance
	}
	if i.Failure == 0 && o.doubtful {
		i.Warning = dicomweb.MismatchAccepted
	}
	return i
}

// isUID tells what may stand for a UID: unlike in [dicom.ValidUID], numbers may have leading zeros, for there are systems
// that make such.
func isUID(uid string) bool {
	return uid != "" && len(uid) <= 64 && strings.Trim(uid, "0123456789.") == ""
}

// failure is the failure reason of an object, 0 for one that was stored.
func (o *object) failure() uint16 {
	if o.err == nil {
		return 0
	}
	switch k, _ := problemOf(o.err); {
	case k.status == http.StatusServiceUnavailable:
		return dicomweb.OutOfResources
	case o.err == errNoUID:
		return dicomweb.CannotUnderstand
	case k == notARadiograph:
		switch o.class {
		case dicom.CRImage, dicom.DXImageForPresentation, dicom.DXImageForProcessing, dicom.SecondaryCaptureImage:
			return dicomweb.Mismatch
		}
		return dicomweb.SOPClassNotSupported
	case k == unsupportedFormat && o.syntax != "" && dicom.Encapsulated(o.syntax):
		return dicomweb.TransferSyntaxUnsupported
	case k == internalError:
		return dicomweb.ProcessingFailure
	case k == notAPicture, k == tooLarge, k == unsupportedFormat, k == sampleDepth:
		return dicomweb.CannotUnderstand
	}
	return dicomweb.Mismatch
}
