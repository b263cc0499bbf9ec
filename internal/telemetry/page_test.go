package telemetry

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// page is where the files of the live view lie.
const page = "../../api/web/static"

var quotedMetric = regexp.MustCompile(`['"\x60]((?:spikeray|process|go)_[a-z_]+)['"\x60]`)

// TestTheLiveViewReadsMetricsThatThereAre: a metric that is renamed would leave a hole in the page, and say nothing.
func TestTheLiveViewReadsMetricsThatThereAre(t *testing.T) {
	families, err := used().Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	registered := map[string]bool{}
	for _, f := range families {
		registered[f.GetName()] = true
	}
	table, err := os.ReadFile(filepath.Join(page, "status-names.js"))
	if err != nil {
		t.Fatal(err)
	}
	names := quotedMetric.FindAllStringSubmatch(string(table), -1)
	if len(names) < 40 {
		t.Errorf("status-names.js has %d names of metrics, the page needs more than 40", len(names))
	}
	for _, name := range names {
		if strings.HasPrefix(name[1], "process_") && runtime.GOOS != "linux" {
			continue // the process's metrics differ by system
		}
		if !registered[name[1]] {
			t.Errorf("the live view reads %s, which is not registered", name[1])
		}
	}
}

// TestMetricsAreNamedInOneTable: what stands elsewhere in the scripts of the pages is not held by the test above.
func TestMetricsAreNamedInOneTable(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(page, "*.js"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", page, err)
	}
	for _, script := range scripts {
		if filepath.Base(script) == "status-names.js" {
			continue
		}
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range quotedMetric.FindAllStringSubmatch(string(text), -1) {
			t.Errorf("%s names %s, which belongs into status-names.js", script, name[1])
		}
	}
}
