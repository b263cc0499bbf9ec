package memory

import (
	"hash/crc32"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	shipped "github.com/spikeray/spikeray/models"
)

// TestReleaseGivesTheProgramsMemoryBack, and what lies there is the same afterwards: the files of the shipped models, which the tests'
// binary has as the server's does.
func TestReleaseGivesTheProgramsMemoryBack(t *testing.T) {
	read := func() (sum uint32, size int) {
		for _, name := range shipped.Names() {
			file, err := shipped.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			sum, size = crc32.Update(sum, crc32.IEEETable, file), size+len(file)
		}
		return sum, size
	}
	sum, size := read()
	before := residentFile(t)
	if n := ReleaseProgram(); n < int64(size) {
		t.Fatalf("mappings of %d bytes were given back, and the files alone have %d", n, size)
	}
	if freed := before - residentFile(t); freed < size*9/10 {
		t.Errorf("%d bytes were freed of %d", freed, size)
	}
	if again, _ := read(); again != sum {
		t.Error("the files are others")
	}
}

// residentFile is how much memory holds pages of files.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("the kernel does not tell RssFile")
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// TestOnlyPagesThatTheFileHasAreGivenBack: no page that was written to, which would be lost.
func TestOnlyPagesThatTheFileHasAreGivenBack(t *testing.T) {
	part := func(head, anonymous string) string {
		return head + "\nSize:                 12 kB\nRss:                   8 kB\nAnonymous:             " + anonymous + " kB\nVmFlags: rd mr mw me sd \n"
	}
	const file = "/opt/spike ray/server"
	for name, c := range map[string]struct {
		smaps string
		found bool
	}{
		"code":                       {part("00400000-00403000 r-xp 00000000 fe:00 7    "+file, "0"), true},
		"constants":                  {part("00400000-00403000 r--p 00000000 fe:00 7    "+file, "0"), true},
		"variables":                  {part("00400000-00403000 rw-p 00000000 fe:00 7    "+file, "0"), false},
		"what a loader has written":  {part("00400000-00403000 r--p 00000000 fe:00 7    "+file, "4"), false},
		"a file that was replaced":   {part("00400000-00403000 r--p 00000000 fe:00 7    "+file+" (deleted)", "0"), false},
		"another file":               {part("00400000-00403000 r--p 00000000 fe:00 7    /opt/spike", "0"), false},
		"a file in another folder":   {part("00400000-00403000 r--p 00000000 fe:00 7    /x"+file, "0"), false},
		"memory":                     {part("00400000-00403000 r--p 00000000 00:00 0 ", "0"), false},
		"code without a count":       {"00400000-00403000 r-xp 00000000 fe:00 7    " + file + "\nRss: 8 kB\n", false},
		"a count of another mapping": {"00400000-00403000 r-xp 00000000 fe:00 7    " + file + "\n" + part("00500000-00503000 rw-p 00000000 fe:00 7    "+file, "0"), false},
		"no addresses":               {part("0040000000403000 r-xp 00000000 fe:00 7    "+file, "0"), false},
		"nothing":                    {"", false},
		"lines that say nothing":     {"\n\n:\n - \n", false},
	} {
		got := unchanged(strings.NewReader(c.smaps), file)
		if c.found != (len(got) == 1) || c.found && !slices.Equal(got, []mapping{{0x400000, 0x403000}}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
