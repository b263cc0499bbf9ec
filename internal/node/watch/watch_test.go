package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// folder is a watched one and what was taken from it.
type folder struct {
	Folder
	mu      sync.Mutex
	taken   []string
	answers map[string]error // by content
	log     bytes.Buffer
}

func watched(t *testing.T) *folder {
	f := &folder{answers: map[string]error{}}
	f.Folder = Folder{Dir: t.TempDir(), Look: 10 * time.Millisecond, Take: func(_ context.Context, path string) error {
		file, size, err := Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		data, err := io.ReadAll(file)
		if err != nil || int64(len(data)) != size {
			t.Errorf("%v, %d bytes of %d", err, len(data), size)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.answers[string(data)]; err != nil {
			return err
		}
		f.taken = append(f.taken, string(data))
		return nil
	}, Log: slog.New(slog.NewTextHandler(&f.log, nil))}
	if err := f.Prepare(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (f *folder) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.taken)
}

func (f *folder) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.Dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *folder) names(t *testing.T, below string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.Dir, below))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is never so: %s", what)
		}
	}
}

func TestFilesAreTakenOnceAndMoved(t *testing.T) {
	f := watched(t)
	f.answers["bad"] = &Refusal{"it is no film"}
	f.put(t, "DOE_JOHN.dcm", "one")
	f.put(t, "bad.dcm", "bad")
	stop := f.start(t)
	until(t, "both are moved", func() bool { return len(f.names(t, Done)) == 1 && len(f.names(t, Refused)) == 2 })
	f.put(t, "DOE_JOHN.dcm", "two") // the name is used again
	until(t, "it is moved", func() bool { return len(f.names(t, Done)) == 2 })
	stop()
	if got := f.all(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
	if got := f.names(t, Done); !slices.Equal(got, []string{"DOE_JOHN.dcm", "DOE_JOHN.dcm.1"}) {
		t.Errorf("%q", got)
	}
	why, err := os.ReadFile(filepath.Join(f.Dir, Refused, "bad.dcm.txt"))
	if err != nil || string(why) != "it is no film\n" {
		t.Errorf("%v, %q", err, why)
	}
	if got := f.names(t, "."); !slices.Equal(got, []string{Done, Refused}) {
		t.Errorf("%q", got)
	}
	if strings.Contains(f.log.String(), "DOE") || strings.Contains(f.log.String(), "bad.dcm") || !strings.Contains(f.log.String(), "it is no film") {
		t.Errorf("the log: %s", f.log.String())
	}
}

func TestWhatIsNotReadyOrNoFileStays(t *testing.T) {
	f := watched(t)
	outside := filepath.Join(t.TempDir(), "outside.dcm")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".hidden", "x.part", "y.TMP", "~lock", "Thumbs.db"} {
		f.put(t, name, "not for us")
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(f.Dir, "link.dcm")), os.Mkdir(filepath.Join(f.Dir, "folder"), 0o700),
		syscall.Mkfifo(filepath.Join(f.Dir, "pipe.dcm"), 0o600)); err != nil {
		t.Skip(err)
	}
	before := f.names(t, ".")
	growing, err := os.Create(filepath.Join(f.Dir, "growing.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	stop := f.start(t)
	defer stop()
	want := ""
	for range 40 {
		time.Sleep(3 * time.Millisecond)
		if _, err := growing.WriteString("more "); err != nil {
			t.Fatal(err)
		}
		want += "more "
	}
	growing.Close()
	until(t, "the file that grew is taken", func() bool { return len(f.names(t, Done)) > 0 })
	// On a busy machine a pause may have looked like an end; what is taken is then a beginning, and never anything else.
	if got := f.all(); len(got) != 1 || !strings.HasPrefix(want, got[0]) {
		t.Errorf("%q", got)
	}
	if got := f.names(t, "."); !slices.Equal(got, before) {
		t.Errorf("%q, want %q", got, before)
	}
	if _, _, err := Open(filepath.Join(f.Dir, "link.dcm")); !errors.As(err, new(*Refusal)) {
		t.Errorf("a link: %v", err)
	}
	if _, _, err := Open(filepath.Join(f.Dir, "pipe.dcm")); !errors.As(err, new(*Refusal)) {
		t.Errorf("a pipe: %v", err)
	}
	if _, _, err := Open(filepath.Join(f.Dir, "DOE.dcm")); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "DOE") {
		t.Errorf("no file: %v", err)
	}
}

func TestFilesThatCannotBeTakenNowStay(t *testing.T) {
	f := watched(t)
	counted := map[Result]int{}
	f.Counted = func(r Result) { f.mu.Lock(); defer f.mu.Unlock(); counted[r]++ }
	f.answers["busy"] = errors.New("busy")
	f.put(t, "1.dcm", "busy")
	stop := f.start(t)
	until(t, "it was tried twice", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return counted[Postponed] >= 2 })
	stop()
	if got := f.names(t, "."); !slices.Contains(got, "1.dcm") || len(f.all()) != 0 {
		t.Errorf("%q", got)
	}
	clear(f.answers)
	stop = f.start(t) // a new start
	defer stop()
	until(t, "it is taken", func() bool { return len(f.names(t, Done)) == 1 && len(f.all()) == 1 })
}

func TestAFolderThatIsNoneIsSaid(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, Done)); err != nil {
		t.Skip(err)
	}
	for name, at := range map[string]string{"nothing": filepath.Join(dir, "nothing"), "a file": file, "done is a link": dir} {
		if err := (&Folder{Dir: at}).Prepare(); err == nil {
			t.Errorf("%s is watched", name)
		}
	}
}
