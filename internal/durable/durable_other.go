//go:build !unix

package durable

import "os"

// Lock opens the lock's file; a system that shares files does not keep a second process off.
func Lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

// SyncDir does nothing: such systems have no way to ask for it.
func SyncDir(string) error { return nil }
