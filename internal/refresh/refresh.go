// Package refresh keeps what is read from files as the files are: keys, certificates. Files are read again when they change and when
// it is asked for. What is wrong in a changed file is told, and what was in force stays so.
package refresh

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// DefaultInterval is how often files are looked at.
	DefaultInterval = 2 * time.Second
	// settle is how long a change must stay as it is: whoever writes a file may be in the midst of it.
	settle = 100 * time.Millisecond
	// maxFile bounds a file, in bytes.
	maxFile = 1 << 20
)

// Source is what is read from one or more files that belong together, such as a certificate and its key.
type Source struct {
	// Name is what it is, for logs and metrics.
	Name  string
	Files []string
	// Use puts what the files have in force. Its error must have nothing of their contents.
	Use func(contents [][]byte) error
}

// Keeper looks after sources. Its fields are set before the first [Keeper.Add].
type Keeper struct {
	Log *slog.Logger
	// Told is called each time that a source was put in force again, and with an error where that could not be; nil for nobody.
	Told func(name string, err error)
	// Interval is how often files are looked at; 0 for [DefaultInterval].
	Interval time.Duration

	mu      sync.Mutex
	sources []*kept
}

type kept struct {
	Source
	seen    [sha256.Size]byte // of what was tried last
	refused bool              // and it was no good
}

// Add reads a source for the first time, and puts it in force or fails.
func (k *Keeper) Add(s Source) error {
	contents, digest, err := s.read()
	if err == nil {
		err = s.Use(contents)
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sources = append(k.sources, &kept{Source: s, seen: digest})
	return nil
}

// Run looks for changes until ctx ends. Without sources it returns at once.
func (k *Keeper) Run(ctx context.Context) {
	k.mu.Lock()
	n := len(k.sources)
	k.mu.Unlock()
	if n == 0 {
		return
	}
	interval := k.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.look(ctx, false)
		}
	}
}

// Now reads all sources again, changed or not, and tells how many there are.
func (k *Keeper) Now() int {
	k.look(context.Background(), true)
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.sources)
}

func (k *Keeper) look(ctx context.Context, all bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.sources {
		if ctx.Err() != nil {
			return
		}
		k.refresh(s, all)
	}
}

// refresh is called under mu. What was refused is tried again without a word, as it may be good by now: a certificate that had expired by
// a clock that was wrong.
func (k *Keeper) refresh(s *kept, asked bool) {
	contents, digest, err := s.read()
	again := digest == s.seen && !asked
	if again && !s.refused {
		return
	}
	if !asked && !again {
		time.Sleep(settle)
		var later [sha256.Size]byte
		if contents, later, err = s.read(); later != digest {
			return // the next look will find it
		}
	}
	s.seen = digest
	if err == nil {
		err = s.Use(contents)
	}
	if s.refused = err != nil; s.refused && again {
		return
	}
	if k.Told != nil {
		k.Told(s.Name, err)
	}
	if err != nil {
		k.Log.Error("a changed file is not usable; what was in force stays so", "what", s.Name, "files", s.Files, "error", err)
		return
	}
	k.Log.Info("files were read again", "what", s.Name, "files", s.Files)
}

// read reads the files. The digest is of all there is to see: their contents, or why they cannot be read.
func (s Source) read() (contents [][]byte, digest [sha256.Size]byte, err error) {
	sum := sha256.New()
	for _, path := range s.Files {
		data, readErr := readFile(path)
		if readErr != nil {
			fmt.Fprintf(sum, "error %v\n", readErr)
			if err == nil {
				err = readErr
			}
			continue
		}
		fmt.Fprintf(sum, "%d bytes\n", len(data))
		sum.Write(data)
		contents = append(contents, data)
	}
	return contents, [sha256.Size]byte(sum.Sum(nil)), err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxFile)
	}
	return data, err
}
