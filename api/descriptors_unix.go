//go:build unix

package api

import "syscall"

// otherDescriptors are left for files, boards and what else the process opens.
const otherDescriptors = 32

// descriptors is how many connections the process's limit of descriptors allows.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1 << 20
	}
	most := int64(min(uint64(limit.Cur), 1<<20))
	return int(max(most-otherDescriptors, most/2, 1))
}
