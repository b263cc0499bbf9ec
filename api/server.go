// Package api is the HTTP service that openapi.yaml describes: it takes
// pictures, puts them through [pipeline.Predict] on a bounded queue of workers
// and answers in JSON.
package api

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/trace"
	"github.com/spikeray/spikeray/internal/wire"
)

//go:embed openapi.yaml
var document []byte

// Config configures a [Server]. Models, Metrics and Log are required. The zero
// value of any other field stands for the default named beside it.
type Config struct {
	Models  *pipeline.Catalogue
	Metrics *telemetry.Metrics
	Log     *slog.Logger

	// Queue limits the pictures that are processed or wait. The default has as many
	// workers as GOMAXPROCS, and 64 places. Its Memory, if set, also limits a single picture.
	Queue *Queue
	// Limits are the limits for a picture.
	Limits radiograph.Limits
	// Gate says what to do with a picture that the model's gate does not accept.
	// The default is to flag it.
	Gate pipeline.GateMode
	// Standard is the threshold or operating point for requests that name none. It
	// must apply to the default model.
	Standard pipeline.Standard
	// Board reports the state of the board that runs the default model; nil for the simulator.
	Board Board
	// Traces gets the spans of answered requests; nil where none are recorded.
	Traces *trace.Exporter
	// Version is this program's, for result objects.
	Version string
	// Delivery takes the results of films that systems of a hospital send; nil where none are taken.
	Delivery node.Delivery
	// Echo allows requests for the identifiers of DICOM films in their answers.
	Echo bool
	// MaxImageBytes limits one picture: 32 MiB.
	MaxImageBytes int64
	// MaxRequestBytes limits a request's body: 64 MiB.
	MaxRequestBytes int64
	// MaxUploadMemory limits the bytes of all bodies that are held at the same time:
	// 256 MiB. A body takes its share as it arrives.
	MaxUploadMemory int64
	// MaxConnections limits the open connections: 1024, or as many as the process's limit on file descriptors allows.
	MaxConnections int
	// MaxImages limits the pictures in one request: 16, and never more than Queue
	// can hold.
	MaxImages int

	// PredictTimeout limits the time from the moment a request has been read to its
	// answer, waiting included: 30 s.
	PredictTimeout time.Duration
	// ReadTimeout limits the time for reading a request, its body included: 60 s.
	ReadTimeout time.Duration
	// MinUploadRate is how many bytes of a body must arrive in a second, measured over
	// uploadWindow: 4 KiB. A slower body is answered with 408.
	MinUploadRate int64
	// TrustedOrigins are the web sites, besides the service itself, whose pages may
	// send pictures from a browser, such as "https://example.org"; "*" is any.
	TrustedOrigins []string
	// IdleTimeout limits how long a connection may stay idle between requests:
	// 2 min.
	IdleTimeout time.Duration
	// DrainDelay is how long a server that has been told to stop still accepts
	// requests, while /readyz already answers 503, so that load balancers notice.
	DrainDelay time.Duration
	// ShutdownTimeout limits the wait for requests in flight after that, while new
	// predictions are answered with 503: 30 s.
	ShutdownTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Queue == nil {
		c.Queue = NewQueue(runtime.GOMAXPROCS(0), 64)
	}
	or(&c.Gate, pipeline.GateFlag)
	or(&c.MaxImageBytes, 32<<20)
	or(&c.MaxRequestBytes, 64<<20)
	or(&c.MaxUploadMemory, 256<<20)
	or(&c.MaxImages, 16)
	or(&c.MaxConnections, 1024)
	or(&c.PredictTimeout, 30*time.Second)
	or(&c.ReadTimeout, time.Minute)
	or(&c.MinUploadRate, 4<<10)
	or(&c.IdleTimeout, 2*time.Minute)
	or(&c.ShutdownTimeout, 30*time.Second)
	c.MaxImages = min(c.MaxImages, c.Queue.Workers()+c.Queue.Capacity())
	return c
}

func or[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// Server answers the service's requests. It is made by [New] and is safe for
// concurrent use.
type Server struct {
	config      Config
	uploads     *budget
	origins     *http.CrossOriginProtection // nil: any
	lines       *sampler
	connections atomic.Pointer[wire.Listener]
	handler     http.Handler
	inference   map[string]*average      // by model
	drift       map[string]*drift.Window // by model; nil for one without a reference
	draining    atomic.Bool
	paces       paces
	predictions door
	oip         *v2.Handler
}

// New makes a server and registers its gauges with the configuration's
// metrics, so that a Metrics serves one Server only.
func New(config Config) (*Server, error) {
	if config.Models == nil || config.Metrics == nil || config.Log == nil {
		return nil, errors.New("api: Models, Metrics and Log are required")
	}
	standard := pipeline.Options{Gate: config.Gate, Threshold: config.Standard.Threshold, OperatingPoint: config.Standard.OperatingPoint}
	if err := standard.Check(config.Models.Default().Description()); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s := &Server{config: config.withDefaults()}
	s.uploads = newBudget(s.config.MaxUploadMemory)
	s.lines = newSampler(s.config.Metrics.NotLogged)
	var err error
	if s.origins, err = trust(s.config.TrustedOrigins); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}

	queue := s.config.Queue
	s.config.Metrics.Queue(queue.Depth, queue.Capacity, queue.Workers, queue.Busy)
	s.config.Metrics.Backlog(queue.Backlog)
	s.config.Metrics.Pictures(queue.Held, func() int64 { return queue.Memory })
	if most := queue.Memory - memory.Task; queue.Memory > 0 && (s.config.Limits.MaxMemory <= 0 || s.config.Limits.MaxMemory > most) {
		s.config.Limits.MaxMemory = max(most, 1)
	}
	s.inference = map[string]*average{}
	s.drift = map[string]*drift.Window{}
	s.config.Metrics.Rejections(rejections...)
	s.config.Metrics.Connections(func() int {
		if l := s.connections.Load(); l != nil {
			return l.Open()
		}
		return 0
	}, s.maxConnections)
	s.config.Metrics.Uploads(s.uploads.held.Load, func() int64 { return s.uploads.limit })
	for _, e := range s.config.Models.All() {
		d := e.Description()
		s.inference[d.Name] = new(average)
		if w := drift.NewWindow(d); w != nil {
			s.drift[d.Name] = w
			s.config.Metrics.Drift(d.Name, w.Report)
		}
		s.config.Metrics.Model(d.Name, d.Version, e.Digest(), e.Backend(), e.Kernel(), e == s.config.Models.Default(), d.Labels)
		if e.MaxSteps() > 1 {
			s.config.Metrics.Decidable(d.Name)
		}
		if c := e.SiteReference(); c != nil {
			s.config.Metrics.SiteCalibration(d.Name, c.Place, c.Made, c.Digest, c.Pictures)
		}
		if d.Gate != nil {
			s.config.Metrics.Gate(d.Name, d.Gate.Reasons()...)
		}
	}
	if s.config.Board != nil {
		s.config.Metrics.Degradable(s.config.Models.Default().Name(), board.Words(board.Kinds)...)
	}
	s.oip = s.newOIP()
	s.handler = s.routes()
	return s, nil
}

// Handler is the whole service as one handler.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() *chi.Mux {
	r := chi.NewRouter()
	r.Use(s.oneAnswer, s.observe, s.recoverPanics, unescape, middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed)

	r.Post("/v1/predictions", s.pictures(s.predict))
	r.Post("/v1/explanations", s.pictures(s.explain))
	r.Post("/dicom-web/studies", s.pictures(s.store))
	r.Post("/dicom-web/studies/{study}", s.pictures(s.store))
	r.Get("/v1/models", s.handle(s.listModels))
	r.Get("/v1/models/{name}", s.handle(s.showModel))
	r.Get("/v1/models/{name}/drift", s.handle(s.showDrift))
	s.oip.Routes(r, s.handle, s.pictures, s.changing)
	r.Get("/healthz", s.live)
	r.Get("/readyz", s.ready)
	r.Method(http.MethodGet, "/metrics", s.config.Metrics.Handler())
	r.Get("/openapi.yaml", s.openapi)
	return r
}

// maxConnections is how many connections there may be: with too few descriptors, fewer than was said.
func (s *Server) maxConnections() int { return min(s.config.MaxConnections, descriptors()) }
