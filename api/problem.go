package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/report"
	"github.com/spikeray/spikeray/pkg/model"
)

// Problem is a problem document, RFC 9457.
type Problem struct {
	// Type is a URN that never changes its meaning.
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
}

// kind is a type of problem; openapi.yaml lists them all.
type kind struct {
	name   string // the last part of the URN
	status int
	title  string
}

var (
	invalidParameter  = kind{"invalid-parameter", 400, "A query parameter is not valid"}
	malformedRequest  = kind{"malformed-request", 400, "The request's body is not valid"}
	notAPicture       = kind{"not-a-picture", 400, "The data is not a complete picture"}
	unauthorized      = kind{"unauthorized", 401, "The request has no valid credentials"}
	forbidden         = kind{"forbidden", 403, "The credentials do not allow the request"}
	crossSite         = kind{"cross-site", 403, "A page of another web site sent the request"}
	notPermitted      = kind{"not-permitted", 403, "The server was not started to allow this"}
	modelHeld         = kind{"model-held", 409, "The model cannot be changed so now"}
	modelNotLoaded    = kind{"model-not-loaded", 422, "The version of the model cannot be loaded"}
	unknownModel      = kind{"unknown-model", 404, "No such model"}
	malformedHTTP     = kind{"malformed-http", 400, "The request is not well-formed HTTP"}
	headersTooLarge   = kind{"headers-too-large", 431, "The request's header fields are too large"}
	notFound          = kind{"not-found", 404, "No such resource"}
	notAcceptable     = kind{"not-acceptable", 406, "The answer is not to be had in the media type that is asked for"}
	methodNotAllowed  = kind{"method-not-allowed", 405, "The resource does not support this method"}
	uploadTimeout     = kind{"upload-timeout", 408, "The request took too long to arrive"}
	tooLarge          = kind{"too-large", 413, "The request or the picture is too large"}
	unsupportedFormat = kind{"unsupported-format", 415, "The format is not supported"}
	notARadiograph    = kind{"not-a-radiograph", 422, "The picture cannot be a radiograph"}
	sampleDepth       = kind{"sample-depth", 422, "The number of significant bits of the picture's samples is unknown or does not match"}
	gateRefused       = kind{"gate-refused", 422, "The picture is not of the kind that the model is for"}
	notReportable     = kind{"not-reportable", 422, "No result object can be made of the picture"}
	notExplainable    = kind{"not-explainable", 422, "The model has nothing to tell in this form"}
	tooManyRequests   = kind{"too-many-requests", 429, "The caller sends too many requests"}
	overloaded        = kind{"overloaded", 503, "The server is overloaded"}
	draining          = kind{"draining", 503, "The server is shutting down"}
	boardUnavailable  = kind{"board-unavailable", 503, "The board that runs the model does not answer"}
	notRecorded       = kind{"not-recorded", 503, "The answer cannot be recorded"}
	deadlineExceeded  = kind{"deadline-exceeded", 504, "The answer cannot be had by the deadline"}
	internalError     = kind{"internal", 500, "The server had an internal error"}
)

// retryAfter is the Retry-After of a 503, in whole seconds, at least 1: by when the work that waited then should be
// done.
func (s *Server) retryAfter(err error) int {
	after := s.config.Queue.Backlog()
	if busy := (*BusyError)(nil); errors.As(err, &busy) {
		after = busy.After
	}
	return max(1, int(math.Ceil(after.Seconds())))
}

// kindOfStatus is the kind of problem of what is not a request that can be read.
func kindOfStatus(status int) kind {
	switch status {
	case malformedHTTP.status:
		return malformedHTTP
	case headersTooLarge.status:
		return headersTooLarge
	}
	return kind{"unsupported-http", status, "The request uses a part of HTTP that is not supported"}
}

// refusal is an error that carries its kind of problem.
type refusal struct {
	kind   kind
	detail string
}

func (r *refusal) Error() string { return r.kind.name + ": " + r.detail }

func refuse(k kind, format string, args ...any) error {
	return &refusal{k, fmt.Sprintf(format, args...)}
}

// Causes with which a prediction's context ends, beside the client's leaving.
var (
	errPredictTimeout = errors.New("the answer took too long")
	errDraining       = errors.New("the server is shutting down")
	// errNotReady is /readyz's no, which turns no one away.
	errNotReady = errors.New("not ready")
	// errUploadMemory says that bodies already hold all the memory they may.
	errUploadMemory = errors.New("the memory for uploads is full")
	// errNotDelivered says that a result could not be put on its way.
	errNotDelivered = errors.New("the result could not be put on its way to other systems")
	// errNotRecorded says that the audit log takes no records.
	errNotRecorded = errors.New("the audit log cannot be written, and no answer is given without a record")
	// errConnections says that there is no room for one more connection.
	errConnections = errors.New("there are too many connections")
)

// ofPictures are the kinds of problems that [pipeline.Problem] names.
var ofPictures = byName(notAPicture, tooLarge, unsupportedFormat, notARadiograph, sampleDepth, gateRefused)

func byName(kinds ...kind) map[string]kind {
	by := map[string]kind{}
	for _, k := range kinds {
		by[k.name] = k
	}
	return by
}

// problemOf is the one place that turns an error into a kind of problem and a
// detail for the client. An unknown error is internal, and its text is not sent.
func problemOf(err error) (kind, string) {
	var refused *refusal
	var tooLong *http.MaxBytesError
	var network net.Error
	var lost *board.Error
	var byProtocol *v2.Refusal
	var unwelcome *access.Refusal
	if k, detail, ok := repositoryProblem(err); ok {
		return k, detail
	}
	switch {
	case errors.As(err, &refused):
		return refused.kind, refused.detail
	case errors.As(err, &unwelcome):
		switch unwelcome.Reason {
		case access.LacksScope:
			return forbidden, unwelcome.Detail
		case access.TooMany:
			return tooManyRequests, unwelcome.Detail
		}
		return unauthorized, unwelcome.Detail
	case errors.As(err, &tooLong):
		return tooLarge, fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit)
	case pipeline.Problem(err) != "":
		return ofPictures[pipeline.Problem(err)], err.Error()
	case errors.Is(err, model.ErrSteps), errors.Is(err, pipeline.ErrOptions):
		return invalidParameter, err.Error()
	case errors.Is(err, pipeline.ErrUnknownVersion):
		return unknownModel, "that version of the model is not loaded; /v1/models lists the versions"
	case errors.Is(err, pipeline.ErrUnknownModel):
		return unknownModel, "no model has that name; /v1/models lists the models"
	case errors.Is(err, report.ErrNoFilm), errors.Is(err, report.ErrFilm):
		return notReportable, err.Error()
	case errors.Is(err, outbox.ErrFull):
		return overloaded, "the outbox is full: results wait for systems that are away"
	case errors.Is(err, ErrQueueFull), errors.Is(err, errUploadMemory), errors.Is(err, errConnections),
		errors.Is(err, errPredictTimeout), errors.Is(err, errNotDelivered):
		return overloaded, err.Error()
	case errors.Is(err, ErrDeadline):
		return deadlineExceeded, err.Error()
	case errors.Is(err, ErrQueueClosed), errors.Is(err, errDraining):
		return draining, err.Error()
	case errors.As(err, &lost):
		return boardUnavailable, lost.Public()
	case errors.Is(err, errNotRecorded):
		return notRecorded, errNotRecorded.Error()
	case errors.Is(err, errNotReady):
		return boardUnavailable, err.Error()
	case errors.As(err, &byProtocol):
		return kindOfRefusal[byProtocol.Reason], byProtocol.Detail
	case errors.Is(err, oip.ErrTooLarge):
		return tooLarge, err.Error()
	case errors.Is(err, oip.ErrMessage): // of a request: a board's errors are its own
		return malformedRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// Contexts end with one of the causes above; these have no business here.
		return internalError, "the request's id is in the server's log"
	case errors.As(err, &network) && network.Timeout():
		return uploadTimeout, "the request did not arrive in time"
	}
	return internalError, "the request's id is in the server's log"
}

// kindOfRefusal are the kinds of problem that the Open Inference Protocol's refusals are.
var kindOfRefusal = map[v2.Reason]kind{
	v2.Malformed: malformedRequest, v2.Parameter: invalidParameter, v2.NotFound: unknownModel, v2.TooLarge: tooLarge, v2.NotPermitted: notPermitted,
	v2.Conflict: modelHeld,
}

// rejections are all that rejection can return.
var rejections = []string{"queue_full", "queue_time", "upload_memory", "connections", "timeout", "delivery", "board", "audit", "deadline", "draining"}

// rejection names why a request was turned away with 503 or 504, for the metrics.
func rejection(err error) string {
	busy := (*BusyError)(nil)
	switch {
	case errors.As(err, &busy) && busy.TooLong:
		return "queue_time"
	case errors.Is(err, ErrQueueFull):
		return "queue_full"
	case errors.Is(err, errUploadMemory):
		return "upload_memory"
	case errors.Is(err, errConnections):
		return "connections"
	case errors.Is(err, errPredictTimeout):
		return "timeout"
	case errors.Is(err, ErrDeadline):
		return "deadline"
	case errors.Is(err, errNotDelivered), errors.Is(err, outbox.ErrFull):
		return "delivery"
	case errors.As(err, new(*board.Error)):
		return "board"
	case errors.Is(err, errNotRecorded):
		return "audit"
	}
	return "draining"
}

// problem is the document for an error; id names the prediction or the request.
func problem(err error, id string) Problem {
	k, detail := problemOf(err)
	return Problem{
		Type:     "urn:spikeray:problem:" + k.name,
		Title:    k.title,
		Status:   k.status,
		Detail:   detail,
		Instance: "urn:spikeray:request:" + id,
	}
}

// fail answers a request with the problem that err is.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	k, _ := problemOf(err)
	x.err = err
	x.problem = k.name
	if k == deadlineExceeded {
		s.config.Metrics.Rejected(rejection(err))
	}
	if k.status == http.StatusServiceUnavailable {
		if !errors.Is(err, errNotReady) {
			s.config.Metrics.Rejected(rejection(err))
		}
		w.Header().Set("Retry-After", strconv.Itoa(s.retryAfter(err)))
	}
	if v2.Speaks(r.URL.Path) {
		_, text := problemOf(err)
		v2.WriteError(w, k.status, text, err)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	writeJSON(w, k.status, problem(err, x.id))
}
