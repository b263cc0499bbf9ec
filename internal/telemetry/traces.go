package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Spans makes the count of spans by what became of them, which begins at 0 for each outcome, and returns what adds to it. Call it
// once.
func (m *Metrics) Spans(outcomes ...string) func(outcome string, n int) {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "spikeray_trace_spans_total",
		Help: "Spans of traces, by outcome: exported, dropped (too many waited to be sent), refused (by the collector) or failed (the collector could not be reached in time).",
	}, []string{"outcome"})
	for _, outcome := range outcomes {
		spans.WithLabelValues(outcome)
	}
	m.registry.MustRegister(spans)
	return func(outcome string, n int) { spans.WithLabelValues(outcome).Add(float64(n)) }
}
