//go:build !unix

package api

// descriptors is how many connections the process's limit of descriptors allows.
func descriptors() int { return 1 << 20 }
