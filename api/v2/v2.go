// Package v2 speaks the Open Inference Protocol, version 2, over HTTP: what clients of Triton, KServe and their kind ask of a
// server, put to the prediction service that /v1 is a form of, too. docs/OIP.md says what is spoken.
//
// Source: KServe, "Open Inference Protocol (V2)"; of Triton's extensions, "Binary Tensor Data", "Model Configuration",
// "Statistics", "Model Repository" and "Schedule Policy".
package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// Service is what answers.
type Service interface {
	// Models are the models that answer, in all versions: those that answer who names none come first, the default before all.
	Models() []*pipeline.Entry
	// Versions are those of a model that answer; who names none is answered by the first. There are none of a model that is not there.
	Versions(name string) []*pipeline.Entry
	// Ready is why no new work is taken for a model, or, for nil, by the server. It is nil where it is taken.
	Ready(*pipeline.Entry) error
	// Predict has read read the request's body, and answers the pictures that it is then asked about. Its error is that of all of
	// them. Options that read leaves alone are the server's.
	Predict(w http.ResponseWriter, r *http.Request, m *pipeline.Entry, read Reader) ([]Outcome, error)
}

// Reader makes a question of a body. The question may share the body's memory.
type Reader func(body []byte, options pipeline.Options) (*Question, error)

// Question is what a request asks.
type Question struct {
	Pictures []Picture
	Options  pipeline.Options
	// Within is how long the answer may take, 0 for as long as the server allows.
	Within time.Duration
	// Batch tells work that nobody waits for.
	Batch bool
}

// Picture is one of a request: a file, or the prepared pixels.
type Picture struct {
	File   []byte
	Pixels []uint8
}

// Outcome is what became of a picture.
type Outcome struct {
	Prediction pipeline.Prediction
	// Document is the answer as /v1/predictions gives it, in JSON.
	Document any
	Err      error
}

// Repository loads and unloads models by their names.
type Repository interface {
	// Index lists the models that could answer.
	Index() []ModelState
	Load(ctx context.Context, name string) error
	Unload(ctx context.Context, name string) error
}

// Config is what the protocol needs to know of the server.
type Config struct {
	Service Service
	// Repository is nil for a server whose models do not change, or that lets nobody change them by this way.
	Repository Repository
	// Version is the server's.
	Version string
	// MaxPictures limits the pictures of a request, MaxPictureBytes a file and MaxBytes a body.
	MaxPictures               int
	MaxPictureBytes, MaxBytes int64
}

// Handler answers the protocol's requests.
type Handler struct {
	Config
	Statistics Statistics
}

// New makes a handler.
func New(c Config) *Handler { return &Handler{Config: c} }

// Routes registers the protocol's routes. Those that bring pictures go through pictures, those that change models through control, the
// others through plain.
func (h *Handler) Routes(r chi.Router, plain, pictures, control func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) {
	r.Get("/v2", plain(h.server))
	r.Get("/v2/health/live", plain(h.live))
	r.Get("/v2/health/ready", plain(h.ready))
	r.Get("/v2/models/stats", plain(h.allStatistics))
	r.Post("/v2/repository/index", plain(h.index))
	r.Post("/v2/repository/models/{model}/load", control(h.load))
	r.Post("/v2/repository/models/{model}/unload", control(h.unload))
	for _, path := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		r.Get(path, plain(h.ofModel(h.metadata)))
		r.Get(path+"/ready", plain(h.ofModel(h.modelReady)))
		r.Get(path+"/config", plain(h.ofModel(h.configuration)))
		r.Get(path+"/stats", plain(h.ofModel(h.statistics)))
		r.Post(path+"/infer", pictures(h.ofModel(h.infer)))
	}
}

// ofModel finds the model that a path names.
func (h *Handler) ofModel(answer func(http.ResponseWriter, *http.Request, *pipeline.Entry) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		name, version := chi.URLParam(r, "model"), chi.URLParam(r, "version")
		var others []string
		for _, e := range h.Service.Versions(name) {
			has := e.Description().Version
			if version == "" || version == has {
				return answer(w, r, e)
			}
			others = append(others, has)
		}
		if len(others) > 0 {
			return refuse(NotFound, "model %s has no such version; it has %s", name, strings.Join(others, ", "))
		}
		return refuse(NotFound, "no model has that name; POST /v2/repository/index lists the models")
	}
}

// Reason says what kind of mistake a request has.
type Reason int

// The reasons of a [Refusal].
const (
	Malformed    Reason = iota // not as the protocol has it
	Parameter                  // a parameter is not valid
	NotFound                   // no such model or version
	TooLarge                   // more than is allowed
	NotPermitted               // not allowed to anybody, or not in this way
	Conflict                   // not possible now
)

// Refusal is the error of a request that is not as it must be.
type Refusal struct {
	Reason Reason
	Detail string
}

func (r *Refusal) Error() string { return r.Detail }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// write answers with a JSON value, which always can be encoded.
func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("v2: " + err.Error())
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the error means that the client has left
}
