// Package watch takes films from a folder into which systems of a hospital put them.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The folders below the watched one where files go that were taken, and that were not. Beside one that was not lies a text that says
// why.
const (
	Done    = "done"
	Refused = "refused"
	reason  = ".txt"
)

// Result is what became of a file.
type Result string

// The results of a file.
const (
	Taken     Result = "taken"
	NotTaken  Result = "refused"
	Postponed Result = "postponed" // it stays, and is tried again
)

// Results are all of them.
var Results = []Result{Taken, NotTaken, Postponed}

// Folder is a watched folder. Dir and Take are required; the zero value of another field stands for the default beside it.
type Folder struct {
	Dir string
	// Take takes the file at a path. It returns nil once what is made of it is safe, a [*Refusal] for a file that cannot be
	// taken however often it is tried, and any other error for one that can be taken later.
	Take func(ctx context.Context, path string) error
	// Log gets lines without names of files; nil for none.
	Log *slog.Logger
	// Counted is called for each file; nil for none.
	Counted func(Result)
	// Look is how often the folder is looked at, and how long a file must not have changed to be taken: 2 s.
	Look time.Duration
	// Longest is the longest wait after files that were postponed; it doubles from Look: 1 min.
	Longest time.Duration

	seen map[string]state // by name
}

// state is what a file looked like, and since when.
type state struct {
	size     int64
	modified time.Time
	since    time.Time
}

// Refusal says that a file cannot be taken.
type Refusal struct {
	// Reason is what is written beside the file. It has no patient data.
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// Prepare makes the folders for files that were dealt with, and checks that files can be moved there. It may be called before
// Run, to learn of a folder that is of no use.
func (f *Folder) Prepare() error {
	info, err := os.Stat(f.Dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", f.Dir)
	}
	for _, name := range []string{Done, Refused} {
		dir := filepath.Join(f.Dir, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if info, err := os.Lstat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s must be a folder, and no link to one", dir)
		}
	}
	return nil
}

// Run takes files until ctx ends. The one that is being taken then is finished, as far as Take does.
func (f *Folder) Run(ctx context.Context) {
	if f.Log == nil {
		f.Log = slog.New(slog.DiscardHandler)
	}
	if f.Counted == nil {
		f.Counted = func(Result) {}
	}
	if f.Look <= 0 {
		f.Look = 2 * time.Second
	}
	if f.Longest <= 0 {
		f.Longest = time.Minute
	}
	f.seen = map[string]state{}
	for wait := time.Duration(0); ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := f.round(ctx); err == nil {
			wait = f.Look
		} else if ctx.Err() == nil {
			wait = min(max(2*wait, 2*f.Look), max(f.Longest, f.Look))
			f.Log.Warn("files of the watched folder stay for now", "reason", err, "wait", wait.String())
		}
	}
}

// round takes the files that are ready. It ends at the first that is postponed, since others would be too.
func (f *Folder) round(ctx context.Context) error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	now, there := time.Now(), make(map[string]state, len(entries))
	var ready []string
	for _, e := range entries {
		if !e.Type().IsRegular() || skipped(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it has gone
		}
		s := state{info.Size(), info.ModTime(), now}
		if before, ok := f.seen[e.Name()]; ok && before.size == s.size && before.modified.Equal(s.modified) {
			if s.since = before.since; now.Sub(s.since) >= f.Look {
				ready = append(ready, e.Name())
			}
		}
		there[e.Name()] = s
	}
	f.seen = there
	slices.SortFunc(ready, func(a, b string) int { // the oldest first
		if n := there[a].modified.Compare(there[b].modified); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	for _, name := range ready {
		if ctx.Err() != nil {
			return nil
		}
		if err := f.take(ctx, name); err != nil {
			return err
		}
		delete(f.seen, name)
	}
	return nil
}

// skipped tells names of files that are hidden or not whole.
func skipped(name string) bool {
	lower := strings.ToLower(name)
	return name[0] == '.' || name[0] == '~' || strings.HasSuffix(lower, ".part") || strings.HasSuffix(lower, ".tmp") ||
		strings.HasSuffix(lower, ".crdownload") || lower == "thumbs.db" || lower == "desktop.ini"
}

// take takes one file and moves it. Its error is that of one that stays.
func (f *Folder) take(ctx context.Context, name string) error {
	err := f.Take(ctx, filepath.Join(f.Dir, name))
	refused := (*Refusal)(nil)
	switch {
	case err == nil:
		f.Counted(Taken)
		return f.move(name, Done, "")
	case errors.As(err, &refused):
		f.Counted(NotTaken)
		f.Log.Warn("a file of the watched folder is not taken; it is in the folder refused, with the reason", "reason", refused.Reason)
		return f.move(name, Refused, refused.Reason)
	case errors.Is(err, fs.ErrNotExist):
		return nil // somebody took it away
	}
	f.Counted(Postponed)
	return err
}

// move moves a file. One of the same name that is there already is kept.
func (f *Folder) move(name, to, why string) error {
	path := filepath.Join(f.Dir, to, name)
	for i := 1; ; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return withoutName(err)
		}
		path = filepath.Join(f.Dir, to, fmt.Sprintf("%s.%d", name, i))
	}
	if why != "" {
		if err := os.WriteFile(path+reason, []byte(why+"\n"), 0o600); err != nil {
			return withoutName(err)
		}
	}
	return withoutName(os.Rename(filepath.Join(f.Dir, name), path))
}

// withoutName is an error of the operating system without the name of the file, which may be a patient's.
func withoutName(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}
