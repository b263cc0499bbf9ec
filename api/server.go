// Package api is the HTTP service that openapi.yaml describes: it takes
// pictures, puts them through [pipeline.Predict] on a bounded queue of workers
// and answers in JSON.
package api

import (
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/api/web"
	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/trace"
	"github.com/spikeray/spikeray/internal/wire"
)

//go:embed openapi.yaml
var document []byte

// Config configures a [Server]. Models, Metrics and Log are required. The zero
// value of any other field stands for the default named beside it.
type Config struct {
	Models Models
	// Repository tells of the models' versions; nil where there is none. Models is then the same.
	Repository *repository.Repository
	// ModelControl allows requests to load and unload models of the Repository.
	ModelControl bool
	// ShadowShare is the share of the default model's pictures, 0 to 1, that the model of [Server.Accompany] answers along; 0 for no such
	// model. ShadowMemory limits the bytes of pictures that wait for it; 0 is no limit.
	ShadowShare  float64
	ShadowMemory int64
	Metrics      *telemetry.Metrics
	Log          *slog.Logger

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
	// Journal gets a record of each answer before it is sent; nil for none.
	Journal Journal
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
	// send pictures from a browser and read the answers, such as "https://example.org"; "*" is any.
	TrustedOrigins []string
	// Guard tells who sends a request by its credentials, which it then must have; nil lets everybody in.
	Guard *access.Guard
	// CallerRate limits the requests of each caller whose key has no rate of its own; its zero value does not.
	CallerRate access.Rate
	// Proxies are believed what they say of the clients behind them.
	Proxies access.Proxies
	// TLS secures the connections of Serve; nil for none.
	TLS *tls.Config
	// OperatorsApart leaves what is for operators to ServeOperators.
	OperatorsApart bool
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
	access      *telemetry.Access
	limiter     *access.Limiter[caller]
	connections atomic.Pointer[wire.Listener]
	handler     http.Handler
	files       *web.Files
	announced   map[string]bool // models with metrics, and whether they answer; under announcing
	announcing  sync.Mutex
	shadow      *shadow // nil for none
	draining    atomic.Bool
	predictions door
	oip         *v2.Handler
	recorded    pipeline.Average // how long recording answers took
}

// New makes a server and registers its gauges with the configuration's
// metrics, so that a Metrics serves one Server only.
func New(config Config) (*Server, error) {
	if config.Models == nil || config.Metrics == nil || config.Log == nil {
		return nil, errors.New("api: Models, Metrics and Log are required")
	}
	standard := pipeline.Options{Gate: config.Gate, Threshold: config.Standard.Threshold, OperatingPoint: config.Standard.OperatingPoint}
	if err := standard.Check(config.Models.Catalogue().Default().Description()); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s := &Server{files: web.New(config.OperatorsApart), config: config.withDefaults()}
	s.uploads = newBudget(s.config.MaxUploadMemory)
	s.lines = newSampler(s.config.Metrics.NotLogged)
	s.access = s.config.Metrics.Access(access.Reasons(), handshakeFailures)
	s.limiter = access.NewLimiter[caller]()
	var err error
	if s.origins, err = trust(s.config.TrustedOrigins); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}

	queue := s.config.Queue
	s.config.Metrics.Queue(queue.Depth, queue.Capacity, queue.Workers, queue.Busy)
	s.config.Metrics.Batch(queue.Batch)
	s.config.Metrics.Backlog(queue.Backlog)
	s.config.Metrics.Pictures(queue.Held, func() int64 { return queue.Memory })
	if most := queue.Memory - memory.Task; queue.Memory > 0 && (s.config.Limits.MaxMemory <= 0 || s.config.Limits.MaxMemory > most) {
		s.config.Limits.MaxMemory = max(most, 1)
	}
	s.config.Metrics.Rejections(rejections...)
	s.config.Metrics.Connections(func() int {
		if l := s.connections.Load(); l != nil {
			return l.Open()
		}
		return 0
	}, s.maxConnections)
	s.config.Metrics.Uploads(s.uploads.held.Load, func() int64 { return s.uploads.limit })
	s.shadow = newShadow(s)
	s.config.Metrics.Models(s.told)
	s.announced = map[string]bool{}
	s.oip = s.newOIP()
	s.Announce(config.Models.Catalogue())
	s.handler = s.routes()
	return s, nil
}

// Handler is the whole service as one handler.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() *chi.Mux {
	r := chi.NewRouter()
	r.Use(s.oneAnswer, s.observe, s.recoverPanics, unescape, middleware.GetHead)
	if len(s.config.TrustedOrigins) > 0 {
		r.Use(s.shareAcrossOrigins)
	}
	if s.guards() {
		r.Use(s.admit)
	}
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed)

	r.Post("/v1/predictions", s.pictures(s.predict))
	r.Post("/v1/explanations", s.pictures(s.explain))
	r.Post("/v1/renderings", s.pictures(s.render))
	r.Post("/dicom-web/studies", s.pictures(s.store))
	r.Post("/dicom-web/studies/{study}", s.pictures(s.store))
	r.Get("/v1/models", s.handle(s.listModels))
	r.Get("/v1/models/{name}", s.handle(s.showModel))
	r.Get("/v1/models/{name}/drift", s.handle(s.showDrift))
	r.Post("/v1/models/{name}/load", s.control(s.loadModel))
	r.Post("/v1/models/{name}/unload", s.control(s.unloadModel))
	r.Post("/v1/models/{name}/rollback", s.control(s.rollBackModel))
	s.oip.Routes(r, s.handle, s.pictures, s.changing)
	s.health(r)
	if !s.config.OperatorsApart {
		s.operations(r)
	}
	r.Get("/openapi.yaml", s.openapi)
	r.Get("/", s.page(web.Index))
	s.pageFiles(r)
	return r
}

// maxConnections is how many connections there may be: with too few descriptors, fewer than was said.
func (s *Server) maxConnections() int { return min(s.config.MaxConnections, descriptors()) }
