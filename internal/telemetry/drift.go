package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/spikeray/spikeray/internal/drift"
)

var (
	driftPictures = prometheus.NewDesc("spikeray_drift_window_pictures",
		"Latest pictures that are compared with the model's reference; 0 after a start.", []string{"model"}, nil)
	driftCapacity = prometheus.NewDesc("spikeray_drift_window_pictures_limit",
		"Largest number of pictures in the window.", []string{"model"}, nil)
	driftStability = prometheus.NewDesc("spikeray_drift_population_stability_index",
		"Population stability index of a measure between the window and the most similar mixture of the reference's two classes; absent while the window has too few pictures.",
		[]string{"model", "measure"}, nil)
	driftRaised = prometheus.NewDesc("spikeray_drift_raised",
		"1 while the index of a measure is above its limit, otherwise 0; absent for measures without a limit.", []string{"model", "measure"}, nil)
	driftShare = prometheus.NewDesc("spikeray_drift_positive_share_ratio",
		"Share of the positive label in the window, estimated; absent while it has too few pictures.", []string{"model"}, nil)
	driftEstimate = prometheus.NewDesc("spikeray_drift_estimate_ratio",
		"Sensitivity and specificity estimated without labels, by operating point and method; /v1/models/{name}/drift says how far off they may be.",
		[]string{"model", "operating_point", "method", "rate"}, nil)
)

func describeDrift(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{driftPictures, driftCapacity, driftStability, driftRaised, driftShare, driftEstimate} {
		out <- desc
	}
}

// collectDrift tells what a model's window says.
func collectDrift(out chan<- prometheus.Metric, model string, r drift.Report) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{model}, labels...)...)
	}
	gauge(driftPictures, float64(r.Window.Pictures))
	gauge(driftCapacity, float64(r.Window.Capacity))
	if r.PositiveShare != nil {
		gauge(driftShare, *r.PositiveShare)
	}
	for _, m := range r.Measures {
		if m.PSI != nil {
			gauge(driftStability, *m.PSI, m.Name)
		}
		if m.Raises {
			raised := 0.0
			if m.Drifted {
				raised = 1
			}
			gauge(driftRaised, raised, m.Name)
		}
	}
	for _, e := range r.Estimates {
		for name, rate := range map[string]drift.Rate{"sensitivity": e.Sensitivity, "specificity": e.Specificity} {
			if rate.Value != nil {
				gauge(driftEstimate, *rate.Value, e.OperatingPoint, string(e.Method), name)
			}
		}
	}
}
