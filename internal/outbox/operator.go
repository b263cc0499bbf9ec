package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// Listed is a file of an outbox, as an operator sees it.
type Listed struct {
	Item   string    `json:"item"`  // the file's name
	State  string    `json:"state"` // waiting, failed or damaged
	Target string    `json:"target,omitempty"`
	Kind   string    `json:"kind,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Bytes  int64     `json:"bytes"`
	// Tries were in vain so far, and Reason is that of the last of them.
	Tries  int    `json:"tries,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// States are those of a Listed.
const (
	StateWaiting = "waiting"
	StateFailed  = "failed"
	StateDamaged = "damaged"
)

var stateDirs = []struct{ state, dir string }{{StateWaiting, queueDir}, {StateFailed, failedDir}, {StateDamaged, damagedDir}}

// List lists the files in an outbox's directory, the oldest of each state first. A server may run on it.
func List(dir string) ([]Listed, error) {
	if _, err := os.Stat(filepath.Join(dir, queueDir)); err != nil {
		return nil, fmt.Errorf("%s is no outbox: %w", dir, err)
	}
	var all []Listed
	for _, s := range stateDirs {
		files, err := os.ReadDir(filepath.Join(dir, s.dir))
		if err != nil {
			return nil, err
		}
		var some []Listed
		for _, f := range files {
			if _, ok := parseKey(f.Name()); !ok {
				continue
			}
			l, err := listed(filepath.Join(dir, s.dir, f.Name()))
			if errors.Is(err, os.ErrNotExist) {
				continue // it was delivered meanwhile
			} else if err != nil {
				return nil, err
			}
			l.Item, l.State = f.Name(), s.state
			some = append(some, l)
		}
		slices.SortFunc(some, func(a, b Listed) int {
			if n := a.At.Compare(b.At); n != 0 {
				return n
			}
			return strings.Compare(a.Item, b.Item)
		})
		all = append(all, some...)
	}
	return all, nil
}

// listed reads what one file says.
func listed(path string) (Listed, error) {
	f, err := os.Open(path)
	if err != nil {
		return Listed{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Listed{}, err
	}
	l := Listed{Bytes: info.Size()}
	h, _, err := readHeader(f, info.Size())
	if err == nil {
		l.Target, l.Kind, l.At = h.Target, h.Kind, h.At
	} else if !errors.Is(err, errDamaged) {
		return l, err
	}
	n := readNote(path)
	l.Tries, l.Reason = n.Tries, n.Reason
	return l, nil
}

// Retry has a file that failed tried again, by a server that runs on the directory or by the next one that does.
func Retry(dir, item string) error {
	if _, ok := parseKey(item); !ok {
		return fmt.Errorf("%q is no item's name", item)
	}
	from := filepath.Join(dir, failedDir, item)
	if err := os.Rename(from, filepath.Join(dir, queueDir, item)); err != nil {
		return fmt.Errorf("there is no item of that name that failed: %w", err)
	}
	return errors.Join(removed(os.Remove(from+note)), durable.SyncDir(filepath.Join(dir, queueDir)), durable.SyncDir(filepath.Join(dir, failedDir)))
}

// Drop removes a file, in whatever state it is. What is being sent at that moment may be delivered all the same.
func Drop(dir, item string) error {
	if _, ok := parseKey(item); !ok {
		return fmt.Errorf("%q is no item's name", item)
	}
	for _, s := range stateDirs {
		path := filepath.Join(dir, s.dir, item)
		switch err := os.Remove(path); {
		case err == nil:
			return errors.Join(removed(os.Remove(path+note)), durable.SyncDir(filepath.Join(dir, s.dir)))
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	return fmt.Errorf("there is no item %s", item)
}
