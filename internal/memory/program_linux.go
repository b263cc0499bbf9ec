package memory

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
	"syscall"
)

// ReleaseProgram gives the pages of the program's own file back to the system, for when the program has started: most of them are code
// and data that only the start needs, such as the files of the shipped models. What is needed again is read from the file again, which
// is in the system's cache. It tells how many bytes of mappings were given back, 0 where the system does not say which they are.
func ReleaseProgram() (n int64) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0
	}
	defer maps.Close()
	for _, m := range unchanged(maps, program) {
		// The arguments are addresses of the program's own, which the collector does not move.
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); errno == 0 {
			n += int64(m.end - m.start)
		}
	}
	return n
}

// mapping is a part of the address space.
type mapping struct{ start, end uintptr }

// unchanged finds the mappings of a file that can only be read and of which no page differs from the file's: where a loader has moved
// the program, it has written addresses into pages that can only be read afterwards. The format is that of /proc/PID/smaps, proc(5).
func unchanged(smaps io.Reader, file string) (found []mapping) {
	var m mapping
	candidate := false
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 2 {
			continue
		}
		if fields[0][len(fields[0])-1] != ':' { // start-end rights offset device inode path
			first, second, ok := bytes.Cut(fields[0], []byte("-"))
			start, err1 := strconv.ParseUint(string(first), 16, strconv.IntSize)
			end, err2 := strconv.ParseUint(string(second), 16, strconv.IntSize)
			m = mapping{uintptr(start), uintptr(end)}
			candidate = ok && err1 == nil && err2 == nil && start < end && len(fields[1]) == 4 && fields[1][0] == 'r' && fields[1][1] == '-' &&
				len(fields) > 5 && bytes.HasSuffix(bytes.TrimRight(lines.Bytes(), " "), []byte(" "+file))
			continue
		}
		if string(fields[0]) == "Anonymous:" && candidate && string(fields[1]) == "0" {
			found = append(found, m)
		}
	}
	return found
}
