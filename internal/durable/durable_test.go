//go:build unix

package durable

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"
)

func TestALockIsHeldOnceAndEndsWithItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second time: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Lock(path); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if _, err := Lock(filepath.Join(path, "x")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("in what is no directory: %v", err)
	}
}

func TestADirectoryIsSynced(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(dir, "none")); err == nil {
		t.Error("one that is not there is synced")
	}
	if free := Free(dir); runtime.GOOS == "linux" && free <= 0 {
		t.Errorf("%d bytes are free", free)
	}
	if Free(filepath.Join(dir, "none")) != -1 {
		t.Error("something is known of a directory that is not there")
	}
}
