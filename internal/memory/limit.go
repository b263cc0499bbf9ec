// Package memory finds out how much memory the process may use and divides it, so that callers
// cannot make the process use more.
package memory

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// Limit is how much memory a process may use.
type Limit struct {
	Bytes int64
	// Source says what sets it: "cgroup v2", "cgroup v1", "machine" or "default".
	Source string
}

// defaultBytes is taken for a machine that does not say what it has.
const defaultBytes = 1 << 30

// Find finds the memory limit of the process in a Linux file system: the least limit of its
// control group and of those that this is in, of version 1 or 2; without one, the machine's
// memory.
func Find(root fs.FS) Limit {
	found := Limit{math.MaxInt64, "default"}
	for _, m := range mounts(root) {
		for dir := m.group; ; dir = path.Dir(dir) {
			if v, ok := number(root, path.Join(m.point, dir, m.file)); ok && v < found.Bytes {
				found = Limit{v, m.source}
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	if machine, ok := total(root); ok && machine <= found.Bytes {
		return Limit{machine, "machine"}
	}
	if found.Bytes == math.MaxInt64 {
		return Limit{defaultBytes, "default"}
	}
	return found
}

// mount is a control group file system that may limit memory.
type mount struct {
	point  string // without the leading slash
	group  string // the process's, below point
	file   string // that has the limit
	source string
}

// mounts reads where control groups are mounted, proc(5) and cgroups(7).
func mounts(root fs.FS) []mount {
	v1, v2 := groups(root)
	data, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var found []mount
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		// 36 35 98:0 /root /point options... - type source super,options
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		m := mount{point: strings.TrimPrefix(fields[4], "/")}
		switch {
		case kind[0] == "cgroup2":
			m.file, m.source, m.group = "memory.max", "cgroup v2", v2
		case kind[0] == "cgroup" && has(kind[2], "memory"):
			m.file, m.source, m.group = "memory.limit_in_bytes", "cgroup v1", v1
		default:
			continue
		}
		// A container sees its own group mounted as the root, while the path is the host's.
		m.group = within(m.group, fields[3])
		found = append(found, m)
	}
	return found
}

// within is a group's path below a mount of the group at top; "/" if it is not below it.
func within(group, top string) string {
	if top == "/" {
		return path.Join("/", group)
	}
	if rest, ok := strings.CutPrefix(group, top); ok && (rest == "" || rest[0] == '/') {
		return path.Join("/", rest)
	}
	return "/"
}

// groups are the process's paths in version 1's memory hierarchy and in version 2's.
func groups(root fs.FS) (v1, v2 string) {
	v1, v2 = "/", "/"
	data, _ := fs.ReadFile(root, "proc/self/cgroup")
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		// 4:memory:/path, 0::/path
		fields := strings.SplitN(lines.Text(), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			v2 = fields[2]
		case has(fields[1], "memory"):
			v1 = fields[2]
		}
	}
	return v1, v2
}

func has(list, word string) bool {
	for each := range strings.SplitSeq(list, ",") {
		if each == word {
			return true
		}
	}
	return false
}

// number reads a limit; "max", which is none, is no number.
func number(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, strings.TrimPrefix(path.Clean(name), "/"))
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return v, err == nil && v > 0
}

// total is the machine's memory.
func total(root fs.FS) (int64, bool) {
	data, _ := fs.ReadFile(root, "proc/meminfo")
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == "MemTotal:" {
			v, err := strconv.ParseInt(fields[1], 10, 64)
			return v << 10, err == nil && v > 0 && v < 1<<50
		}
	}
	return 0, false
}
