package telemetry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/spikeray/spikeray/internal/drift"
)

// used is a Metrics every metric of which has been touched.
func used() *Metrics {
	m := NewMetrics(Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"})
	m.Queue(func() int { return 3 }, func() int { return 64 }, func() int { return 2 }, func() int { return 1 })
	m.Batch(func() int { return 1 })
	m.Backlog(func() time.Duration { return time.Second })
	m.Pictures(func() int64 { return 30 }, func() int64 { return 40 })
	m.Connections(func() int { return 5 }, func() int { return 1024 })
	m.Uploads(func() int64 { return 10 }, func() int64 { return 20 })
	m.Model("net", []string{"NORMAL", "PNEUMONIA"})
	m.RequestStarted()
	m.Request("/v1/predictions", "POST", 200)
	m.Panic()
	m.Rejected("queue_full")
	m.Failed("net", "not-a-picture")
	m.Decidable("net")
	m.Undecided("net")
	m.Predicted("net", "PNEUMONIA", 0.97)
	m.Models(func() []Model {
		return []Model{{
			Name: "net", Version: "1.0.0", Digest: "sha256:00", Backend: "simulator", Kernel: "generic", Default: true,
			Drift: func() drift.Report { return drifted }, Calibration: &Calibration{"here", "2026-01-02T03:04:05Z", "sha256:11", 200},
		}}
	})
	r := m.Repository(func() RepositoryState {
		return RepositoryState{Failed: map[string]bool{"net": true, "new": false}, Held: 10, Limit: 20}
	}, []string{"loaded", "file"})
	r.Tried("loaded")
	r.Unread()
	along := m.Shadow([]string{"busy"})
	along.Pair("net", "2.0.0", "net", "1.0.0")
	along.Answered(true, 0.01)
	along.Skipped("busy")
	m.Gate("net", "other", "rotated")
	m.Flagged("net", "rotated")
	m.Spiked("net", 1000, 50000)
	b := m.Board("loihi", []string{"closed", "quarantined"}, []string{"timeout"})
	b.State("closed")
	b.State("quarantined")
	b.Failed("timeout")
	b.Canary(true)
	m.Degradable("net", "busy", "timeout")
	m.Degraded("net", "timeout")
	m.Outbox(func() OutboxState {
		return OutboxState{Targets: []OutboxTarget{{Target: "pacs", Items: 3, Failed: 1}}, Damaged: 2, Bytes: 100, Limit: 1000}
	}, []string{"pacs"}, []string{"delivered", "failed"}).Tried("pacs", "failed")
	a := m.Audit(func() AuditState { return AuditState{Segments: 2, Bytes: 30, Failing: true, Free: 40} }, []string{"answer", "problem"})
	a.Written([]string{"answer", "answer"}, time.Millisecond)
	a.Failed()
	i := m.Intake(map[string][]string{"dimse": {"0000"}}, []string{"released", "aborted"})
	i.Film("dimse", "A700")
	i.Association("released")
	m.Associations(func() int { return 2 }, func() int64 { return 10 }, func() int64 { return 20 })
	m.Spans("exported", "dropped")("dropped", 3)
	access := m.Access([]string{"missing", "rate"}, []string{"timeout"})
	access.Refused("rate")
	access.HandshakeFailed("timeout")
	f := m.Files("tls", "jwks")
	f.Read("jwks", nil)
	f.Read("tls", errors.New("bad"))
	m.Certificate(func() time.Time { return time.Unix(1_800_000_000, 0) })
	for _, s := range []Stage{StageQueue, StageDecode, StagePrepare, StageInfer, StageRender, StageTotal} {
		m.Stage(s, 3*time.Millisecond)
	}
	return m
}

func TestMetricsPassPrometheusLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(used().Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestCountersTellWhatHappened(t *testing.T) {
	m := used()
	want := `
# HELP spikeray_predictions_total Pictures answered, by model and label.
# TYPE spikeray_predictions_total counter
spikeray_predictions_total{label="NORMAL",model="net"} 0
spikeray_predictions_total{label="PNEUMONIA",model="net"} 1
# HELP spikeray_gate_flagged_total Pictures that a model's gate did not accept, by model and reason: the most probable of the gate's other labels; or, for a DICOM film that the gate accepted and that says of itself that it is of another kind, view, body-part or age.
# TYPE spikeray_gate_flagged_total counter
spikeray_gate_flagged_total{model="net",reason="other"} 0
spikeray_gate_flagged_total{model="net",reason="rotated"} 1
# HELP spikeray_spikes_total Spikes of all neurons, by model.
# TYPE spikeray_spikes_total counter
spikeray_spikes_total{model="net"} 1000
# HELP spikeray_synaptic_operations_total Synaptic operations that spikes caused, by model.
# TYPE spikeray_synaptic_operations_total counter
spikeray_synaptic_operations_total{model="net"} 50000
# HELP spikeray_board_canaries_total Known inputs that the board answered, by whether the answer was right.
# TYPE spikeray_board_canaries_total counter
spikeray_board_canaries_total{board="loihi",right="false"} 0
spikeray_board_canaries_total{board="loihi",right="true"} 1
# HELP spikeray_board_failures_total Requests and canaries that the board did not answer, by kind of failure.
# TYPE spikeray_board_failures_total counter
spikeray_board_failures_total{board="loihi",kind="timeout"} 1
# HELP spikeray_board_state 1 for the current state of the breaker between requests and the board.
# TYPE spikeray_board_state gauge
spikeray_board_state{board="loihi",state="closed"} 0
spikeray_board_state{board="loihi",state="quarantined"} 1
# HELP spikeray_degraded_answers_total Pictures that the simulator answered instead of the board, by model and kind of failure.
# TYPE spikeray_degraded_answers_total counter
spikeray_degraded_answers_total{model="net",reason="busy"} 0
spikeray_degraded_answers_total{model="net",reason="timeout"} 1
# HELP spikeray_audit_records_total Records written to the audit log, by kind: answer and problem are pictures, the others tell of the log itself.
# TYPE spikeray_audit_records_total counter
spikeray_audit_records_total{kind="answer"} 2
spikeray_audit_records_total{kind="problem"} 0
# HELP spikeray_audit_write_failures_total Writes to the audit log that failed; while they do, one a second is tried.
# TYPE spikeray_audit_write_failures_total counter
spikeray_audit_write_failures_total 1
# HELP spikeray_audit_failing 1 while the audit log cannot be written, so that no picture is answered; 0 otherwise.
# TYPE spikeray_audit_failing gauge
spikeray_audit_failing 1
# HELP spikeray_audit_bytes Bytes of the audit log's files.
# TYPE spikeray_audit_bytes gauge
spikeray_audit_bytes 30
# HELP spikeray_outbox_items Results that wait to be delivered, by target.
# TYPE spikeray_outbox_items gauge
spikeray_outbox_items{target="pacs"} 3
# HELP spikeray_outbox_failed_items Results that their target does not take, by target; they are kept until somebody has them tried again or drops them.
# TYPE spikeray_outbox_failed_items gauge
spikeray_outbox_failed_items{target="pacs"} 1
# HELP spikeray_outbox_oldest_seconds How long the oldest result has waited to be delivered, by target; 0 for none.
# TYPE spikeray_outbox_oldest_seconds gauge
spikeray_outbox_oldest_seconds{target="pacs"} 0
# HELP spikeray_outbox_deliveries_total Tries to deliver a result, by target and outcome: delivered, retried (it is tried again later) or failed (the target does not take it).
# TYPE spikeray_outbox_deliveries_total counter
spikeray_outbox_deliveries_total{outcome="delivered",target="pacs"} 0
spikeray_outbox_deliveries_total{outcome="failed",target="pacs"} 1
# HELP spikeray_dicom_associations_total DICOM associations and connections that ended, by how they did.
# TYPE spikeray_dicom_associations_total counter
spikeray_dicom_associations_total{ending="aborted"} 0
spikeray_dicom_associations_total{ending="released"} 1
# HELP spikeray_queue_depth Pictures waiting for a worker.
# TYPE spikeray_queue_depth gauge
spikeray_queue_depth 3
# HELP spikeray_model_info 1 for each model that answers; the labels say which.
# TYPE spikeray_model_info gauge
spikeray_model_info{backend="simulator",default="true",digest="sha256:00",kernel="generic",model="net",version="1.0.0"} 1
`
	err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(want), "spikeray_predictions_total", "spikeray_gate_flagged_total",
		"spikeray_spikes_total", "spikeray_synaptic_operations_total", "spikeray_queue_depth", "spikeray_model_info",
		"spikeray_board_canaries_total", "spikeray_board_failures_total", "spikeray_board_state", "spikeray_degraded_answers_total",
		"spikeray_outbox_items", "spikeray_outbox_failed_items", "spikeray_outbox_oldest_seconds", "spikeray_outbox_deliveries_total",
		"spikeray_dicom_associations_total", "spikeray_audit_records_total", "spikeray_audit_write_failures_total", "spikeray_audit_failing",
		"spikeray_audit_bytes")
	if err != nil {
		t.Error(err)
	}
}

func TestScrapeHasClassicAndNativeBuckets(t *testing.T) {
	server := httptest.NewServer(used().Handler())
	defer server.Close()

	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	protobuf := expfmt.NewFormat(expfmt.TypeProtoDelim)
	request.Header.Set("Accept", string(protobuf))
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()

	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header))
	stages := 0
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			break
		}
		if family.GetName() != "spikeray_stage_duration_seconds" {
			continue
		}
		for _, metric := range family.Metric {
			h := metric.Histogram
			stages++
			if h.GetSampleCount() != 1 || len(h.Bucket) == 0 {
				t.Errorf("%v: %d samples in %d classic buckets", metric.Label, h.GetSampleCount(), len(h.Bucket))
			}
			if h.Schema == nil || len(h.PositiveSpan) == 0 {
				t.Errorf("%v: no native buckets", metric.Label)
			}
		}
	}
	if stages != 6 {
		t.Errorf("%d stages, want 6", stages)
	}
}

// A family that is declared twice makes Prometheus's reference parser of OpenMetrics refuse the whole scrape, and so does
// a sample that no family above it covers.
func TestEachFamilyIsDeclaredOnceInEveryFormat(t *testing.T) {
	for accept, suffixes := range map[string][]string{
		"text/plain": {"", "_bucket", "_sum", "_count"},
		"application/openmetrics-text; version=1.0.0": {"", "_total", "_created", "_bucket", "_sum", "_count", "_info"},
	} {
		request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		request.Header.Set("Accept", accept)
		recorder := httptest.NewRecorder()
		used().Handler().ServeHTTP(recorder, request)
		if media, _, _ := strings.Cut(accept, ";"); !strings.HasPrefix(recorder.Header().Get("Content-Type"), media) {
			t.Fatalf("%s is answered with %s", accept, recorder.Header().Get("Content-Type"))
		}
		seen, family, samples := map[string]bool{}, "", 0
		names := map[string]bool{} // of samples, which must not be two families'
		for line := range strings.Lines(recorder.Body.String()) {
			fields := strings.Fields(line)
			switch {
			case len(fields) > 2 && fields[0] == "#" && fields[1] == "TYPE":
				if family = fields[2]; seen[family] {
					t.Errorf("%s: %s is declared twice", accept, family)
				}
				seen[family] = true
				for _, suffix := range suffixes {
					if names[family+suffix] && suffix != "" {
						t.Errorf("%s: %s%s is in two families", accept, family, suffix)
					}
				}
			case fields[0] == "#":
			default:
				samples++
				name, _, _ := strings.Cut(fields[0], "{")
				names[name] = true
				rest, under := strings.CutPrefix(name, family)
				if !under || !slices.Contains(suffixes, rest) {
					t.Errorf("%s: %s stands under %s", accept, name, family)
				}
			}
		}
		if len(seen) < 50 || samples < 100 || !seen["spikeray_build_info"] {
			t.Errorf("%s: %d families and %d samples", accept, len(seen), samples)
		}
		if accept == "text/plain" && !seen["go_memstats_alloc_bytes_total"] {
			t.Error("the counter is gone too")
		}
	}
}

func TestScrapeAsTextParses(t *testing.T) {
	recorder := httptest.NewRecorder()
	used().Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "spikeray_build_info", "spikeray_upload_buffer_bytes"} {
		if families[name] == nil {
			t.Errorf("no %s", name)
		}
	}
}

func TestAFileIsStaleUntilItIsGoodAgain(t *testing.T) {
	m := NewMetrics(Build{})
	f := m.Files("tls", "jwks")
	f.Read("tls", errors.New("bad"))
	f.Read("jwks", errors.New("bad"))
	f.Read("jwks", nil)
	if err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(`
# HELP spikeray_file_reloads_total How often files were read again, for a change or on SIGHUP, and put in force (taken) or could not be (refused), by what they are.
# TYPE spikeray_file_reloads_total counter
spikeray_file_reloads_total{file="jwks",result="refused"} 1
spikeray_file_reloads_total{file="jwks",result="taken"} 1
spikeray_file_reloads_total{file="tls",result="refused"} 1
spikeray_file_reloads_total{file="tls",result="taken"} 0
# HELP spikeray_file_stale 1 while what a file has now cannot be used and what it had before is in force; by what the file is.
# TYPE spikeray_file_stale gauge
spikeray_file_stale{file="jwks"} 0
spikeray_file_stale{file="tls"} 1
`), "spikeray_file_reloads_total", "spikeray_file_stale"); err != nil {
		t.Error(err)
	}
}
