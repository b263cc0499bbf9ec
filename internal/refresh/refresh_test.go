package refresh

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// used is what a source put in force.
type used struct {
	mu    sync.Mutex
	value string
	told  []error
	logs  strings.Builder
}

func (u *used) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.logs.Write(p)
}

func (u *used) now() (value string, told int, logs string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.value, len(u.told), u.logs.String()
}

// keep has a keeper of the files, whose contents must not have "bad" in them.
func keep(t *testing.T, files ...string) (*Keeper, *used, error) {
	u := &used{}
	k := &Keeper{Log: slog.New(slog.NewTextHandler(u, nil)), Interval: 5 * time.Millisecond, Told: func(name string, err error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		if name != "what" {
			t.Errorf("%s is told of", name)
		}
		u.told = append(u.told, err)
	}}
	return k, u, k.Add(Source{Name: "what", Files: files, Use: func(contents [][]byte) error {
		var all []string
		for _, c := range contents {
			all = append(all, string(c))
		}
		joined := strings.Join(all, "+")
		if strings.Contains(joined, "bad") {
			return errors.New("it is not good")
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.value = joined
		return nil
	}})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u *used) await(t *testing.T, what string, is func(value string, told int, logs string) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(u.now()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			value, told, logs := u.now()
			t.Fatalf("%s: still %q, told %d times\n%s", what, value, told, logs)
		}
	}
}

func TestChangesAreTakenAndBadOnesAreNot(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	write(t, b, "2")
	k, u, err := keep(t, a, b)
	if value, _, _ := u.now(); err != nil || value != "1+2" {
		t.Fatalf("%q, %v", value, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	defer running.Wait()
	defer cancel()

	write(t, b, "3") // as long as before, and perhaps within the clock's grain
	u.await(t, "a change", func(value string, told int, _ string) bool { return value == "1+3" && told == 1 })

	write(t, a, "bad secret")
	u.await(t, "a bad file", func(_ string, told int, _ string) bool { return told == 2 })
	time.Sleep(50 * time.Millisecond) // it is told of once
	value, told, logs := u.now()
	if value != "1+3" || told != 2 || u.told[1] == nil || !strings.Contains(logs, "level=ERROR") || strings.Contains(logs, "secret") {
		t.Errorf("%q in force, told %d times\n%s", value, told, logs)
	}
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	u.await(t, "a file that is gone", func(_ string, told int, _ string) bool { return told == 3 })

	// As Kubernetes does it: a link that points elsewhere.
	next := filepath.Join(dir, "next")
	write(t, next, "4")
	if err := os.Symlink(next, a); err != nil {
		t.Fatal(err)
	}
	u.await(t, "a link", func(value string, told int, _ string) bool { return value == "4+3" && told == 4 })
	write(t, a, strings.Repeat("x", maxFile+1))
	u.await(t, "a file that is too long", func(value string, told int, _ string) bool { return value == "4+3" && told == 5 })
	if n := k.Now(); n != 1 {
		t.Errorf("%d sources", n)
	}
	write(t, a, "5")
	u.await(t, "a good one", func(value string, _ int, _ string) bool { return value == "5+3" })
}

// TestWhatWasRefusedIsTakenOnceItIsGood has a file that is no good for some time, and stays the same.
func TestWhatWasRefusedIsTakenOnceItIsGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "1")
	k, u, err := keep(t, path)
	if err != nil {
		t.Fatal(err)
	}
	var tried atomic.Int32
	use := k.sources[0].Use
	k.sources[0].Use = func(contents [][]byte) error {
		if tried.Add(1) < 5 {
			return errors.New("not yet")
		}
		return use(contents)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	defer running.Wait()
	defer cancel()
	write(t, path, "2")
	u.await(t, "a file that is good at last", func(value string, told int, _ string) bool { return value == "2" && told == 2 })
	if _, _, logs := u.now(); strings.Count(logs, "level=ERROR") != 1 {
		t.Errorf("told of more than once:\n%s", logs)
	}
	time.Sleep(20 * time.Millisecond)
	if n := tried.Load(); n != 5 {
		t.Errorf("tried %d times", n)
	}
}

func TestFilesAreReadAgainWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "1")
	k, u, err := keep(t, path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "2")
	k.Now()
	if value, told, logs := u.now(); value != "2" || told != 1 || !strings.Contains(logs, "read again") {
		t.Errorf("%q, told %d times\n%s", value, told, logs)
	}
	k.Now() // also where nothing has changed: whoever asks is answered
	if _, told, _ := u.now(); told != 2 {
		t.Errorf("told %d times", told)
	}
	write(t, path, "bad")
	k.Now()
	if value, told, _ := u.now(); value != "2" || told != 3 || u.told[2] == nil {
		t.Errorf("%q, told %d times", value, told)
	}
}

func TestWhatIsBadAtTheStartIsRefused(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	write(t, bad, "bad")
	for _, path := range []string{bad, filepath.Join(dir, "none"), dir} {
		k, _, err := keep(t, path)
		if err == nil {
			t.Errorf("%s is taken", path)
		}
		if n := k.Now(); n != 0 {
			t.Errorf("%d sources", n)
		}
	}
	var nothing Keeper
	nothing.Run(t.Context()) // returns
}
