package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AuditState is what the audit log has on disk.
type AuditState struct {
	Segments int
	Bytes    int64
	// Oldest and Newest are when the first and the last record were written, zero for none.
	Oldest, Newest time.Time
	// Failing tells that it cannot be written.
	Failing bool
	// Free is how many bytes its disk has left, below 0 where that is not known.
	Free int64
}

// Audit is the metrics of the audit log. All methods are safe for concurrent use.
type Audit struct {
	state    func() AuditState
	records  *prometheus.CounterVec
	write    prometheus.Histogram
	failures prometheus.Counter
}

var (
	auditSegments = prometheus.NewDesc("spikeray_audit_segments", "Files of the audit log.", nil, nil)
	auditBytes    = prometheus.NewDesc("spikeray_audit_bytes", "Bytes of the audit log's files.", nil, nil)
	auditOldest   = prometheus.NewDesc("spikeray_audit_oldest_seconds", "Age of the oldest record that is kept; 0 for none.", nil, nil)
	auditNewest   = prometheus.NewDesc("spikeray_audit_newest_seconds", "Age of the newest record; 0 for none.", nil, nil)
	auditFailing  = prometheus.NewDesc("spikeray_audit_failing",
		"1 while the audit log cannot be written, so that no picture is answered; 0 otherwise.", nil, nil)
	auditFree = prometheus.NewDesc("spikeray_audit_free_bytes", "Bytes that the audit log's disk has left; absent where that is not known.", nil, nil)
)

// Audit makes the metrics of the audit log: state is asked at each scrape, and records begin at 0 for each kind. Call it once.
func (m *Metrics) Audit(state func() AuditState, kinds []string) *Audit {
	a := &Audit{
		state: state,
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_audit_records_total",
			Help: "Records written to the audit log, by kind: answer and problem are pictures, the others tell of the log itself.",
		}, []string{"kind"}),
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "spikeray_audit_write_duration_seconds",
			Help:                            "Time until a write to the audit log is on disk; records that wait at the same time share one.",
			Buckets:                         []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			NativeHistogramBucketFactor:     nativeFactor,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_audit_write_failures_total", Help: "Writes to the audit log that failed; while they do, one a second is tried.",
		}),
	}
	for _, kind := range kinds {
		a.records.WithLabelValues(kind)
	}
	m.registry.MustRegister(a, a.records, a.write, a.failures)
	return a
}

// Written counts a write with records of these kinds, which took so long.
func (a *Audit) Written(kinds []string, took time.Duration) {
	for _, kind := range kinds {
		a.records.WithLabelValues(kind).Inc()
	}
	a.write.Observe(took.Seconds())
}

// Failed counts a write that failed.
func (a *Audit) Failed() { a.failures.Inc() }

// Describe is called by the registry.
func (a *Audit) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{auditSegments, auditBytes, auditOldest, auditNewest, auditFailing, auditFree} {
		out <- desc
	}
}

// Collect is called at each scrape.
func (a *Audit) Collect(out chan<- prometheus.Metric) {
	s := a.state()
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	age := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return max(0, time.Since(t).Seconds())
	}
	gauge(auditSegments, float64(s.Segments))
	gauge(auditBytes, float64(s.Bytes))
	gauge(auditOldest, age(s.Oldest))
	gauge(auditNewest, age(s.Newest))
	failing := 0.0
	if s.Failing {
		failing = 1
	}
	gauge(auditFailing, failing)
	if s.Free >= 0 {
		gauge(auditFree, float64(s.Free))
	}
}
