package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Board is the metrics of one board. All methods are safe for concurrent use.
type Board struct {
	states   map[string]prometheus.Gauge
	failures *prometheus.CounterVec
	canaries *prometheus.CounterVec
}

// Board makes the metrics of a board with these states of its breaker and these kinds of failure, all at 0. Call it
// once.
func (m *Metrics) Board(name string, states, failures []string) *Board {
	label := prometheus.Labels{"board": name}
	state := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "spikeray_board_state", ConstLabels: label,
		Help: "1 for the current state of the breaker between requests and the board.",
	}, []string{"state"})
	b := &Board{
		states: map[string]prometheus.Gauge{},
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_board_failures_total", ConstLabels: label,
			Help: "Requests and canaries that the board did not answer, by kind of failure.",
		}, []string{"kind"}),
		canaries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_board_canaries_total", ConstLabels: label,
			Help: "Known inputs that the board answered, by whether the answer was right.",
		}, []string{"right"}),
	}
	m.registry.MustRegister(state, b.failures, b.canaries)
	for _, s := range states {
		b.states[s] = state.WithLabelValues(s)
	}
	for _, kind := range failures {
		b.failures.WithLabelValues(kind)
	}
	b.canary(true)
	b.canary(false)
	return b
}

// State tells the state that the board is in now.
func (b *Board) State(state string) {
	for s, gauge := range b.states {
		if s == state {
			gauge.Set(1)
		} else {
			gauge.Set(0)
		}
	}
}

// Failed counts what kept the board from an answer.
func (b *Board) Failed(kind string) { b.failures.WithLabelValues(kind).Inc() }

// Canary counts a known input that was answered.
func (b *Board) Canary(right bool) { b.canary(right).Inc() }

func (b *Board) canary(right bool) prometheus.Counter {
	if right {
		return b.canaries.WithLabelValues("true")
	}
	return b.canaries.WithLabelValues("false")
}

// Degradable names all reasons for which answers of a model may be degraded, so that each is there, at 0, from the start.
func (m *Metrics) Degradable(model string, reasons ...string) {
	for _, reason := range reasons {
		m.degraded.WithLabelValues(model, reason)
	}
}

// Degraded counts an answer that the simulator gave in a board's place.
func (m *Metrics) Degraded(model, reason string) { m.degraded.WithLabelValues(model, reason).Inc() }
