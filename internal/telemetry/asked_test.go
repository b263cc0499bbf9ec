package telemetry

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// asks are the expressions of what asks for the metrics.
func asks(t *testing.T) map[string][]string {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read("../../deploy/grafana/spikeray.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{"alerts.yml": {string(read("../../deploy/alerts.yml"))}}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all["dashboard: "+p.Title] = append(all["dashboard: "+p.Title], target.Expr)
		}
	}
	return all
}

// ofTarget are labels that Prometheus gives what it scrapes.
var ofTarget = []string{"job", "instance", "le"}

var (
	metricName = regexp.MustCompile(`spikeray_[a-z_]+`)
	selector   = regexp.MustCompile(`(spikeray_[a-z_]+)\{([^{}]*)\}`)
	matched    = regexp.MustCompile(`([a-z_]+)\s*(?:=|!=|=~|!~)\s*"`)
	grouped    = regexp.MustCompile(`by \(([a-z_, ]*)\)\s*\(\s*(?:rate|increase)?\(?\s*(spikeray_[a-z_]+)`)
)

func TestDashboardAndAlertsAskForWhatThereIs(t *testing.T) {
	labels := map[string][]string{} // by metric
	families, err := used().Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		own := []string{}
		for _, pair := range f.Metric[0].Label {
			own = append(own, pair.GetName())
		}
		labels[f.GetName()] = own
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, ending := range []string{"_bucket", "_sum", "_count"} {
				labels[f.GetName()+ending] = own
			}
		}
	}
	asked := map[string]bool{}
	for where, expressions := range asks(t) {
		for _, e := range expressions {
			for _, name := range metricName.FindAllString(e, -1) {
				asked[name] = true
				if labels[name] == nil {
					t.Errorf("%s asks for %s, which is not registered", where, name)
				}
			}
			for _, m := range selector.FindAllStringSubmatch(e, -1) {
				for _, l := range matched.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(ofTarget, l[1]) && !slices.Contains(labels[m[1]], l[1]) {
						t.Errorf("%s asks for %s by %s, which is none of its labels %q", where, m[1], l[1], labels[m[1]])
					}
				}
			}
			for _, m := range grouped.FindAllStringSubmatch(e, -1) {
				for l := range strings.SplitSeq(m[1], ",") {
					if l = strings.TrimSpace(l); l != "" && !slices.Contains(ofTarget, l) && !slices.Contains(labels[m[2]], l) {
						t.Errorf("%s groups %s by %s, which is none of its labels %q", where, m[2], l, labels[m[2]])
					}
				}
			}
		}
	}
	// The other way round: what nobody would see on the dashboard.
	for _, f := range families {
		name := f.GetName()
		seen := asked[name] || asked[name+"_bucket"] || asked[name+"_sum"] || asked[name+"_count"]
		if strings.HasPrefix(name, "spikeray_") && !seen {
			t.Errorf("nothing asks for %s", name)
		}
	}
}
