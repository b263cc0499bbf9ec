//go:build unix

package durable

import (
	"errors"
	"os"
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

func TestDirectoriesAreMade(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second time they are there
		if err := MkdirAll(deep + "/"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{deep, filepath.Dir(deep)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	t.Chdir(dir)
	if err := MkdirAll("here"); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(file, "x")} {
		if err := MkdirAll(name); err == nil {
			t.Errorf("%s is taken for a directory", name)
		}
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
