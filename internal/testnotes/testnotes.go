// Package testnotes keeps the notes of processes that a test kills, one a line. A kill can break off the write of a line, and the
// next process must not write on behind half of one.
package testnotes

import (
	"bytes"
	"os"
	"strings"
	"sync"
)

// Notes is a file of lines. Goroutines may add to it at the same time; only one process may.
type Notes struct {
	lock sync.Mutex
	file *os.File
}

// Open makes the file or goes on with it, behind its last whole line.
func Open(path string) (*Notes, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = f.Truncate(int64(whole(data)))
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Notes{file: f}, nil
}

// Add writes lines. A writer that is killed in the midst of it keeps the others off for good.
func (n *Notes) Add(lines ...string) error {
	n.lock.Lock()
	defer n.lock.Unlock()
	_, err := n.file.WriteString(strings.Join(lines, "\n") + "\n")
	return err
}

// Read gives a file's whole lines.
func Read(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(data[:whole(data)]), "\n")
	return lines[:len(lines)-1], nil
}

// whole is how many bytes the whole lines have.
func whole(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }
