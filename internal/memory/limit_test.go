package memory

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"
)

const meminfo = "MemTotal:       24731648 kB\nMemFree: 1 kB\n"

func files(pairs ...string) fstest.MapFS {
	fs := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}}
	for i := 0; i < len(pairs); i += 2 {
		fs[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fs
}

func TestTheLeastLimitOfTheGroupsCounts(t *testing.T) {
	const (
		v2mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup rw,nsdelegate\n"
		v1mount = "36 32 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		machine = 24731648 << 10
	)
	for name, c := range map[string]struct {
		fs   fstest.MapFS
		want Limit
	}{
		"version 2, in a container": {files("proc/self/mountinfo", v2mount, "proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "268435456\n"), Limit{256 << 20, "cgroup v2"}},
		"version 2, a group above": {files("proc/self/mountinfo", v2mount, "proc/self/cgroup", "0::/a.slice/b.scope\n",
			"sys/fs/cgroup/a.slice/memory.max", "536870912\n", "sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"), Limit{512 << 20, "cgroup v2"}},
		"version 2, the lower of two": {files("proc/self/mountinfo", v2mount, "proc/self/cgroup", "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max", "536870912\n", "sys/fs/cgroup/a/b/memory.max", "1073741824\n"), Limit{512 << 20, "cgroup v2"}},
		"version 1": {files("proc/self/mountinfo", v1mount, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/12\n",
			"sys/fs/cgroup/memory/docker/12/memory.limit_in_bytes", "1073741824\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), Limit{1 << 30, "cgroup v1"}},
		"version 1, in a container that is shown its own group": {files(
			"proc/self/mountinfo", "36 32 0:31 /docker/12 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "proc/self/cgroup", "4:memory:/docker/12\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"), Limit{1 << 30, "cgroup v1"}},
		"version 1, a path of the host's": {files(
			"proc/self/mountinfo", "36 32 0:31 /docker/12 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "proc/self/cgroup", "4:memory:/kubepods/pod1/34\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"), Limit{1 << 30, "cgroup v1"}},
		"both, memory in version 1": {files("proc/self/mountinfo", v1mount+"40 32 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "proc/self/cgroup", "4:memory:/m\n0::/u\n",
			"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1073741824\n"), Limit{1 << 30, "cgroup v1"}},
		"more than the machine has": {files("proc/self/mountinfo", v1mount, "proc/self/cgroup", "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), Limit{machine, "machine"}},
		"no groups":        {files(), Limit{machine, "machine"}},
		"no Linux":         {fstest.MapFS{}, Limit{1 << 30, "default"}},
		"nonsense":         {files("proc/self/mountinfo", "- - -\n36 - cgroup2\n", "proc/self/cgroup", "::\nx\n", "proc/meminfo", "MemTotal: -1 kB\n"), Limit{1 << 30, "default"}},
		"a limit of words": {files("proc/self/mountinfo", v2mount, "proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "lots\n"), Limit{machine, "machine"}},
	} {
		if got := Find(c.fs); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if here := Find(os.DirFS("/")); here.Bytes < 16<<20 {
		t.Errorf("this machine: %+v", here)
	}
}

func TestAPlanStaysBelowItsLimit(t *testing.T) {
	for _, limit := range []int64{Least, 256 << 20, 512 << 20, 1 << 30, 64 << 30} {
		p, err := Share(Limit{limit, "test"})
		if err != nil {
			t.Fatal(err)
		}
		// The collector needs room beside what is live, and the program's own pages count too.
		if p.Uploads+p.Pictures+resting > p.Go/100*90 && limit > Least || p.Go > limit/100*70 {
			t.Errorf("%d MiB: %+v", limit>>20, p)
		}
		if p.Uploads < 4<<20 || p.Pictures < 8<<20 || p.Uploads > MaxUploads || p.Pictures > MaxPictures {
			t.Errorf("%d MiB: %+v", limit>>20, p)
		}
	}
	if _, err := Share(Limit{Least - 1, "test"}); !errors.Is(err, ErrTooLittle) {
		t.Errorf("too little: %v", err)
	}
}
