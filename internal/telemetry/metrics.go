// Package telemetry has the service's Prometheus metrics and structured logs.
// Of HTTP routes and models it knows only the names that it is given.
package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// Stage is a part of a picture's way through the service.
type Stage string

// The stages of a picture. StageTotal runs from the moment the picture was read
// to its answer; StageQueue is the wait for a worker.
const (
	StageQueue   Stage = "queue"
	StageDecode  Stage = "decode"
	StagePrepare Stage = "prepare"
	StageInfer   Stage = "infer"
	StageRender  Stage = "render" // a film for the eye
	StageTotal   Stage = "total"
)

// nativeFactor makes a native histogram's bucket at most a tenth wider than the
// one before.
const nativeFactor = 1.1

// Metrics are the service's metrics in a registry of their own. All methods are
// safe for concurrent use. What is given as a label must come from a bounded
// set: routes as patterns, models and labels by their files' names.
type Metrics struct {
	registry *prometheus.Registry

	requests         *prometheus.CounterVec
	requestsInFlight prometheus.Gauge
	panics           prometheus.Counter
	logDropped       prometheus.Counter
	evicted          prometheus.Counter
	acceptErrors     prometheus.Counter
	notLogged        prometheus.Counter

	stages      *prometheus.HistogramVec
	priorities  *prometheus.HistogramVec
	rejections  *prometheus.CounterVec
	predictions *prometheus.CounterVec
	failures    *prometheus.CounterVec
	flagged     *prometheus.CounterVec
	probability *prometheus.HistogramVec
	spikes      *prometheus.CounterVec
	operations  *prometheus.CounterVec
	degraded    *prometheus.CounterVec
	undecided   *prometheus.CounterVec
	shortened   *prometheus.CounterVec
}

// NewMetrics makes the metrics, those of the Go runtime and of the process
// among them. The build is told by the gauge spikeray_build_info.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_http_requests_total",
			Help: "HTTP requests answered, by route pattern, method and status code; 499 is a client that closed the connection before its answer.",
		}, []string{"route", "method", "code"}),
		requestsInFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "spikeray_http_requests_in_flight",
			Help: "HTTP requests being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_panics_total",
			Help: "Panics caught while answering; each is a bug.",
		}),
		logDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_log_records_dropped_total",
			Help: "Log records that were dropped because standard error took them too slowly or not at all.",
		}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_connections_evicted_total",
			Help: "Idle connections that were closed to make room for new ones.",
		}),
		acceptErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_accept_errors_total",
			Help: "Connections that the operating system failed to hand over, for example because there were no file descriptors left.",
		}),
		notLogged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_log_lines_sampled_out_total",
			Help: "Log lines left out because there were too many of their kind in a short time.",
		}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "spikeray_stage_duration_seconds",
			Help:                            "Wall time of each stage of a picture; total runs from the picture being read to its answer.",
			Buckets:                         []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			NativeHistogramBucketFactor:     nativeFactor,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"stage"}),
		priorities: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "spikeray_picture_duration_seconds",
			Help:                            "Wall time from a picture being read to its answer, as the stage total, by priority: interactive or batch.",
			Buckets:                         []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			NativeHistogramBucketFactor:     nativeFactor,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"priority"}),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_rejections_total",
			Help: "Requests turned away with status 503, or for their deadline with 504, by reason.",
		}, []string{"reason"}),
		predictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_predictions_total",
			Help: "Pictures answered, by model and label.",
		}, []string{"model", "label"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_prediction_failures_total",
			Help: "Pictures without an answer, by model and kind of problem.",
		}, []string{"model", "problem"}),
		flagged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_gate_flagged_total",
			Help: "Pictures that a model's gate did not accept, by model and reason: the most probable of the gate's other labels; or, for a DICOM film that the gate accepted and that says of itself that it is of another kind, view, body-part or age.",
		}, []string{"model", "reason"}),
		probability: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "spikeray_prediction_probability_ratio",
			Help:                            "Probability of the positive label, from 0 to 1, by model.",
			Buckets:                         prometheus.LinearBuckets(0.05, 0.05, 20),
			NativeHistogramBucketFactor:     nativeFactor,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"model"}),
		spikes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_spikes_total",
			Help: "Spikes of all neurons, by model.",
		}, []string{"model"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_synaptic_operations_total",
			Help: "Synaptic operations that spikes caused, by model.",
		}, []string{"model"}),
		degraded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_degraded_answers_total",
			Help: "Pictures that the simulator answered instead of the board, by model and kind of failure.",
		}, []string{"model", "reason"}),
		undecided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_undecided_answers_total",
			Help: "Pictures answered without a label, by model: for fewer time steps than the model is calibrated for.",
		}, []string{"model"}),
		shortened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_shortened_answers_total",
			Help: "Pictures answered after fewer time steps than were asked for, by model: their deadline left no time for more.",
		}, []string{"model"}),
	}
	buildInfo := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "spikeray_build_info",
		Help: "1; the labels say which build is running.",
		ConstLabels: prometheus.Labels{
			"version": build.Version, "revision": build.Revision, "go_version": build.GoVersion,
		},
	})
	buildInfo.Set(1)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo, m.requests, m.requestsInFlight, m.panics, m.logDropped, m.evicted, m.acceptErrors, m.notLogged,
		m.stages, m.priorities, m.rejections,
		m.predictions, m.failures, m.flagged, m.probability, m.spikes, m.operations, m.degraded, m.undecided, m.shortened,
	)
	for _, s := range []Stage{StageQueue, StageDecode, StagePrepare, StageInfer, StageRender, StageTotal} {
		m.stages.WithLabelValues(string(s))
	}
	for _, batch := range []bool{false, true} {
		m.priorities.WithLabelValues(priority(batch))
	}
	return m
}

// Handler answers a scrape, in OpenMetrics or protobuf (which carries the
// native histograms) where the scraper asks for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(prometheus.GathererFunc(m.gather), promhttp.HandlerOpts{
		Registry:          m.registry,
		EnableOpenMetrics: true,
	})
}

// twice is a gauge of Go's collector whose family OpenMetrics cannot tell from the counter go_memstats_alloc_bytes_total,
// which it names without its ending; go_memstats_heap_alloc_bytes has the same value.
const twice = "go_memstats_alloc_bytes"

// gather gives what a scrape does.
func (m *Metrics) gather() ([]*dto.MetricFamily, error) {
	families, err := m.registry.Gather()
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == twice }), err
}

// Registry is where the metrics are gathered from.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Queue tells the queue's state at each scrape: how many pictures wait, how
// many may, and how many workers there are and are busy. Call it once.
func (m *Metrics) Queue(depth, capacity, workers, busy func() int) {
	gauge := func(name, help string, value func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value()) },
		))
	}
	gauge("spikeray_queue_depth", "Pictures waiting for a worker.", depth)
	gauge("spikeray_queue_capacity", "Pictures that may wait for a worker.", capacity)
	gauge("spikeray_workers", "Number of workers: pictures that can be processed at the same time.", workers)
	gauge("spikeray_workers_busy", "Pictures being processed.", busy)
}

// Batch tells at each scrape how many of the pictures that wait are of the priority batch. Call it once.
func (m *Metrics) Batch(depth func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "spikeray_queue_batch_depth", Help: "Of spikeray_queue_depth, pictures of the priority batch, for which nobody waits.",
	}, func() float64 { return float64(depth()) }))
}

// priority names what a picture was asked for.
func priority(batch bool) string {
	if batch {
		return "batch"
	}
	return "interactive"
}

// Backlog tells at each scrape how long the workers will take for what waits. Call it once.
func (m *Metrics) Backlog(backlog func() time.Duration) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "spikeray_queue_backlog_seconds", Help: "Estimated time that the workers need for the pictures that wait.",
	}, func() float64 { return backlog().Seconds() }))
}

// Pictures tells at each scrape how many bytes pictures being worked on have leased, and how many they may, 0 for no
// bound. Call it once.
func (m *Metrics) Pictures(held, limit func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_picture_memory_bytes", Help: "Memory leased to pictures being decoded and processed.",
		}, func() float64 { return float64(held()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_picture_memory_limit_bytes", Help: "Memory that pictures may lease; 0 is no limit.",
		}, func() float64 { return float64(limit()) }),
	)
}

// Uploads tells at each scrape how many bytes of pictures are held in memory
// and how many may be. Call it once.
func (m *Metrics) Uploads(held, limit func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_upload_buffer_bytes", Help: "Memory that uploaded pictures hold.",
		}, func() float64 { return float64(held()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_upload_buffer_limit_bytes", Help: "Memory that uploaded pictures may hold.",
		}, func() float64 { return float64(limit()) }),
	)
}

// Connections tells at each scrape how many connections there are and how many there may be. Call it once.
func (m *Metrics) Connections(open, limit func() int) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_connections", Help: "Open connections of clients.",
		}, func() float64 { return float64(open()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spikeray_connections_limit", Help: "Largest number of open connections of clients.",
		}, func() float64 { return float64(limit()) }),
	)
}

// Evicted counts an idle connection that was closed to make room.
func (m *Metrics) Evicted() { m.evicted.Inc() }

// AcceptFailed counts a connection that could not be accepted.
func (m *Metrics) AcceptFailed() { m.acceptErrors.Inc() }

// NotLogged counts a line that was left out of the log.
func (m *Metrics) NotLogged() { m.notLogged.Inc() }

// RequestStarted counts a request in flight; the returned function counts its
// end.
func (m *Metrics) RequestStarted() (ended func()) {
	m.requestsInFlight.Inc()
	return m.requestsInFlight.Dec
}

// Request counts an answered request.
func (m *Metrics) Request(route, method string, status int) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
}

// Panic counts a panic that was caught.
func (m *Metrics) Panic() { m.panics.Inc() }

// Stage records how long a stage of a picture took.
func (m *Metrics) Stage(s Stage, took time.Duration) {
	m.stages.WithLabelValues(string(s)).Observe(took.Seconds())
}

// Ended records how long a picture took from being read to its answer.
func (m *Metrics) Ended(batch bool, took time.Duration) {
	m.priorities.WithLabelValues(priority(batch)).Observe(took.Seconds())
}

// Rejections names all reasons that Rejected will be given, so that each is
// there, at 0, from the start.
func (m *Metrics) Rejections(reasons ...string) {
	for _, reason := range reasons {
		m.rejections.WithLabelValues(reason)
	}
}

// Rejected counts a request that was turned away to protect the rest.
func (m *Metrics) Rejected(reason string) { m.rejections.WithLabelValues(reason).Inc() }

// Predicted counts an answer and records its probability of the positive label.
func (m *Metrics) Predicted(model, label string, probability float64) {
	m.predictions.WithLabelValues(model, label).Inc()
	m.probability.WithLabelValues(model).Observe(probability)
}

// Decidable announces a model that may be asked for fewer steps, so that its counts of such answers are there, at 0, from
// the start.
func (m *Metrics) Decidable(model string) {
	m.undecided.WithLabelValues(model)
	m.shortened.WithLabelValues(model)
}

// Shortened counts an answer for which there was time for fewer steps only.
func (m *Metrics) Shortened(model string) { m.shortened.WithLabelValues(model).Inc() }

// Undecided counts an answer without a label.
func (m *Metrics) Undecided(model string) { m.undecided.WithLabelValues(model).Inc() }

// Failed counts a picture that got no answer.
func (m *Metrics) Failed(model, problem string) {
	m.failures.WithLabelValues(model, problem).Inc()
}

// Gate names all reasons for which a model's gate may flag a picture, so that
// each is there, at 0, from the start.
func (m *Metrics) Gate(model string, reasons ...string) {
	for _, reason := range reasons {
		m.flagged.WithLabelValues(model, reason)
	}
}

// Flagged counts a picture that a model's gate did not accept.
func (m *Metrics) Flagged(model, reason string) { m.flagged.WithLabelValues(model, reason).Inc() }

// Spiked counts the spikes and the synaptic operations of one answer.
func (m *Metrics) Spiked(model string, spikes, synapticOperations uint64) {
	m.spikes.WithLabelValues(model).Add(float64(spikes))
	m.operations.WithLabelValues(model).Add(float64(synapticOperations))
}
