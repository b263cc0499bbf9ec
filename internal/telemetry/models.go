package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spikeray/spikeray/internal/drift"
)

// Model is what a scrape is told of a model that answers.
type Model struct {
	Name, Version, Digest, Backend, Kernel string
	Default                                bool
	// Calibration is the place's that is in force, nil for none.
	Calibration *Calibration
	// Drift tells what the model's window says, nil for a model without a reference.
	Drift func() drift.Report
}

// Calibration is a place's calibration, fitted on so many pictures.
type Calibration struct {
	Place, Made, Digest string
	Pictures            int
}

// Models asks at each scrape which models answer. So a model that was replaced leaves nothing behind. Call it once.
func (m *Metrics) Models(now func() []Model) { m.registry.MustRegister(models(now)) }

// models collects what there is to tell of all models.
type models func() []Model

var (
	modelInfo = prometheus.NewDesc("spikeray_model_info",
		"1 for each model that answers; the labels say which.", []string{"model", "version", "digest", "backend", "kernel", "default"}, nil)
	siteCalibration = prometheus.NewDesc("spikeray_site_calibration_info",
		"1 for each model with a site calibration in force; the labels say which, and on how many pictures it was fitted.",
		[]string{"model", "place", "made", "pictures", "digest"}, nil)
)

// Describe is called by the registry.
func (m models) Describe(out chan<- *prometheus.Desc) {
	out <- modelInfo
	out <- siteCalibration
	describeDrift(out)
}

// Collect is called at each scrape.
func (m models) Collect(out chan<- prometheus.Metric) {
	one := func(desc *prometheus.Desc, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, 1, labels...)
	}
	for _, now := range m() {
		one(modelInfo, now.Name, now.Version, now.Digest, now.Backend, now.Kernel, strconv.FormatBool(now.Default))
		if c := now.Calibration; c != nil {
			one(siteCalibration, now.Name, c.Place, c.Made, strconv.Itoa(c.Pictures), c.Digest)
		}
		if now.Drift != nil {
			collectDrift(out, now.Name, now.Drift())
		}
	}
}

// Model announces a model that answers. Its counters start at 0 from here on, one for each label, so that the first increase is seen as
// one. Those that it has go on.
func (m *Metrics) Model(name string, labels []string) {
	for _, label := range labels {
		m.predictions.WithLabelValues(name, label)
	}
	m.probability.WithLabelValues(name)
	m.spikes.WithLabelValues(name)
	m.operations.WithLabelValues(name)
}

// Forget takes away what was counted of a model that answers no more.
func (m *Metrics) Forget(name string) {
	of := prometheus.Labels{"model": name}
	for _, vec := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.predictions, m.failures, m.flagged, m.probability, m.spikes, m.operations, m.degraded, m.undecided, m.shortened} {
		vec.DeletePartialMatch(of)
	}
}
