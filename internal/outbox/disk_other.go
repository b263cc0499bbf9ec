//go:build !unix

package outbox

import "os"

// lock opens the lock's file; a system that shares files does not keep a second process off.
func lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

// syncDir does nothing: such systems have no way to ask for it.
func syncDir(string) error { return nil }
