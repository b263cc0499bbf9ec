package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// TargetState is what is on its way to one target.
type TargetState struct {
	Target string
	// Items wait; Oldest is when the oldest of them was put, zero for none.
	Items  int
	Oldest time.Time
	// Failed are those that the target does not take.
	Failed int
}

// State is what an outbox holds.
type State struct {
	// Targets are in the order of their names.
	Targets []TargetState
	// Damaged files were put aside.
	Damaged int
	// Bytes are those of all files, of MaxBytes that there may be.
	Bytes, MaxBytes int64
}

// State tells what the outbox holds.
func (b *Outbox) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Damaged: b.damaged.files, Bytes: b.bytes + b.damaged.bytes, MaxBytes: b.options.MaxBytes}
	for _, t := range b.targets {
		one := TargetState{Target: t.name, Items: len(t.queue), Failed: t.failed}
		if len(t.queue) > 0 {
			one.Oldest = t.queue[0].at
		}
		s.Targets = append(s.Targets, one)
	}
	slices.SortFunc(s.Targets, func(a, c TargetState) int { return strings.Compare(a.Target, c.Target) })
	return s
}

// look takes up what a person changed in the directories, by [Retry] and [Drop].
func (b *Outbox) look() error {
	for _, dir := range []string{queueDir, failedDir} {
		files, err := os.ReadDir(filepath.Join(b.dir, dir))
		if err != nil {
			return err
		}
		there := make(map[Key]bool, len(files))
		for _, f := range files {
			if key, ok := parseKey(f.Name()); ok {
				there[key] = true
			}
		}
		if err := b.compare(dir, there); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.countDamaged()
}

// compare takes up files that are not known, and lets go of entries whose file is not there.
func (b *Outbox) compare(dir string, there map[Key]bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, drop := b.waiting, b.remove
	if dir == failedDir {
		known, drop = b.failed, b.dropFailed
	}
	for key, e := range known {
		if there[key] || e.taken {
			continue
		}
		// It may have come after the directory was read.
		if _, err := os.Lstat(b.path(dir, key)); errors.Is(err, os.ErrNotExist) {
			drop(e)
		}
	}
	for key := range there {
		if _, writing := b.writing[key]; writing || known[key] != nil {
			continue
		}
		if err := b.admit(dir, key); err != nil {
			return err
		}
	}
	return nil
}
