package repository

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// logs is a log that may be read while it is written.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// modelFileOf is a model's file in a version. Each intercept gives other answers.
func modelFileOf(name, version string, intercept float64) []byte {
	return testmodel.ChangedFile(name, func(d map[string]any) {
		d["version"] = version
		d["calibration"].(map[string]any)["intercept"] = intercept
	})
}

// put writes a file of a version as it should be done: under another name, and then renamed.
func put(t testing.TB, dir, name, version, file string, data []byte) {
	t.Helper()
	at := filepath.Join(dir, name, version)
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, ".new"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(at, ".new"), filepath.Join(at, file)); err != nil {
		t.Fatal(err)
	}
}

func putModel(t testing.TB, dir, name, version string, intercept float64) {
	t.Helper()
	put(t, dir, name, version, modelFile, modelFileOf(name, version, intercept))
}

// base has two shipped models, the first of which is the default.
func base(t testing.TB) *pipeline.Catalogue {
	return pipeline.NewCatalogue(
		&pipeline.Entry{Model: testmodel.Gated(t), Shipped: true},
		&pipeline.Entry{Model: testmodel.Rows(t), Shipped: true},
	)
}

func options(t testing.TB, dir string) (Options, *logs) {
	out := &logs{}
	return Options{Dir: dir, Base: base(t), Log: slog.New(slog.NewTextHandler(out, nil))}, out
}

func open(t testing.TB, dir string, change func(*Options)) (*Repository, *logs) {
	t.Helper()
	opt, out := options(t, dir)
	if change != nil {
		change(&opt)
	}
	r, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r, out
}

func refresh(t testing.TB, r *Repository) {
	t.Helper()
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// serves is "name version" of all that answers, the default first.
func serves(r *Repository) (all []string) {
	for _, e := range r.Catalogue().All() {
		all = append(all, e.Name()+" "+e.Description().Version)
	}
	return all
}

func expect(t testing.TB, r *Repository, want ...string) {
	t.Helper()
	if got := serves(r); !slices.Equal(got, want) {
		t.Fatalf("serves %q, expected %q", got, want)
	}
}

// status is the index's entry of a version.
func status(t testing.TB, r *Repository, name, version string) Status {
	t.Helper()
	for _, s := range r.Index() {
		if s.Name == name && s.Version == version {
			return s
		}
	}
	t.Fatalf("%s %s is not in the index: %+v", name, version, r.Index())
	return Status{}
}

func TestTheNewestReleaseOfTheFolderServes(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.9.0", 0.1)
	putModel(t, dir, "tiny-gated", "1.10.0", 0.2)
	putModel(t, dir, "tiny-gated", "2.0.0-rc1", 0.3)
	putModel(t, dir, "another", "3.0.0-rc1", 0.4)
	r, _ := open(t, dir, nil)
	expect(t, r, "tiny-gated 1.10.0", "tiny-rows 0.1.0", "another 3.0.0-rc1")
	if s := status(t, r, "tiny-gated", "1.10.0"); s.State != Ready || !s.Serving || !s.Default || s.Pinned || s.Source != Folder || s.Checked != CheckTiers || s.Reason != "" {
		t.Errorf("%+v", s)
	}
	if s := status(t, r, "tiny-gated", "2.0.0-rc1"); s.State != Unavailable || s.Serving || s.Reason != "" {
		t.Errorf("%+v", s)
	}
	if s := status(t, r, "tiny-rows", "0.1.0"); s.Source != Shipped || !s.Serving {
		t.Errorf("%+v", s)
	}
}

func TestAVersionThatIsAddedRemovedAndPinnedServes(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0.1)
	r, out := open(t, dir, nil)
	first := r.Catalogue()
	putModel(t, dir, "tiny-gated", "2.0.0", 0.2)
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
	if first.Default().Description().Version != "1.0.0" {
		t.Error("the catalogue of before has changed")
	}
	if !strings.Contains(out.String(), `msg="model swapped" model=tiny-gated version=2.0.0 before=1.0.0`) {
		t.Errorf("the log says %s", out)
	}
	pin := filepath.Join(dir, "tiny-gated", CurrentFile)
	if err := os.WriteFile(pin, []byte("1.0.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if !status(t, r, "tiny-gated", "1.0.0").Pinned {
		t.Error("not said to be pinned")
	}
	if err := os.Remove(pin); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
	if err := os.RemoveAll(filepath.Join(dir, "tiny-gated", "2.0.0")); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if err := os.RemoveAll(filepath.Join(dir, "tiny-gated")); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 0.1.0", "tiny-rows 0.1.0") // the shipped one again
}

func TestABadFileLeavesTheOldOneServing(t *testing.T) {
	good := modelFileOf("tiny-gated", "2.0.0", 0.2)
	damaged := bytes.Clone(good)
	damaged[len(damaged)-3] ^= 1
	for name, file := range map[string][]byte{
		"damaged": damaged, "cut": good[:len(good)/2], "empty": {}, "foreign": []byte("PK\x03\x04 something else"),
		"of another model": modelFileOf("other", "2.0.0", 0.2), "of another version": modelFileOf("tiny-gated", "2.0.1", 0.2),
		"too large": make([]byte, 64<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			putModel(t, dir, "tiny-gated", "1.0.0", 0.1)
			r, out := open(t, dir, nil)
			var tried []Kind
			r.Hook(Hooks{Tried: func(failed Kind) { tried = append(tried, failed) }})
			before := r.Catalogue()
			put(t, dir, "tiny-gated", "2.0.0", modelFile, file)
			refresh(t, r)
			if r.Catalogue() != before {
				t.Fatalf("serves %q", serves(r))
			}
			if s := status(t, r, "tiny-gated", "2.0.0"); s.State != Unavailable || s.Reason == "" || s.At.IsZero() {
				t.Errorf("%+v", s)
			}
			if s := status(t, r, "tiny-gated", "1.0.0"); s.State != Ready || !strings.Contains(s.Reason, "2.0.0") {
				t.Errorf("%+v", s)
			}
			if !slices.Equal(tried, []Kind{KindFile}) || !strings.Contains(out.String(), `msg="a model was not loaded" model=tiny-gated version=2.0.0`) {
				t.Errorf("tried %q, the log says %s", tried, out)
			}
			// It is not tried again and again, but once its files change.
			if err := r.look(t.Context(), 0, false); err != nil || len(tried) != 1 {
				t.Errorf("%v, tried %q", err, tried)
			}
			put(t, dir, "tiny-gated", "2.0.0", modelFile, good)
			if err := r.look(t.Context(), 0, false); err != nil {
				t.Fatal(err)
			}
			expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
			if s := status(t, r, "tiny-gated", "2.0.0"); s.Reason != "" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAFileWrittenInPlaceIsNotLoadedHalf(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0.1)
	r, out := open(t, dir, nil)
	const settle = 30 * time.Millisecond
	path := filepath.Join(dir, "tiny-gated", "1.0.0", modelFile)
	next := modelFileOf("tiny-gated", "1.0.0", 0.7)
	was := r.Catalogue().Default().Digest()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := 0; at < len(next); at += 500 { // over the old one, which it is as long as
		if _, err := f.WriteAt(next[at:min(at+500, len(next))], int64(at)); err != nil {
			t.Fatal(err)
		}
		if err := r.look(t.Context(), settle, false); err != nil {
			t.Fatal(err)
		}
		if got := r.Catalogue().Default().Digest(); got != was && at+500 < len(next) {
			t.Fatalf("a file that is half written was taken: %s", got)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for r.Catalogue().Default().Digest() == was && time.Now().Before(deadline) {
		time.Sleep(settle / 3)
		if err := r.look(t.Context(), settle, false); err != nil {
			t.Fatal(err)
		}
	}
	if got := *r.Catalogue().Default().Description().Calibration; got.Intercept != 0.7 {
		t.Errorf("the calibration is %+v; the log says %s", got, out)
	}
}

func TestRequestsOfTheAPI(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0.1)
	putModel(t, dir, "tiny-gated", "2.0.0", 0.2)
	putModel(t, dir, "another", "1.0.0", 0.2)
	r, _ := open(t, dir, nil)
	ctx := t.Context()
	if version, err := r.Rollback(ctx, "tiny-gated"); err != nil || version != "1.0.0" {
		t.Fatal(version, err)
	}
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0", "another 1.0.0")
	refresh(t, r) // does not undo it
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0", "another 1.0.0")
	if err := r.Load(ctx, "tiny-gated", "0.1.0"); err != nil { // the shipped one
		t.Fatal(err)
	}
	expect(t, r, "tiny-gated 0.1.0", "tiny-rows 0.1.0", "another 1.0.0")
	if err := r.Load(ctx, "tiny-gated", ""); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0", "another 1.0.0")
	for _, version := range []string{"9.9.9", "../1.0.0", "x"} {
		if err := r.Load(ctx, "tiny-gated", version); !errors.Is(err, ErrNotFound) {
			t.Errorf("load of version %s: %v", version, err)
		}
	}
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0", "another 1.0.0")
	if status(t, r, "tiny-gated", "2.0.0").Pinned {
		t.Error("a version that was not loaded is pinned")
	}
	for _, name := range []string{"none", "../x", ""} {
		if err := errors.Join(r.Load(ctx, name, "")); !errors.Is(err, ErrNotFound) {
			t.Errorf("load of %q: %v", name, err)
		}
		if err := r.Unload(ctx, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("unload of %q: %v", name, err)
		}
	}
	if err := r.Unload(ctx, "tiny-gated"); !errors.Is(err, ErrConflict) {
		t.Errorf("unload of the default: %v", err)
	}
	for _, name := range []string{"another", "tiny-rows"} {
		if err := r.Unload(ctx, name); err != nil {
			t.Error(err)
		}
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0")
	for _, name := range []string{"another", "tiny-rows"} {
		if err := r.Load(ctx, name, ""); err != nil {
			t.Error(err)
		}
	}
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0", "another 1.0.0")
}

func TestWatchFollowsTheFolder(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0.1)
	r, _ := open(t, dir, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Watch(ctx, 5*time.Millisecond, 10*time.Millisecond)
	}()
	putModel(t, dir, "tiny-gated", "2.0.0", 0.2)
	deadline := time.Now().Add(10 * time.Second)
	for r.Catalogue().Default().Description().Version != "2.0.0" {
		if time.Now().After(deadline) {
			t.Fatal("the new version does not serve")
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
}
