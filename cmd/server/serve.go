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
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/pkg/model"
)

type serveCommand struct {
	Addr        string   `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; :8080 is port 8080 of every interface. The default is ${default}."`
	Model       []string `sep:";" default:"${model}" placeholder:"NAME|FILE" help:"A shipped model's name, or a model file; several are separated by semicolons or given one by one. The first answers where a request names none; the shipped ones can be asked for too. The default is ${default}."`
	Calibration []string `sep:";" placeholder:"FILE" help:"A place's calibration, as spikeray calibrate writes it, in place of its model's own; for several models, one each, separated by semicolons or given one by one."`
	boardFlags
	decisionFlags
	gateFlag
	pictureFlags

	Workers         int           `default:"${workers}" help:"Pictures worked on at a time. The default is the number of cores."`
	Queue           int           `default:"64" help:"Pictures that may wait for a worker; more are answered 503."`
	QueueTime       time.Duration `placeholder:"TIME" help:"Longest time that a picture may be expected to wait for a worker; else it is answered 503 at once. By default any burst that fits the queue may wait, and in an overload about half as long as a picture takes."`
	MaxImages       int           `default:"16" help:"Most pictures in one request; fewer where --workers and --queue have not so many places."`
	MaxRequestBytes size          `default:"64M" help:"Longest body of a request; less where the memory for uploads is."`
	MaxConnections  int           `default:"1024" help:"Most connections at a time; fewer where descriptors are short. A new one takes the place of an idle one, or is answered 503."`
	Memory          size          `placeholder:"SIZE" help:"Memory that the process may take. The default is the limit of its control group (a container's), else the machine's memory. What pictures may hold follows from it, and Go's memory limit unless GOMEMLIMIT says otherwise."`
	MaxUploadMemory size          `placeholder:"SIZE" help:"Memory for all bodies being received; more are answered 503. The default is a share of --memory, at most 256M."`

	PredictTimeout  time.Duration `default:"30s" help:"Longest wait and work from the moment a request was read; then it is answered 503. Decoding is interrupted, and the network between its layers or steps."`
	ReadTimeout     time.Duration `default:"60s" help:"Longest time that a client may take to send a request."`
	MinUploadRate   size          `default:"4K" help:"Fewest bytes a second in which a picture must arrive, over 5 s; a slower one is answered 408."`
	IdleTimeout     time.Duration `default:"2m" help:"Longest time that a connection may wait for its next request."`
	DrainDelay      time.Duration `default:"0s" help:"On SIGTERM, how long to go on taking predictions while /readyz says 503, for load balancers to notice."`
	ShutdownTimeout time.Duration `default:"30s" help:"After that, how long predictions in flight may take to finish; new ones are answered 503."`

	TrustedOrigin []string `placeholder:"ORIGIN" help:"Site whose pages may send pictures from a browser, as https://example.org; * is any. Pages of other sites than the service's own are answered 403."`

	LogFormat string     `default:"text" enum:"text,json" help:"Format of the logs on standard error: ${enum}."`
	LogLevel  slog.Level `default:"info" help:"Least level that is logged: debug, info, warn, error."`

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
		return fmt.Errorf("--workers must be from 1 to %d, --queue from 0 to %d", maxWorkers, maxQueue)
	}
	if c.MaxImages < 1 || c.MaxConnections < 1 || c.MinUploadRate > 1<<30 {
		return errors.New("--max-images and --max-connections must be above 0, --min-upload-rate not above 1G")
	}
	if c.PredictTimeout <= 0 || c.ReadTimeout <= 0 || c.IdleTimeout <= 0 || c.ShutdownTimeout <= 0 || c.DrainDelay < 0 {
		return errors.New("timeouts must be above 0, --drain-delay not below")
	}
	if err := errors.Join(c.boardFlags.Validate(), c.decisionFlags.Validate(), c.fit()); err != nil {
		return err
	}
	// As long to wait for the board as a run may take, the run, and a quarter for the board to end it.
	if c.given() && float64(c.PredictTimeout) <= 2.25*float64(c.BoardTimeout) {
		return errors.New("--predict-timeout must be above 2.25 times --board-timeout, or requests end before it is known that the board does not answer")
	}
	return nil
}

// fit refuses limits that contradict each other. A limit that is not given gives way.
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
		return fmt.Errorf("--max-images is %d, more than the %d that --workers and --queue have places for", c.MaxImages, places)
	default:
		c.MaxImages = places
	}
	return nil
}

// fitUploads does so by the memory that there is for uploads.
func (c *serveCommand) fitUploads(memory int64) error {
	return errors.Join(
		c.giveWay("max-request-bytes", &c.MaxRequestBytes, size(memory), "the memory for uploads"),
		c.giveWay("max-bytes", &c.MaxBytes, size(memory/3*2), "two thirds of the memory for uploads"), // a buffer is copied as it grows
	)
}

func (c *serveCommand) giveWay(flag string, value *size, most size, whose string) error {
	if *value > most && c.set[flag] != "" {
		return fmt.Errorf("--%s is %d bytes, more than %s: at most %d", flag, *value, whose, most)
	}
	*value = min(*value, most)
	return nil
}

// gcPercent is by how much the heap may grow between collections where GOGC does not say. What grows it is uploads and
// pictures of megabytes that are soon done with: a sixth less memory is held than with Go's 100, and no request is slower.
const gcPercent = 60

// threads has Go run as many threads as there are workers and half as many more, but for the cores: without these, connections
// are read only when a worker is done, and an overload waits in front of the queue that would refuse it.
func (c *serveCommand) threads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(c.Workers + max(1, min(c.Workers, runtime.NumCPU())/2))
	}
}

// Run serves until ctx ends and all that was in flight has been answered.
func (c *serveCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	c.threads()
	build := telemetry.ReadBuild(version, revision)
	metrics := telemetry.NewMetrics(build)
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the log is no reason to end
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
	defer onHangup(func() {
		if supervisor == nil {
			log.Info("hangup: there is no board to take out of quarantine, nothing is done")
			return
		}
		supervisor.Release()
	})()
	defer closeBoard(supervisor, &err)
	models, err := opened(ctx, supervisor, pipeline.OpenCatalogue, c.Model, (*pipeline.Catalogue).Default, on)
	if ctx.Err() != nil {
		log.Info("stopped")
		return nil
	} else if err != nil {
		return err
	}
	if models, err = c.calibrated(models); err != nil {
		return err
	}
	for _, e := range models.All()[:len(c.Model)] {
		if err := c.check(e.Description()); err != nil {
			return err
		}
	}
	plan, err := c.plan()
	if err != nil {
		return err
	}
	plan.Apply()
	config, err := c.config(plan)
	if err != nil {
		return err
	}
	config.Models, config.Metrics, config.Log = models, metrics, log
	if supervisor != nil {
		config.Board = supervisor
	}
	server, err := api.New(config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	for _, e := range models.All() {
		if s := e.SiteReference(); s != nil {
			log.Info("calibrated", "model", e.Name(), "place", s.Place, "made", s.Made, "pictures", s.Pictures, "digest", s.Digest)
		}
	}
	first := models.Default()
	log.Info("serving",
		"model", first.Name(), "version", first.Description().Version, "digest", first.Digest(),
		"backend", first.Backend(), "kernel", first.Kernel(), "addr", listener.Addr().String(),
		"workers", c.Workers, "queue", c.Queue,
		"memory", plan.Bytes, "memory_source", plan.Source, "picture_memory", plan.Pictures, "upload_memory", plan.Uploads, "build", build.Version)
	if err := server.Serve(ctx, listener); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// calibrated puts the places' calibrations in force.
func (c *serveCommand) calibrated(models *pipeline.Catalogue) (*pipeline.Catalogue, error) {
	var calibrations []*site.Calibration
	for _, path := range c.Calibration {
		calibration, err := pipeline.OpenCalibration(path)
		if err != nil {
			return nil, fmt.Errorf("--calibration: %w", err)
		}
		calibrations = append(calibrations, calibration)
	}
	models, err := models.Calibrated(calibrations...)
	if err != nil {
		return nil, fmt.Errorf("--calibration: %w", err)
	}
	return models, nil
}

// plan shares out the memory that the process may take.
func (c *serveCommand) plan() (memory.Plan, error) {
	limit := memory.Find(os.DirFS("/"))
	if c.Memory > 0 {
		limit = memory.Limit{Bytes: int64(c.Memory), Source: "--memory"}
	}
	plan, err := memory.Share(limit)
	if err != nil {
		return plan, err
	}
	if c.MaxUploadMemory > 0 {
		if int64(c.MaxUploadMemory) > plan.Uploads+plan.Pictures/2 {
			return plan, fmt.Errorf("--max-upload-memory of %d MiB leaves too little of %d MiB (%s) for pictures: at most %d MiB",
				c.MaxUploadMemory>>20, plan.Bytes>>20, plan.Source, (plan.Uploads+plan.Pictures/2)>>20)
		}
		plan.Pictures += plan.Uploads - int64(c.MaxUploadMemory)
		plan.Uploads = int64(c.MaxUploadMemory)
	}
	return plan, nil
}

// config is what the flags say of the server.
func (c *serveCommand) config(plan memory.Plan) (api.Config, error) {
	if err := c.fitUploads(plan.Uploads); err != nil {
		return api.Config{}, err
	}
	queue := api.NewQueue(c.Workers, c.Queue)
	queue.Memory, queue.Wait = plan.Pictures, c.QueueTime
	return api.Config{
		Queue:           queue,
		Gate:            c.Gate,
		Standard:        pipeline.Standard{Threshold: c.Threshold, OperatingPoint: c.OperatingPoint},
		Limits:          c.limits(),
		MaxImageBytes:   int64(c.MaxBytes),
		MaxRequestBytes: int64(c.MaxRequestBytes),
		MaxUploadMemory: plan.Uploads,
		MaxImages:       c.MaxImages,
		MaxConnections:  c.MaxConnections,
		MinUploadRate:   int64(c.MinUploadRate),
		TrustedOrigins:  c.TrustedOrigin,
		PredictTimeout:  c.PredictTimeout,
		ReadTimeout:     c.ReadTimeout,
		IdleTimeout:     c.IdleTimeout,
		DrainDelay:      c.DrainDelay,
		ShutdownTimeout: c.ShutdownTimeout,
	}, nil
}

// check refuses to serve a model that was named by what does not apply to it.
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
