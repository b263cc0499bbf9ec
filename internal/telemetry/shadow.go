package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Shadow is the metrics of a model that answers along. All methods are safe for concurrent use.
type Shadow struct {
	answers    *prometheus.CounterVec
	skipped    *prometheus.CounterVec
	difference *prometheus.HistogramVec
	info       *prometheus.GaugeVec

	mu   sync.Mutex
	pair [4]string // models and versions that are compared
}

// Shadow makes the metrics of a shadow that leaves out pictures for these reasons, all at 0. Call it once.
func (m *Metrics) Shadow(reasons []string) *Shadow {
	s := &Shadow{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_shadow_answers_total",
			Help: "Pictures that the shadow model answered after the default model, by whether both gave the same label.",
		}, []string{"agree"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_shadow_skipped_total",
			Help: "Pictures that were the shadow model's turn and that it did not answer, by reason.",
		}, []string{"reason"}),
		difference: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "spikeray_shadow_probability_difference_ratio",
			Help:    "Shadow model's probability of the positive label minus the default model's, without its sign.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, nil),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spikeray_shadow_info",
			Help: "1 while a shadow model answers; the labels say which, and which model it is compared with. The other metrics of the shadow start anew when either changes.",
		}, []string{"model", "version", "default_model", "default_version"}),
	}
	for _, reason := range reasons {
		s.skipped.WithLabelValues(reason)
	}
	m.registry.MustRegister(s.answers, s.skipped, s.difference, s.info)
	s.zero()
	return s
}

func (s *Shadow) zero() {
	s.answers.Reset()
	s.difference.Reset()
	s.answers.WithLabelValues("true")
	s.answers.WithLabelValues("false")
	s.difference.WithLabelValues()
}

// Pair tells which model answers along, "" for none, and with which it is compared.
func (s *Shadow) Pair(model, version, defaultModel, defaultVersion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := [4]string{model, version, defaultModel, defaultVersion}
	if s.pair == pair {
		return
	}
	s.pair = pair
	s.zero()
	s.info.Reset()
	if model != "" {
		s.info.WithLabelValues(pair[:]...).Set(1)
	}
}

// Answered counts an answer of the pair that is compared now, and how far its probability is from the default model's.
func (s *Shadow) Answered(agree bool, difference float64) {
	label := "false"
	if agree {
		label = "true"
	}
	s.answers.WithLabelValues(label).Inc()
	s.difference.WithLabelValues().Observe(difference)
}

// Skipped counts a picture that was left out.
func (s *Shadow) Skipped(reason string) { s.skipped.WithLabelValues(reason).Inc() }
