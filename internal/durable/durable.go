// Package durable has what packages share that keep files which a crash must not lose: a lock on a directory, and names that
// are safe. Bytes are made safe by [os.File.Sync].
package durable

import "errors"

// ErrLocked reports a directory that another process uses.
var ErrLocked = errors.New("another process uses the directory")
