package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// putVersion puts a version of a model into a folder of models. Each intercept gives other answers.
func putVersion(t testing.TB, dir, name, version string, intercept float64) {
	t.Helper()
	putFile(t, dir, name, version, testmodel.ChangedFile(name, func(d map[string]any) {
		d["version"] = version
		d["calibration"].(map[string]any)["intercept"] = intercept
	}))
}

func putFile(t testing.TB, dir, name, version string, file []byte) {
	t.Helper()
	at := filepath.Join(dir, name, version)
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, ".new"), file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(at, ".new"), filepath.Join(at, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
}

// stocked is a repository of a folder and of the models of entries, as shipped ones.
func stocked(t testing.TB, dir string, change func(*repository.Options)) *repository.Repository {
	t.Helper()
	all := entries(t).All()
	for _, e := range all {
		e.Shipped = true
	}
	opt := repository.Options{Dir: dir, Base: pipeline.NewCatalogue(all...), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opt)
	}
	r, err := repository.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stock has a service answer with the models of a repository.
func (s *service) stock(r *repository.Repository) {
	s.server.config.Models, s.server.config.Repository, s.server.config.ModelControl = r, r, true
	r.Hook(repository.Hooks{Changed: s.server.Announce})
}

// change asks for a change to a model.
func (s *service) change(model, change, query string) answer {
	s.t.Helper()
	return s.do(request(s.t, http.MethodPost, s.url+"/v1/models/"+model+"/"+change+query, nil))
}

// provokeModelControl brings about every answer that the document promises for changes to models but that of a server that drains.
func (s *service) provokeModelControl(see func(method, path string, a answer)) {
	s.t.Helper()
	changed := func(model, change, query string) {
		s.t.Helper()
		see("POST", "/v1/models/{name}/"+change, s.change(model, change, query))
	}
	changes := []string{"load", "unload", "rollback"}
	for _, change := range changes {
		changed("tiny-rows", change, "") // not permitted
		see("POST", "/v1/models/{name}/"+change, s.get("/v1/models/tiny-rows/"+change))
	}
	dir := s.t.TempDir()
	putVersion(s.t, dir, "tiny-gated", "1.0.0", 0)
	putVersion(s.t, dir, "tiny-gated", "2.0.0", 0)
	putFile(s.t, dir, "tiny-gated", "3.0.0", []byte("no model"))
	plain := &pipeline.Entry{Model: testmodel.Plain(s.t)} // of a file
	s.stock(stocked(s.t, dir, func(o *repository.Options) {
		o.Base = pipeline.NewCatalogue(append(o.Base.All()[:1], plain, o.Base.All()[3])...)
	}))
	for _, change := range changes {
		changed("tiny-gated", change, "?a=b")
		changed("none", change, "")
	}
	changed("tiny-gated", "rollback", "")
	changed("tiny-gated", "load", "?version=2.0.0")
	changed("tiny-gated", "load", "?version=3.0.0")
	changed("tiny-rows", "unload", "") // the default
	putFile(s.t, dir, "tiny-plain", "0.0.9", testmodel.File("tiny-plain", nil))
	changed("tiny-plain", "load", "?version=0.0.9")
	changed("tiny-plain", "rollback", "")
	changed("tiny-gated", "load", "?version=1.0.0")
	putFile(s.t, dir, "tiny-gated", "2.0.0", []byte("no model any more"))
	changed("tiny-gated", "rollback", "")
	changed("tiny-gated", "unload", "")
}

func TestTheModelsListTellsOfTheRepository(t *testing.T) {
	s := start(t, nil)
	dir := t.TempDir()
	putVersion(t, dir, "tiny-gated", "1.0.0", 0)
	s.stock(stocked(t, dir, nil))
	putFile(t, dir, "tiny-gated", "2.0.0", []byte("no model"))
	if a := s.change("tiny-gated", "load", ""); a.problem(t) != "model-not-loaded" || !strings.Contains(string(a.body), "tiny-gated 2.0.0") {
		t.Errorf("%d %s", a.status, a.body)
	}
	var list struct {
		Models     []modelSummary
		Repository []versionDocument
	}
	if err := json.Unmarshal(s.get("/v1/models").body, &list); err != nil {
		t.Fatal(err)
	}
	for _, d := range list.Repository {
		if d.Name != "tiny-gated" {
			continue
		}
		switch d.Version {
		case "1.0.0":
			if d.State != repository.Ready || !d.Serving || d.Reason == nil || *d.Checked != repository.CheckTiers {
				t.Errorf("%+v", d)
			}
		case "2.0.0":
			if d.State != repository.Unavailable || d.Serving || d.Reason == nil || d.At == nil {
				t.Errorf("%+v", d)
			}
		}
	}
	if len(list.Repository) != len(list.Models)+1 {
		t.Errorf("%d versions of %d models", len(list.Repository), len(list.Models))
	}
	if a := s.get("/readyz"); a.status != 200 {
		t.Errorf("ready: %d %s", a.status, a.body)
	}
}

func TestARequestMayNameAVersionThatIsLoaded(t *testing.T) {
	s := start(t, nil)
	dir := t.TempDir()
	for i, version := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		putVersion(t, dir, "tiny-gated", version, float64(i))
	}
	s.stock(stocked(t, dir, func(o *repository.Options) { o.Versions = 2 }))
	picture := testmodel.PNG(64, 64, 1)
	seen := map[string]float64{}
	for query, want := range map[string]string{"": "3.0.0", "&version=3.0.0": "3.0.0", "&version=2.0.0": "2.0.0", "&version=1.0.0": "", "&version=x": ""} {
		a := s.post("?model=tiny-gated"+query, picture)
		if want == "" {
			if a.problem(t) != "unknown-model" {
				t.Errorf("%s: %d %s", query, a.status, a.body)
			}
			continue
		}
		var p decided
		a.decode(t, &p)
		if p.Model.Version != want {
			t.Errorf("%s: %+v", query, p.Model)
		}
		seen[want] = p.Probability
	}
	if seen["2.0.0"] == seen["3.0.0"] {
		t.Error("both versions give the same probability")
	}
	for path, want := range map[string]int{"/v1/models/tiny-gated?version=2.0.0": 200, "/v1/models/tiny-gated/drift?version=2.0.0": 200, "/v1/models/tiny-gated?version=1.0.0": 404} {
		if a := s.get(path); a.status != want || want == 200 && !strings.Contains(string(a.body), `"version":"2.0.0"`) {
			t.Errorf("%s: %d %.200s", path, a.status, a.body)
		}
	}
}

// TestMetricsFollowASwap looks for series that a version or a model leaves behind.
func TestMetricsFollowASwap(t *testing.T) {
	s := start(t, nil)
	dir := t.TempDir()
	putVersion(t, dir, "tiny-gated", "1.0.0", 0)
	putVersion(t, dir, "another", "1.0.0", 0)
	r := stocked(t, dir, nil)
	s.stock(r)
	of := func(part string) (found []string) {
		for _, line := range strings.Split(string(s.get("/metrics").body), "\n") {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, part) {
				found = append(found, line)
			}
		}
		return found
	}
	picture := testmodel.PNG(64, 64, 1)
	for _, model := range []string{"tiny-gated", "another"} {
		if a := s.post("?model="+model, picture); a.status != 200 {
			t.Fatalf("%s", a.body)
		}
	}
	series := len(of(`model="tiny-gated"`))
	if len(of(`version="1.0.0"`)) != 2 || len(of(`model="another"`)) == 0 {
		t.Fatalf("%q", of(`model="another"`))
	}
	putVersion(t, dir, "tiny-gated", "2.0.0", 1)
	if err := os.RemoveAll(filepath.Join(dir, "another")); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := slices.Concat(of(`version="1.0.0"`), of(`model="another"`)); len(found) != 0 {
		t.Errorf("left behind: %q", found)
	}
	if now := len(of(`model="tiny-gated"`)); now != series {
		t.Errorf("%d series of the model, %d before", now, series)
	}
	if found := of(`spikeray_drift_window_pictures{model="tiny-gated"}`); len(found) != 1 || !strings.HasSuffix(found[0], " 0") {
		t.Errorf("the new version's window does not begin empty: %q", found)
	}
}

func TestModelsAreChangedByPermissionOnly(t *testing.T) {
	s := start(t, nil)
	dir := t.TempDir()
	putVersion(t, dir, "tiny-gated", "1.0.0", 0)
	s.stock(stocked(t, dir, nil))
	s.server.config.ModelControl = false
	for _, change := range []string{"load", "unload", "rollback"} {
		if a := s.change("tiny-gated", change, ""); a.status != 403 || a.problem(t) != "not-permitted" {
			t.Errorf("%s: %d %s", change, a.status, a.body)
		}
	}
	s.server.config.ModelControl = true
	r := request(t, http.MethodPost, s.url+"/v1/models/tiny-gated/unload", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := s.do(r); a.problem(t) != "cross-site" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.change("tiny-gated", "unload", "?version=1.0.0"); a.problem(t) != "invalid-parameter" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.get("/v1/models/tiny-gated"); a.status != 200 {
		t.Errorf("it was unloaded: %d", a.status)
	}
}
