package durable

import "golang.org/x/sys/unix"

// Free is how many bytes this process may still write to the file system that a directory is on; -1 where that is not known.
func Free(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
