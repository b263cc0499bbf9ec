package telemetry

import (
	"math"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// bounds says which classic bucket of a histogram has its one sample: above low, at most high.
func bounds(h *dto.Histogram) (low, high float64) {
	low = math.Inf(-1)
	for _, b := range h.Bucket {
		if b.GetCumulativeCount() > 0 {
			return low, b.GetUpperBound()
		}
		low = b.GetUpperBound()
	}
	return low, math.Inf(1)
}

// A histogram's name ends in its unit, and what goes in is measured in that. One of another unit wants a case here.
func TestHistogramsAreInTheUnitsOfTheirNames(t *testing.T) {
	m := NewMetrics(Build{})
	took := map[Stage]time.Duration{
		StageQueue: 40 * time.Millisecond, StageDecode: 3 * time.Millisecond, StagePrepare: 700 * time.Microsecond,
		StageInfer: 1500 * time.Millisecond, StageRender: 30 * time.Millisecond, StageTotal: 7 * time.Second,
	}
	for stage, d := range took {
		m.Stage(stage, d)
	}
	m.Ended(false, 200*time.Millisecond)
	m.Ended(true, 20*time.Second)
	m.Predicted("net", "PNEUMONIA", 0.97)
	m.Audit(func() AuditState { return AuditState{} }, nil).Written(nil, 30*time.Millisecond)
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM || !strings.HasPrefix(f.GetName(), "spikeray_") {
			continue
		}
		for _, metric := range f.Metric {
			var want float64
			switch f.GetName() {
			case "spikeray_stage_duration_seconds":
				want = took[Stage(metric.Label[0].GetValue())].Seconds()
			case "spikeray_picture_duration_seconds":
				want = map[string]float64{"interactive": 0.2, "batch": 20}[metric.Label[0].GetValue()]
			case "spikeray_audit_write_duration_seconds":
				want = 0.03
			case "spikeray_prediction_probability_ratio":
				want = 0.97
			default:
				t.Fatalf("%s: of which unit is it?", f.GetName())
			}
			seen++
			h := metric.Histogram
			if low, high := bounds(h); h.GetSampleCount() != 1 || !(math.Abs(h.GetSampleSum()-want) <= 1e-9) || want <= low || want > high {
				t.Errorf("%s %v: %v, which lies from %v to %v, expected %v", f.GetName(), metric.Label, h.GetSampleSum(), low, high, want)
			}
		}
	}
	if seen != len(took)+4 {
		t.Errorf("%d histograms", seen)
	}
}

func TestGaugesAreInTheUnitsOfTheirNames(t *testing.T) {
	m := NewMetrics(Build{})
	m.Backlog(func() time.Duration { return 1500 * time.Millisecond })
	m.Queue(func() int { return 3 }, func() int { return 64 }, func() int { return 2 }, func() int { return 1 })
	m.Batch(func() int { return 1 })
	m.Uploads(func() int64 { return 10 << 20 }, func() int64 { return 20 << 20 })
	m.Pictures(func() int64 { return 30 << 20 }, func() int64 { return 40 << 20 })
	m.Connections(func() int { return 5 }, func() int { return 1024 })
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if len(f.Metric) == 1 && f.Metric[0].Gauge != nil {
			got[f.GetName()] = f.Metric[0].Gauge.GetValue()
		}
	}
	for name, want := range map[string]float64{
		"spikeray_queue_backlog_seconds": 1.5, "spikeray_queue_batch_depth": 1,
		"spikeray_queue_depth": 3, "spikeray_queue_capacity": 64, "spikeray_workers": 2, "spikeray_workers_busy": 1,
		"spikeray_upload_buffer_bytes": 10 << 20, "spikeray_upload_buffer_limit_bytes": 20 << 20,
		"spikeray_picture_memory_bytes": 30 << 20, "spikeray_picture_memory_limit_bytes": 40 << 20,
		"spikeray_connections": 5, "spikeray_connections_limit": 1024,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}
