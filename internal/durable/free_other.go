//go:build !linux

package durable

// Free is how many bytes this process may still write to the file system that a directory is on; -1 where that is not known.
func Free(string) int64 { return -1 }
