package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
)

type serveCommand struct {
	Addr string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; :8080 is port 8080 of every interface. The default is ${default}."`
	modelFlag
	boardFlags
	gateFlag
	pictureFlags

	Workers         int           `default:"${workers}" help:"Pictures worked on at a time. The default is the number of cores."`
	Queue           int           `default:"64" help:"Pictures that may wait for a worker; more are answered 503."`
	QueueTime       time.Duration `placeholder:"TIME" help:"Longest time that a picture may be expected to wait for a worker; else it is answered 503 at once. By default any burst that fits the queue may wait, and in an overload that lasts no longer than a picture takes."`
	MaxImages       int           `default:"16" help:"Most pictures in one request."`
	MaxRequestBytes size          `default:"64M" help:"Longest body of a request."`
	MaxConnections  int           `default:"1024" help:"Most connections at a time; fewer where descriptors are short. A new one takes the place of an idle one, or is answered 503."`
	Memory          size          `placeholder:"SIZE" help:"Memory that the process may take. The default is the limit of its control group (a container's), else the machine's memory. What pictures may hold follows from it, and Go's memory limit unless GOMEMLIMIT says otherwise."`
	MaxUploadMemory size          `placeholder:"SIZE" help:"Memory for all bodies being received; more are answered 503. The default is a share of --memory, at most 256M."`

	PredictTimeout  time.Duration `default:"30s" help:"Longest wait and work from the moment a request was read; then it is answered 503. Decoding is interrupted; the network is not."`
	ReadTimeout     time.Duration `default:"60s" help:"Longest time that a client may take to send a request."`
	MinUploadRate   size          `default:"4K" help:"Fewest bytes a second in which a picture must arrive, over 5 s; a slower one is answered 408."`
	IdleTimeout     time.Duration `default:"2m" help:"Longest time that a connection may wait for its next request."`
	DrainDelay      time.Duration `default:"0s" help:"On SIGTERM, how long to go on taking predictions while /readyz says 503, for load balancers to notice."`
	ShutdownTimeout time.Duration `default:"30s" help:"After that, how long predictions in flight may take to finish; new ones are answered 503."`

	TrustedOrigin []string `placeholder:"ORIGIN" help:"Site whose pages may send pictures from a browser, as https://example.org; * is any. Pages of other sites than the service's own are answered 403."`

	LogFormat string     `default:"text" enum:"text,json" help:"Format of the logs on standard error: ${enum}."`
	LogLevel  slog.Level `default:"info" help:"Least level that is logged: debug, info, warn, error."`
}

// Validate is called by kong once the flags are read.
func (c *serveCommand) Validate() error {
	if c.Workers < 1 || c.Queue < 0 || c.MaxImages < 1 || c.MaxConnections < 1 {
		return errors.New("--workers, --max-images and --max-connections must be above 0, --queue not below")
	}
	if c.PredictTimeout <= 0 || c.ReadTimeout <= 0 || c.IdleTimeout <= 0 || c.ShutdownTimeout <= 0 || c.DrainDelay < 0 {
		return errors.New("timeouts must be above 0, --drain-delay not below")
	}
	if err := c.boardFlags.Validate(); err != nil {
		return err
	}
	// As long to wait for the board as a run may take, the run, and a quarter for the board to end it.
	if c.given() && float64(c.PredictTimeout) <= 2.25*float64(c.BoardTimeout) {
		return errors.New("--predict-timeout must be above 2.25 times --board-timeout, or requests end before it is known that the board does not answer")
	}
	return nil
}

// gcPercent is by how much the heap may grow between collections where GOGC does not say. What grows it is uploads and
// pictures of megabytes that are soon done with: a sixth less memory is held than with Go's 100, and no request is slower.
const gcPercent = 60

// Run serves until ctx ends and all that was in flight has been answered.
func (c *serveCommand) Run(ctx context.Context, std *streams) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	build := telemetry.ReadBuild(version)
	metrics := telemetry.NewMetrics(build)
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the log is no reason to end
	log, flush, err := telemetry.NewServiceLogger(std.err, c.LogFormat, c.LogLevel, metrics)
	if err != nil {
		return err
	}
	defer flush()
	c.boardFlags.standIn(c.Addr)
	supervisor, err := c.boardFlags.open(log, c.watcher(metrics))
	if err != nil {
		return err
	}
	if supervisor != nil {
		defer onHangup(supervisor.Release)()
	}
	defer closeBoard(supervisor, &err)
	models, err := opened(ctx, pipeline.OpenCatalogue, c.Model, supervisor)
	if ctx.Err() != nil {
		log.Info("stopped")
		return nil
	} else if err != nil {
		return err
	}
	if err := onBoard(supervisor, models.Default().Name()); err != nil {
		return err
	}
	plan, err := c.plan()
	if err != nil {
		return err
	}
	queue := api.NewQueue(c.Workers, c.Queue)
	queue.Memory, queue.Wait = plan.Pictures, c.QueueTime
	server, err := api.New(api.Config{
		Models:          models,
		Metrics:         metrics,
		Board:           supervisor,
		Log:             log,
		Queue:           queue,
		Gate:            c.Gate,
		Limits:          c.limits(),
		MaxImageBytes:   min(int64(c.MaxBytes), plan.Uploads/3*2), // a buffer is copied as it grows
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
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	model := models.Default()
	log.Info("serving",
		"model", model.Name(), "version", model.Description().Version, "digest", model.Digest(),
		"backend", model.Backend(), "kernel", model.Kernel(), "addr", listener.Addr().String(),
		"workers", c.Workers, "queue", c.Queue,
		"memory", plan.Bytes, "memory_source", plan.Source, "picture_memory", plan.Pictures, "upload_memory", plan.Uploads, "build", build.Version)
	if err := server.Serve(ctx, listener); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// plan shares out the memory that the process may take, and sets Go's limit.
func (c *serveCommand) plan() (memory.Plan, error) {
	limit := memory.Find(os.DirFS("/"))
	if c.Memory > 0 {
		limit = memory.Limit{Bytes: int64(c.Memory), Source: "--memory"}
	}
	plan, err := memory.Share(limit)
	if err != nil {
		return plan, err
	}
	plan.Apply()
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
