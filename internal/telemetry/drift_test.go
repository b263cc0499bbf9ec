package telemetry

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spikeray/spikeray/internal/drift"
)

func at(v float64) *float64 { return &v }

var drifted = drift.Report{
	State: drift.Drifted, Window: drift.Filled{Pictures: 250, Capacity: 300, Minimum: 100}, PositiveShare: at(0.625),
	Measures: []drift.Measured{
		{Name: "log_odds", Pictures: 250, PSI: at(0.25), Raises: true, Limit: at(0.125), Drifted: true},
		{Name: "gate_log_odds", Pictures: 20, Raises: true},
		{Name: "brightness", Pictures: 250, PSI: at(0.0625), Raises: true, Limit: at(0.125)},
		{Name: "size", Pictures: 250, PSI: at(0.5)},
	},
	Estimates: []drift.Estimate{{OperatingPoint: "balanced", Method: drift.CBPE, Sensitivity: drift.Rate{Value: at(0.875)}}},
}

func TestDriftIsToldByMeasure(t *testing.T) {
	m := NewMetrics(Build{})
	filling := func() drift.Report {
		return drift.Report{State: drift.Filling, Window: drift.Filled{Capacity: 300, Minimum: 100}, Measures: []drift.Measured{{Name: "log_odds", Raises: true}}}
	}
	m.Models(func() []Model {
		return []Model{{Name: "net", Drift: func() drift.Report { return drifted }}, {Name: "new", Drift: filling}}
	})
	want := `
# HELP spikeray_drift_estimate_ratio Sensitivity and specificity estimated without labels, by operating point and method; /v1/models/{name}/drift says how far off they may be.
# TYPE spikeray_drift_estimate_ratio gauge
spikeray_drift_estimate_ratio{method="cbpe",model="net",operating_point="balanced",rate="sensitivity"} 0.875
# HELP spikeray_drift_population_stability_index Population stability index of a measure between the window and the most similar mixture of the reference's two classes; absent while the window has too few pictures.
# TYPE spikeray_drift_population_stability_index gauge
spikeray_drift_population_stability_index{measure="brightness",model="net"} 0.0625
spikeray_drift_population_stability_index{measure="log_odds",model="net"} 0.25
spikeray_drift_population_stability_index{measure="size",model="net"} 0.5
# HELP spikeray_drift_positive_share_ratio Share of the positive label in the window, estimated; absent while it has too few pictures.
# TYPE spikeray_drift_positive_share_ratio gauge
spikeray_drift_positive_share_ratio{model="net"} 0.625
# HELP spikeray_drift_raised 1 while the index of a measure is above its limit, otherwise 0; absent for measures without a limit.
# TYPE spikeray_drift_raised gauge
spikeray_drift_raised{measure="brightness",model="net"} 0
spikeray_drift_raised{measure="gate_log_odds",model="net"} 0
spikeray_drift_raised{measure="log_odds",model="net"} 1
spikeray_drift_raised{measure="log_odds",model="new"} 0
# HELP spikeray_drift_window_pictures Latest pictures that are compared with the model's reference; 0 after a start.
# TYPE spikeray_drift_window_pictures gauge
spikeray_drift_window_pictures{model="net"} 250
spikeray_drift_window_pictures{model="new"} 0
# HELP spikeray_drift_window_pictures_limit Largest number of pictures in the window.
# TYPE spikeray_drift_window_pictures_limit gauge
spikeray_drift_window_pictures_limit{model="net"} 300
spikeray_drift_window_pictures_limit{model="new"} 300
`
	err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(want), "spikeray_drift_estimate_ratio", "spikeray_drift_population_stability_index",
		"spikeray_drift_positive_share_ratio", "spikeray_drift_raised", "spikeray_drift_window_pictures", "spikeray_drift_window_pictures_limit")
	if err != nil {
		t.Error(err)
	}
}
