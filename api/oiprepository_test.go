package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// folderOfTwo is a folder of models for tests.
type folderOfTwo struct{ done []string }

func (r *folderOfTwo) Index() []v2.ModelState {
	return []v2.ModelState{{Name: "a", Version: "1.0.0", State: v2.Ready}, {Name: "b", Version: "2.0.0", State: v2.Unavailable, Reason: "unloaded"}}
}

func (r *folderOfTwo) Load(_ context.Context, name string) error {
	if name != "a" {
		return &v2.Refusal{Reason: v2.NotFound, Detail: "no such model"}
	}
	r.done = append(r.done, "load "+name)
	return nil
}

func (r *folderOfTwo) Unload(_ context.Context, name string) error {
	switch name {
	case "b":
		return &v2.Refusal{Reason: v2.Conflict, Detail: "the default model stays"}
	case "a":
		r.done = append(r.done, "unload "+name)
		return nil
	}
	return &v2.Refusal{Reason: v2.NotFound, Detail: "no such model"}
}

func TestRepository(t *testing.T) {
	s := start(t, nil)
	post := func(path, body string) answer {
		return s.do(request(t, http.MethodPost, s.url+path, strings.NewReader(body)))
	}
	var all []v2.ModelState
	post("/v2/repository/index", "").decode(t, &all)
	if len(all) != len(s.server.config.Models.Catalogue().All()) || all[0].Name != s.server.config.Models.Catalogue().Default().Name() || all[0].State != v2.Ready {
		t.Errorf("%+v", all)
	}
	post("/v2/repository/models/tiny-rows/load", "").refused(t, 403)
	r := &folderOfTwo{}
	s.server.oip.Repository = r
	crossSite := request(t, http.MethodPost, s.url+"/v2/repository/models/a/unload", strings.NewReader(""))
	crossSite.Header.Set("Origin", "https://other.example")
	s.do(crossSite).refused(t, 403)
	post("/v2/repository/index", `{"ready":true}`).decode(t, &all)
	if len(all) != 1 || all[0].Name != "a" {
		t.Errorf("%+v", all)
	}
	for path, want := range map[string]int{"a/load": 200, "b/load": 404, "a/unload": 200, "b/unload": 409, "c/unload": 404} {
		body := ""
		if strings.HasSuffix(path, "unload") {
			body = `{"parameters":{"unload_dependents":false}}` // what tritonclient sends
		}
		if a := post("/v2/repository/models/"+path, body); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if len(r.done) != 2 {
		t.Errorf("%q", r.done)
	}
	if said := post("/v2/repository/models/a/load", `{"parameters":{"config":"{}"}}`).refused(t, 400); !strings.Contains(said, "config") {
		t.Error(said)
	}
	post("/v2/repository/models/a/load?version=2", "").refused(t, 400)
	for _, body := range []string{`{"version":"2"}`, `{}{}`} {
		post("/v2/repository/models/a/load", body).refused(t, 400)
	}
	if len(r.done) != 2 {
		t.Errorf("%q", r.done)
	}
}

// TestTheProtocolChangesTheFolderOfModels has a repository of files, and two versions that answer.
func TestTheProtocolChangesTheFolderOfModels(t *testing.T) {
	dir := t.TempDir()
	for i, version := range []string{"1.0.0", "2.0.0"} {
		putVersion(t, dir, "tiny-gated", version, float64(i))
	}
	putVersion(t, dir, "another", "1.0.0", 0)
	r := stocked(t, dir, func(o *repository.Options) { o.Versions = 2 })
	s := start(t, func(c *Config) { c.Models, c.Repository, c.ModelControl = r, r, true })
	r.Hook(repository.Hooks{Changed: s.server.Announce})
	post := func(path string) answer { return s.do(request(t, http.MethodPost, s.url+path, nil)) }
	state := func(name, version string) string {
		t.Helper()
		var all []v2.ModelState
		post("/v2/repository/index").decode(t, &all)
		for _, m := range all {
			if m.Name == name && m.Version == version {
				return m.State
			}
		}
		return ""
	}
	in := &oip.InferRequest{Inputs: files(testmodel.PNG(64, 64, 1))}
	newest := doubles(t, s.infer("tiny-gated", in).inferred(t), "probability")[0]
	named := doubles(t, s.do(s.inferRequest("/v2/models/tiny-gated/versions/2.0.0/infer", in)).inferred(t), "probability")[0]
	before := doubles(t, s.do(s.inferRequest("/v2/models/tiny-gated/versions/1.0.0/infer", in)).inferred(t), "probability")[0]
	if newest != named || newest == before {
		t.Errorf("%v by default, %v by 2.0.0 and %v by 1.0.0", newest, named, before)
	}
	var m oip.ModelMetadata
	s.get("/v2/models/tiny-gated").decode(t, &m)
	if !slices.Equal(m.Versions, []string{"2.0.0", "1.0.0"}) {
		t.Errorf("%q", m.Versions)
	}
	s.get("/v2/models/tiny-gated/versions/3.0.0").refused(t, 404)
	if state("another", "1.0.0") != v2.Ready || state("tiny-gated", "1.0.0") != v2.Ready {
		t.Error("what answers is not ready")
	}
	if a := post("/v2/repository/models/another/unload"); a.status != 200 || state("another", "1.0.0") != v2.Unavailable {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.infer("another", in).refused(t, 404)
	if a := post("/v2/repository/models/another/load"); a.status != 200 || state("another", "1.0.0") != v2.Ready {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.infer("another", in).inferred(t)
	post("/v2/repository/models/none/load").refused(t, 404)
	post("/v2/repository/models/"+r.Catalogue().Default().Name()+"/unload").refused(t, 409)
	// A version that comes later begins with nothing counted.
	putVersion(t, dir, "another", "2.0.0", 1)
	if err := os.RemoveAll(filepath.Join(dir, "another", "1.0.0")); err != nil {
		t.Fatal(err)
	}
	if a := post("/v2/repository/models/another/load"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	said := string(s.get("/v2/models/another/stats").body)
	if !strings.Contains(said, `"version":"2.0.0"`) || strings.Contains(said, `"version":"1.0.0"`) || !strings.Contains(said, `"inference_count":0`) {
		t.Error(said)
	}
	if took := entryOf(t, s, "another").Took(0).Value(); took != 0 {
		t.Errorf("the new version is said to have taken %v", took)
	}
	putFile(t, dir, "another", "3.0.0", []byte("no model"))
	post("/v2/repository/models/another/load").refused(t, 422)
}

// TestWithoutPermissionTheProtocolChangesNothing has a repository that no request may change.
func TestWithoutPermissionTheProtocolChangesNothing(t *testing.T) {
	dir := t.TempDir()
	putVersion(t, dir, "another", "1.0.0", 0)
	r := stocked(t, dir, nil)
	s := start(t, func(c *Config) { c.Models, c.Repository = r, r })
	for _, what := range []string{"load", "unload"} {
		s.do(request(t, http.MethodPost, s.url+"/v2/repository/models/another/"+what, nil)).refused(t, 403)
	}
	if _, err := r.Catalogue().Get("another"); err != nil {
		t.Error(err)
	}
}

// provokeOIP brings about every answer that the document promises of the protocol's routes.
func (s *service) provokeOIP(see func(string, string, answer)) {
	picture := testmodel.PNG(64, 48, 1)
	version := versionOf(s.t, s, "tiny-rows")
	broken := versionOf(s.t, s, "tiny-broken")
	do := func(method, path, body string) answer {
		return s.do(request(s.t, method, s.url+path, strings.NewReader(body)))
	}
	for _, path := range []string{"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats"} {
		see("GET", path, s.get(path))
		see("GET", path, do("DELETE", path, ""))
	}
	const index = "/v2/repository/index"
	see("POST", index, do("POST", index, ""))
	see("POST", index, do("POST", index, "["))
	see("POST", index, do("GET", index, ""))
	see("POST", index, do("POST", index, strings.Repeat(" ", 100_000)))
	for _, what := range []string{"/load", "/unload"} {
		const models = "/v2/repository/models/"
		s.server.oip.Repository = nil
		see("POST", models+"{model}"+what, do("POST", models+"a"+what, ""))
		s.server.oip.Repository = &folderOfTwo{}
		for _, body := range []string{"", "[", strings.Repeat(" ", 100_000)} {
			see("POST", models+"{model}"+what, do("POST", models+"a"+what, body))
		}
		see("POST", models+"{model}"+what, do("POST", models+"c"+what, ""))
		see("POST", models+"{model}"+what, do("GET", models+"a"+what, ""))
		s.server.oip.Repository = conflicting{}
		see("POST", models+"{model}"+what, do("POST", models+"a"+what, ""))
		s.server.oip.Repository = nil
	}
	s.server.oip.Repository = &unloadable{}
	see("POST", "/v2/repository/models/{model}/load", do("POST", "/v2/repository/models/a/load", ""))
	s.server.oip.Repository = nil
	for route, path := range map[string]string{"": "", "/versions/{version}": "/versions/" + version} {
		route, path, none := "/v2/models/{model}"+route, "/v2/models/tiny-rows"+path, "/v2/models/none"+path
		for _, what := range []string{"", "/ready", "/config", "/stats"} {
			see("GET", route+what, s.get(path+what))
			see("GET", route+what, s.get(none+what))
			see("GET", route+what, do("DELETE", path+what, ""))
		}
		route += "/infer"
		post := func(path string, file []byte) answer {
			return s.do(s.inferRequest(path+"/infer", &oip.InferRequest{Inputs: files(file)}))
		}
		see("POST", route, post(path, picture))
		see("POST", route, do("POST", path+"/infer", "{}"))
		see("POST", route, post(none, picture))
		see("POST", route, do("GET", path+"/infer", ""))
		see("POST", route, post(path, make([]byte, 2<<20)))
		see("POST", route, post(path, []byte("GIF89a")))
		see("POST", route, post(path, testmodel.PNG(1, 1, 1)))
		see("POST", route, post(strings.Replace(strings.Replace(path, "tiny-rows", "tiny-broken", 1), version, broken, 1), picture))
		crossSite := s.inferRequest(path+"/infer", &oip.InferRequest{Inputs: files(picture)})
		crossSite.Header.Set("Origin", "https://other.example")
		see("POST", route, s.do(crossSite))
		see("POST", route, s.slowUploadTo(path+"/infer", "application/json"))
		busy := s.busyWorker()
		see("POST", route, s.do(s.inferRequest(path+"/infer", &oip.InferRequest{Inputs: files(picture), Parameters: oip.Parameters{"deadline_ms": 20}})))
		busy()
		release := s.fillQueue()
		see("POST", route, post(path, picture))
		release()
	}
}

// provokeOIPDraining does so for a server that takes no new work.
func (s *service) provokeOIPDraining(see func(string, string, answer)) {
	see("GET", "/v2/health/ready", s.get("/v2/health/ready"))
	see("GET", "/v2/models/{model}/ready", s.get("/v2/models/tiny-rows/ready"))
	for _, what := range []string{"load", "unload"} {
		see("POST", "/v2/repository/models/{model}/"+what, s.do(request(s.t, http.MethodPost, s.url+"/v2/repository/models/a/"+what, nil)))
	}
	see("GET", "/v2/models/{model}/versions/{version}/ready", s.get("/v2/models/tiny-rows/versions/"+versionOf(s.t, s, "tiny-rows")+"/ready"))
}

// conflicting is a repository that can do nothing now.
type conflicting struct{}

func (conflicting) Index() []v2.ModelState { return nil }
func (conflicting) Load(context.Context, string) error {
	return &v2.Refusal{Reason: v2.Conflict, Detail: "not now"}
}
func (conflicting) Unload(context.Context, string) error {
	return &v2.Refusal{Reason: v2.Conflict, Detail: "not now"}
}

// unloadable is a repository of a damaged model.
type unloadable struct{ folderOfTwo }

func (unloadable) Load(context.Context, string) error {
	return &repository.LoadError{Name: "a", Version: "1.0.0", Kind: repository.KindFile, Err: errors.New("cut off")}
}

// deadlined is a response that can be told deadlines.
type deadlined struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (d *deadlined) Header() http.Header              { return d.header }
func (d *deadlined) WriteHeader(status int)           { d.status = status }
func (d *deadlined) Write(b []byte) (int, error)      { return d.body.Write(b) }
func (d *deadlined) SetReadDeadline(time.Time) error  { return nil }
func (d *deadlined) SetWriteDeadline(time.Time) error { return nil }
