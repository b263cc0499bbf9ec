package repository

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVersionsAreComparedBySemanticVersioning(t *testing.T) {
	// The order of Semantic Versioning 2.0.0, section 11.4, and of numbers that text would order otherwise.
	order := []string{"0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "2.0.0"}
	for i, a := range order {
		for j, b := range order {
			if got := newer(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	if got := preferred([]string{"1.0.0", "2.0.0-rc1", "1.10.0", "2.0.0-rc2", "1.9.0"}); !slices.Equal(got, []string{"1.10.0", "1.9.0", "1.0.0", "2.0.0-rc2", "2.0.0-rc1"}) {
		t.Errorf("%q", got)
	}
	for version, want := range map[string]bool{"1.0.0": true, "1.0.0-rc1": true, "v1.0.0": false, "1.0": false, "1": false, "01.0.0": false, "": false, "..": false, "1.0.0/..": false} {
		if isVersion(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// A volume of Kubernetes is links to a folder that is swapped as one.
func TestAFolderMayBeMadeOfLinks(t *testing.T) {
	mount := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(mount, name+".new")); err != nil {
			t.Skip(err)
		}
		if err := os.Rename(filepath.Join(mount, name+".new"), filepath.Join(mount, name)); err != nil {
			t.Fatal(err)
		}
	}
	putModel(t, filepath.Join(mount, "..one"), "tiny-gated", "1.0.0", 0.1)
	putModel(t, filepath.Join(mount, "..two"), "tiny-gated", "1.0.0", 0.2)
	link("..one", "..data")
	link(filepath.Join("..data", "tiny-gated"), "tiny-gated")
	r, _ := open(t, mount, nil)
	if got := r.Catalogue().Default().Description().Calibration.Intercept; got != 0.1 {
		t.Fatalf("%v", got)
	}
	link("..two", "..data")
	refresh(t, r)
	if got := r.Catalogue().Default().Description().Calibration.Intercept; got != 0.2 {
		t.Errorf("%v serves after the swap", got)
	}
}

func TestWhatIsNoModelIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	for _, path := range []string{"README.md", "tiny-gated/notes.txt", ".git/config", "lost+found/x"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(t, dir, "Not A Model", "1.0.0", modelFile, nil)
	put(t, dir, "tiny-gated", "latest", modelFile, nil)
	put(t, dir, "empty", "1.0.0", "notes.txt", nil)
	r, out := open(t, dir, nil)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	for _, says := range []string{`folder \"Not A Model\" is not a model's`, `folder \"latest\" of model tiny-gated is not a version's`} {
		if n := strings.Count(out.String(), says); n != 1 {
			t.Errorf("%d times %s in %s", n, says, out)
		}
	}
	refresh(t, r)
	if n := strings.Count(out.String(), "passed over"); n != 2 {
		t.Errorf("it is told %d times", n)
	}
}

// Opening a pipe that nobody writes to would wait for ever.
func TestAFileThatIsNoneIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	r, _ := open(t, dir, nil)
	at := filepath.Join(dir, "tiny-gated", "2.0.0")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(at, modelFile), 0o600); err != nil {
		t.Skip(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if s := status(t, r, "tiny-gated", "2.0.0"); s.Reason != "model.safetensors: not a regular file" {
		t.Errorf("%q", s.Reason)
	}
}

func TestABadFileCurrentChangesNothing(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	putModel(t, dir, "tiny-gated", "2.0.0", 0)
	pin := filepath.Join(dir, "tiny-gated", CurrentFile)
	if err := os.WriteFile(pin, []byte("1.0.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, _ := open(t, dir, nil)
	for _, text := range []string{"", "latest", "1.0.0 2.0.0", "3.0.0", strings.Repeat("1", 1000), "\xff\xfe"} {
		if err := os.WriteFile(pin, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		refresh(t, r)
		if got := serves(r)[0]; got != "tiny-gated 1.0.0" {
			t.Errorf("%q: %s serves", text, got)
		}
		if s := status(t, r, "tiny-gated", "1.0.0"); s.Reason == "" || strings.Contains(s.Reason, dir) {
			t.Errorf("%q: the reason is %q", text, s.Reason)
		}
	}
	if err := os.WriteFile(pin, []byte(" 2.0.0\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
}

func TestAFolderThatCannotBeListedChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	r, out := open(t, dir, nil)
	unread := 0
	r.Hook(Hooks{Unread: func() { unread++ }})
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if err := r.Load(t.Context(), "tiny-gated", ""); err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("load: %v", err)
	}
	if n := strings.Count(out.String(), "cannot be listed"); n != 1 || unread != 4 {
		t.Errorf("told %d times, counted %d", n, unread)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	putModel(t, dir, "tiny-gated", "2.0.0", 0)
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
}

// TestTheDefaultModelDoesNotVanish with its folder: nothing else may answer in its place.
func TestTheDefaultModelDoesNotVanish(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "only", "1.0.0", 0)
	putModel(t, dir, "other", "1.0.0", 0)
	r, _ := open(t, dir, func(o *Options) { o.Default = "only" })
	for _, name := range []string{"only", "other"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	refresh(t, r)
	expect(t, r, "only 1.0.0", "tiny-gated 0.1.0", "tiny-rows 0.1.0")
	if s := status(t, r, "only", "1.0.0"); !strings.Contains(s.Reason, "serves on") {
		t.Errorf("%+v", s)
	}
}

// TestAFileThatChangesWhileItIsRead is put back and forth between two contents, and looked at all the while: what is loaded is always
// one of them, whole.
func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	dir := t.TempDir()
	contents := [][]byte{modelFileOf("tiny-gated", "1.0.0", 0.25), modelFileOf("tiny-gated", "1.0.0", 0.75)}
	put(t, dir, "tiny-gated", "1.0.0", modelFile, contents[0])
	r, _ := open(t, dir, nil)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		path := filepath.Join(dir, "tiny-gated", "1.0.0", modelFile)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			content := contents[i%2]
			_, err = f.Write(content[:len(content)/2])
			runtime.Gosched()
			_, err2 := f.Write(content[len(content)/2:])
			if err := errors.Join(err, err2, f.Close()); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	seen := map[float64]bool{}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		refresh(t, r)
		seen[r.Catalogue().Default().Description().Calibration.Intercept] = true
	}
	close(stop)
	writer.Wait()
	for intercept := range seen {
		if intercept != 0.25 && intercept != 0.75 {
			t.Errorf("an intercept of %v was loaded", intercept)
		}
	}
}

// TestManyAskAtOnce has all that may be done to a repository done at the same time.
func TestManyAskAtOnce(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"1.0.0", "2.0.0"} {
		putModel(t, dir, "tiny-gated", version, 0)
		putModel(t, dir, "another", version, 0)
	}
	r, _ := open(t, dir, func(o *Options) { o.Versions, o.Shadow = 2, Reference{"another", "1.0.0"} })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, do := range []func(i int){
		func(i int) { _ = r.Load(context.WithoutCancel(ctx), "tiny-gated", []string{"1.0.0", "2.0.0", ""}[i%3]) },
		func(i int) { _, _ = r.Rollback(context.WithoutCancel(ctx), "tiny-gated") },
		func(i int) {
			_ = errors.Join(r.Unload(ctx, "tiny-rows"), r.Load(context.WithoutCancel(ctx), "tiny-rows", ""))
		},
		func(i int) { _ = r.Refresh(context.WithoutCancel(ctx)) },
		func(i int) { putModel(t, dir, "another", "2.0.0", float64(i%7)) },
		func(i int) {
			c := r.Catalogue()
			for _, e := range c.All() {
				if got, err := c.Version(e.Name(), e.Description().Version); err != nil || got != e {
					t.Errorf("%s: %v", e.Name(), err)
				}
			}
			if len(r.Index()) < 4 || r.Shadow() == nil {
				t.Errorf("%+v", r.Index())
			}
		},
	} {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				do(i)
			}
		})
	}
	all.Wait()
}

// TestAFileThatIsStillBeingWrittenIsLeftAlone for a while, so that it is not told of as a bad one.
func TestAFileThatIsStillBeingWrittenIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	r, out := open(t, dir, nil)
	file := modelFileOf("tiny-gated", "2.0.0", 0)
	path := filepath.Join(dir, "tiny-gated", "2.0.0", modelFile)
	put(t, dir, "tiny-gated", "2.0.0", modelFile, nil)
	const settle = 300 * time.Millisecond
	for n := 0; n <= len(file); n += len(file) / 4 {
		if err := os.WriteFile(path, file[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := r.look(t.Context(), settle, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); serves(r)[0] != "tiny-gated 2.0.0"; time.Sleep(settle / 10) {
		if err := r.look(t.Context(), settle, false); err != nil || time.Now().After(end) {
			t.Fatal(err, serves(r))
		}
	}
	if strings.Contains(out.String(), "was not loaded") {
		t.Error(out.String())
	}
}

// TestNothingServesInBetween when a volume is swapped for one with another version: the new one's files have not settled yet, and the
// old one's are gone.
func TestNothingServesInBetween(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tiny-gated", "another"} {
		putModel(t, dir, name, "1.0.0", 0)
		putModel(t, dir, name, "2.0.0", 0)
	}
	r, _ := open(t, dir, nil)
	const settle = 200 * time.Millisecond
	for _, name := range []string{"tiny-gated", "another"} {
		if err := os.Rename(filepath.Join(dir, name, "2.0.0"), filepath.Join(dir, "."+name)); err != nil {
			t.Fatal(err)
		}
		putModel(t, dir, name, "3.0.0", 1)
	}
	var seen []string
	for end := time.Now().Add(10 * time.Second); len(seen) == 0 || !strings.Contains(seen[len(seen)-1], "3.0.0"); time.Sleep(settle / 10) {
		if err := r.look(t.Context(), settle, false); err != nil || time.Now().After(end) {
			t.Fatal(err, seen)
		}
		if now := strings.Join(serves(r), ", "); len(seen) == 0 || seen[len(seen)-1] != now {
			seen = append(seen, now)
		}
	}
	want := []string{"tiny-gated 2.0.0, tiny-rows 0.1.0, another 2.0.0", "tiny-gated 3.0.0, tiny-rows 0.1.0, another 3.0.0"}
	if !slices.Equal(seen, want) {
		t.Errorf("served %q, expected %q", seen, want)
	}
}
