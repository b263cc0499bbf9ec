package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// OutboxTarget is what is on its way to one target.
type OutboxTarget struct {
	Target        string
	Items, Failed int
	Oldest        time.Time // zero for none
}

// OutboxState is what an outbox holds.
type OutboxState struct {
	Targets      []OutboxTarget
	Damaged      int
	Bytes, Limit int64
}

// Outbox is the metrics of an outbox. All methods are safe for concurrent use.
type Outbox struct {
	state      func() OutboxState
	deliveries *prometheus.CounterVec
}

var (
	outboxItems = prometheus.NewDesc("spikeray_outbox_items",
		"Results that wait to be delivered, by target.", []string{"target"}, nil)
	outboxOldest = prometheus.NewDesc("spikeray_outbox_oldest_seconds",
		"How long the oldest result has waited to be delivered, by target; 0 for none.", []string{"target"}, nil)
	outboxFailed = prometheus.NewDesc("spikeray_outbox_failed_items",
		"Results that their target does not take, by target; they are kept until somebody has them tried again or drops them.", []string{"target"}, nil)
	outboxDamaged = prometheus.NewDesc("spikeray_outbox_damaged_items",
		"Files of the outbox that are damaged and were put aside.", nil, nil)
	outboxBytes = prometheus.NewDesc("spikeray_outbox_bytes",
		"Bytes of the outbox's files.", nil, nil)
	outboxLimit = prometheus.NewDesc("spikeray_outbox_limit_bytes",
		"Bytes that the outbox's files may have; when it is full, films are not taken.", nil, nil)
)

// Outbox makes the metrics of the outbox: state is asked at each scrape. Deliveries to the targets begin at 0 for each
// outcome. Call it once.
func (m *Metrics) Outbox(state func() OutboxState, targets, outcomes []string) *Outbox {
	o := &Outbox{state: state, deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "spikeray_outbox_deliveries_total",
		Help: "Tries to deliver a result, by target and outcome: delivered, retried (it is tried again later) or failed (the target does not take it).",
	}, []string{"target", "outcome"})}
	for _, target := range targets {
		for _, outcome := range outcomes {
			o.deliveries.WithLabelValues(target, outcome)
		}
	}
	m.registry.MustRegister(o, o.deliveries)
	return o
}

// Tried counts a try to deliver.
func (o *Outbox) Tried(target, outcome string) { o.deliveries.WithLabelValues(target, outcome).Inc() }

// Describe is called by the registry.
func (o *Outbox) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{outboxItems, outboxOldest, outboxFailed, outboxDamaged, outboxBytes, outboxLimit} {
		out <- desc
	}
}

// Collect is called at each scrape.
func (o *Outbox) Collect(out chan<- prometheus.Metric) {
	s := o.state()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, t := range s.Targets {
		age := 0.0
		if !t.Oldest.IsZero() {
			age = max(0, time.Since(t.Oldest).Seconds())
		}
		gauge(outboxItems, float64(t.Items), t.Target)
		gauge(outboxOldest, age, t.Target)
		gauge(outboxFailed, float64(t.Failed), t.Target)
	}
	gauge(outboxDamaged, float64(s.Damaged))
	gauge(outboxBytes, float64(s.Bytes))
	gauge(outboxLimit, float64(s.Limit))
}
