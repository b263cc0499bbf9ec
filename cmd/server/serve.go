package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/pkg/model"
)

type serveCommand struct {
	Addr        string   `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; :8080 is port 8080 on all interfaces. The default is ${default}."`
	Model       []string `sep:";" default:"${model}" placeholder:"NAME|FILE" help:"Name of a shipped model, or a model file. Separate several with semicolons, or repeat the flag. The first is the default for requests that name no model; all shipped models are available as well. The default is ${default}."`
	Calibration []string `sep:";" placeholder:"FILE" help:"Calibration file of your site, written by spikeray calibrate. It replaces the model's own calibration. For several models, one file each: separate them with semicolons, or repeat the flag."`
	boardFlags
	decisionFlags
	gateFlag
	pictureFlags
	hospitalFlags
	captureFlags
	traceFlags
	repositoryFlags
	auditFlags
	doorFlags

	Workers         int           `default:"${workers}" help:"How many pictures are processed at the same time. The default is the number of cores."`
	Queue           int           `default:"64" help:"How many pictures may wait for a worker. Further ones are answered with 503."`
	QueueTime       time.Duration `placeholder:"TIME" help:"Longest expected wait for a worker. A picture that would have to wait longer is answered with 503 at once. By default a burst may fill the queue, and in an overload the limit is about half the time that a picture takes."`
	MaxImages       int           `default:"16" help:"Largest number of pictures in one request. At most --workers plus --queue."`
	MaxRequestBytes size          `default:"64M" help:"Largest request body. At most the memory for uploads (--max-upload-memory)."`
	MaxConnections  int           `default:"1024" help:"Largest number of open connections; fewer if the process may not open enough file descriptors, or with --tls-cert has too little memory for them. When it is reached, a new connection replaces an idle one or is answered with 503."`
	Memory          size          `placeholder:"SIZE" help:"Memory that the process may use. The default is the limit of its control group (such as a container's), otherwise the machine's memory. It sets the memory for pictures and, unless GOMEMLIMIT is set, Go's memory limit."`
	MaxUploadMemory size          `placeholder:"SIZE" help:"Memory for all request bodies together; with --dicom-listen, half of it is for DICOM objects. When it is full, further ones are answered with 503. The default is a share of --memory, at most 256M."`

	PredictTimeout  time.Duration `default:"30s" help:"Longest time from the moment a request has been read to its answer, waiting included. Then the work stops and the answer is 503."`
	ReadTimeout     time.Duration `default:"60s" help:"Longest time for a client to send a request."`
	MinUploadRate   size          `default:"4K" help:"Lowest upload rate, in bytes a second over 5 s. A slower upload is answered with 408."`
	IdleTimeout     time.Duration `default:"2m" help:"Longest time that a connection may stay idle between requests."`
	DrainDelay      time.Duration `default:"0s" help:"How long to keep accepting predictions after SIGTERM while /readyz answers 503, so that load balancers notice."`
	ShutdownTimeout time.Duration `default:"30s" help:"After that, how long predictions in flight may take to finish. New ones are answered with 503."`

	TrustedOrigin []string `placeholder:"ORIGIN" help:"Web site whose pages may send pictures from a browser and read the answers (CORS), such as https://example.org; * is any. Otherwise only the service's own pages may, and others are answered with 403."`

	DICOMEcho bool `name:"dicom-echo" help:"Allow requests with echo=true, whose answers have the UIDs of a DICOM film's study, series and instance. Whoever has the archive finds the patient by them."`

	LogFormat string     `default:"text" enum:"text,json" help:"Format of the logs on standard error: ${enum}."`
	LogLevel  slog.Level `default:"info" help:"Lowest level that is logged: debug, info, warn, error."`

	set map[string]string // the flags that are given, each by what sets it
}

const (
	// maxWorkers bounds the threads that Go is told to make ready, which takes memory for each.
	maxWorkers = 1024
	maxQueue   = 1_000_000
)

// Validate is called by kong once the flags are read.
func (c *serveCommand) Validate(parsed *kong.Context) error {
	c.set = givenFlags(parsed)
	if c.Workers < 1 || c.Workers > maxWorkers || c.Queue < 0 || c.Queue > maxQueue {
		return fmt.Errorf("--workers must be 1 to %d, and --queue 0 to %d", maxWorkers, maxQueue)
	}
	if c.MaxImages < 1 || c.MaxConnections < 1 || c.MinUploadRate > 1<<30 {
		return errors.New("--max-images and --max-connections must be at least 1, and --min-upload-rate at most 1G")
	}
	if c.PredictTimeout <= 0 || c.ReadTimeout <= 0 || c.IdleTimeout <= 0 || c.ShutdownTimeout <= 0 || c.DrainDelay < 0 {
		return errors.New("--predict-timeout, --read-timeout, --idle-timeout and --shutdown-timeout must be above 0, and --drain-delay at least 0")
	}
	if err := errors.Join(
		c.boardFlags.Validate(),
		c.decisionFlags.Validate(),
		c.fit(),
		c.hospitalFlags.validate(c.set),
		c.traceFlags.validate(c.set),
		c.repositoryFlags.validate(c.set),
		c.auditFlags.validate(c.set, map[string]string{"outbox": c.Outbox, "watch": c.Watch, "models": c.Models}),
		c.doorFlags.validate(c.set, c.Addr, c.TrustedOrigin),
		c.captureFlags.validate(&c.hospitalFlags),
	); err != nil {
		return err
	}
	// The wait for the board may take as long as a run; then comes the run, and a quarter for the board to stop it.
	if c.given() && float64(c.PredictTimeout) <= 2.25*float64(c.BoardTimeout) {
		return errors.New("--predict-timeout must be above 2.25 times --board-timeout; otherwise requests end before the board is known to be silent")
	}
	return nil
}

// fit refuses limits that contradict each other. It lowers a limit that is left at its default.
func (c *serveCommand) fit() error {
	if c.MaxUploadMemory > 0 {
		if err := c.fitUploads(int64(c.MaxUploadMemory)); err != nil {
			return err
		}
	}
	if err := c.giveWay("max-bytes", &c.MaxBytes, c.MaxRequestBytes, "--max-request-bytes"); err != nil {
		return err
	}
	switch places := c.Workers + c.Queue; {
	case c.MaxImages <= places:
	case c.set["max-images"] != "":
		return fmt.Errorf("--max-images is %d, must be at most %d (--workers plus --queue)", c.MaxImages, places)
	default:
		c.MaxImages = places
	}
	return nil
}

// fitUploads checks or lowers the limits on bodies by the memory for uploads.
func (c *serveCommand) fitUploads(memory int64) error {
	return errors.Join(
		c.giveWay("max-request-bytes", &c.MaxRequestBytes, size(memory), "the memory for uploads"),
		c.giveWay("max-bytes", &c.MaxBytes, size((memory-2)/3*2), "two thirds of the memory for uploads"), // a buffer is copied as it grows, and a byte more shows the end
	)
}

func (c *serveCommand) giveWay(flag string, value *size, most size, whose string) error {
	if *value > most && c.set[flag] != "" {
		return fmt.Errorf("--%s is %d bytes, more than %s: must be at most %d", flag, *value, whose, most)
	}
	*value = min(*value, most)
	return nil
}

// heapBytes and heapPercent are how much the heap may grow between collections if GOGC is not set: by whichever is more. A collection takes
// half of a single core from the answers for some milliseconds, and at rest the heap is small: with 60 percent alone, the slowest
// hundredth of an overload's answers was a fifth slower. With many large pictures it is not, and three times as much would be too much.
const heapBytes, heapPercent = 24 << 20, 40

// threads sets GOMAXPROCS to the number of workers plus half of it (at least 1, at most half the number of cores). Without
// the extra threads, connections would be read only when a worker is done: in an overload, requests would wait in front of
// the queue that should refuse them.
func (c *serveCommand) threads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(c.Workers + max(1, min(c.Workers, runtime.NumCPU())/2))
	}
}

// Run serves until ctx ends and all that was in flight has been answered.
func (c *serveCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	if os.Getenv("GOGC") == "" {
		defer memory.Pace(heapBytes, heapPercent)()
	}
	c.threads()
	build := telemetry.ReadBuild(version, revision)
	metrics := telemetry.NewMetrics(build)
	signal.Ignore(syscall.SIGPIPE) // a closed log must not end the server
	log, flush, err := telemetry.NewServiceLogger(std.err, c.LogFormat, c.LogLevel, metrics)
	if err != nil {
		return err
	}
	defer flush()
	c.boardFlags.standIn(c.Addr)
	supervisor, err := c.boardFlags.open(ctx, log, c.watcher(metrics), on.Kernel)
	if err != nil {
		return err
	}
	c.watch(metrics, log)
	s := &serving{build: build, metrics: metrics, log: log, board: supervisor}
	defer onHangup(func() { c.hangup(ctx, s) })()
	defer closeBoard(supervisor, &err)
	if s.plan, err = c.plan(); err != nil {
		return err
	}
	s.plan.Apply()
	s.models, err = c.openModels(ctx, supervisor, log, s.plan, on)
	if ctx.Err() != nil {
		log.Info("stopped")
		return nil
	} else if err != nil {
		return err
	}
	return c.connect(ctx, s)
}

// serving is what a server answers with.
type serving struct {
	build   telemetry.Build
	metrics *telemetry.Metrics
	log     *slog.Logger
	board   *board.Supervisor // nil for the simulator
	plan    memory.Plan
	models  *repository.Repository

	swappable atomic.Pointer[repository.Repository] // models, once the server follows them
}

// hangup does what a SIGHUP asks for, beside having files read again.
func (c *serveCommand) hangup(ctx context.Context, s *serving) {
	supervisor := s.board
	if c.files.Now() == 0 && supervisor == nil && c.Models == "" {
		s.log.Info("SIGHUP ignored: there is no board to release from quarantine, and there are no files or models to read again")
	}
	if supervisor != nil {
		supervisor.Release()
	}
	if r := s.swappable.Load(); r != nil && c.Models != "" {
		reload(ctx, r, s.log)
	}
}

// connect opens what answers are recorded by and sent to, and serves. It closes them once nothing is in flight, the last first.
func (c *serveCommand) connect(ctx context.Context, s *serving) (err error) {
	config, err := c.config(s.plan)
	if err != nil {
		return err
	}
	config.Models, config.Repository = s.models, s.models
	config.Metrics, config.Log, config.Version = s.metrics, s.log, s.build.Version
	if supervisor := s.board; supervisor != nil {
		config.Board = supervisor
	}
	audit, err := c.auditFlags.open(s.metrics, s.log, s.build.Version)
	if err != nil {
		return err
	}
	if audit != nil {
		config.Journal = audit
		defer func() { err = errors.Join(err, audit.Close()) }()
	}
	if config.Traces, err = c.exporter(s.metrics, s.log, s.build.Version); err != nil {
		return err
	}
	defer closeTraces(config.Traces)
	hospital, err := c.openHospital(s.plan, s.metrics, s.log, s.build.Version)
	if err != nil {
		return err
	}
	if hospital != nil {
		config.Delivery = hospital.node
		defer func() { err = errors.Join(err, hospital.close()) }()
	}
	if err := c.openDoor(&config); err != nil {
		return err
	}
	server, err := api.New(config)
	if err != nil {
		return err
	}
	return c.listenAndServe(ctx, s, server, hospital)
}

// listenAndServe opens the addresses and answers until ctx ends.
func (c *serveCommand) listenAndServe(ctx context.Context, s *serving, server *api.Server, hospital *hospital) (err error) {
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	beside, err := c.beside(ctx, end, server, s.log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, beside()) }()
	defer c.follow(ctx, s.models, server, s.metrics)()
	s.swappable.Store(s.models)
	debug.FreeOSMemory() // gives back what reading the models took
	memory.ReleaseProgram()
	c.introduce(s, listener.Addr())
	if err := hospital.serve(ctx, server, listener, c.ShutdownTimeout); err != nil {
		return err
	}
	s.log.Info("stopped")
	return nil
}

// introduce logs what answers, and where.
func (c *serveCommand) introduce(s *serving, at net.Addr) {
	models := s.models.Catalogue()
	for _, e := range models.All() {
		if r := e.SiteReference(); r != nil {
			s.log.Info("calibrated", "model", e.Name(), "place", r.Place, "made", r.Made, "pictures", r.Pictures, "digest", r.Digest)
		}
	}
	first := models.Default()
	s.log.Info("serving",
		"model", first.Name(), "version", first.Description().Version, "digest", first.Digest(),
		"backend", first.Backend(), "kernel", first.Kernel(), "addr", at.String(),
		"workers", c.Workers, "queue", c.Queue,
		"memory", s.plan.Bytes, "memory_source", s.plan.Source, "picture_memory", s.plan.Pictures, "upload_memory", s.plan.Uploads, "build", s.build.Version)
	if c.clear(at) {
		s.log.Warn("keys and tokens travel in the clear to this address; use --tls-cert, or a proxy in front that speaks TLS")
	}
}

// plan shares out the memory that the process may take. It lowers --max-connections to what there is memory for.
func (c *serveCommand) plan() (memory.Plan, error) {
	limit := memory.Find(os.DirFS("/"))
	if c.Memory > 0 {
		limit = memory.Limit{Bytes: int64(c.Memory), Source: "--memory"}
	}
	plan, err := memory.Share(limit)
	if err != nil {
		return plan, err
	}
	if c.TLSCert != "" {
		c.MaxConnections = plan.Secure(c.MaxConnections)
	}
	if c.MaxUploadMemory > 0 {
		if int64(c.MaxUploadMemory) > plan.Uploads+plan.Pictures/2 {
			return plan, fmt.Errorf("--max-upload-memory of %d MiB leaves too little of %d MiB (%s) for pictures: must be at most %d MiB",
				c.MaxUploadMemory>>20, plan.Bytes>>20, plan.Source, (plan.Uploads+plan.Pictures/2)>>20)
		}
		plan.Pictures += plan.Uploads - int64(c.MaxUploadMemory)
		plan.Uploads = int64(c.MaxUploadMemory)
	}
	if c.DICOMListen != "" {
		plan.Associate()
	}
	c.give(&plan)
	return plan, nil
}

// config is what the flags say of the server.
func (c *serveCommand) config(plan memory.Plan) (api.Config, error) {
	if err := c.fitUploads(plan.Uploads); err != nil {
		return api.Config{}, err
	}
	queue, along := api.NewQueue(c.Workers, c.Queue), 0.0
	if c.Shadow != "" {
		along = c.ShadowShare
	}
	queue.Memory, queue.Wait = plan.Pictures, c.QueueTime
	config := api.Config{
		Queue:           queue,
		Gate:            c.Gate,
		Echo:            c.DICOMEcho,
		Standard:        pipeline.Standard{Threshold: c.Threshold, OperatingPoint: c.OperatingPoint},
		Limits:          c.limits(),
		MaxImageBytes:   int64(c.MaxBytes),
		MaxRequestBytes: int64(c.MaxRequestBytes),
		MaxUploadMemory: plan.Uploads,
		MaxImages:       c.MaxImages,
		MaxConnections:  c.MaxConnections,
		MinUploadRate:   int64(c.MinUploadRate),
		TrustedOrigins:  c.TrustedOrigin,
		ModelControl:    c.ModelsAPI,
		ShadowShare:     along,
		ShadowMemory:    plan.Shadow,
		PredictTimeout:  c.PredictTimeout,
		ReadTimeout:     c.ReadTimeout,
		IdleTimeout:     c.IdleTimeout,
		DrainDelay:      c.DrainDelay,
		ShutdownTimeout: c.ShutdownTimeout,
	}
	return config, c.configure(&config)
}

// check refuses flags that do not apply to a model.
func (c *serveCommand) check(d *model.Description) error {
	o := pipeline.Options{Threshold: c.Threshold, OperatingPoint: c.OperatingPoint, Gate: c.Gate}
	return errors.Join(o.Check(d), c.gateFlag.check(d))
}

// onHangup calls f at each SIGHUP until stop is called.
func onHangup(f func()) (stop func()) {
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range hangups {
			f()
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}
