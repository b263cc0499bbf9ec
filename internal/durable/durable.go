// Package durable has what packages share that keep files which a crash must not lose: a lock on a directory, and names that
// are safe. Bytes are made safe by [os.File.Sync].
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// MkdirAll makes a directory for this user alone, and those that it lies in, and makes their names safe. One that is there is left
// as it is.
func MkdirAll(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return os.MkdirAll(dir, 0o700) // which tells of what is no directory
	}
	in := filepath.Dir(filepath.Clean(dir))
	if err := MkdirAll(in); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return SyncDir(in)
}

// ErrLocked reports a directory that another process uses.
var ErrLocked = errors.New("another process uses the directory")
