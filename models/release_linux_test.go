package models_test

import (
	"hash/crc32"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/spikeray/spikeray/models"
)

// TestReleaseGivesTheFilesMemoryBack, and the files are the same afterwards.
func TestReleaseGivesTheFilesMemoryBack(t *testing.T) {
	read := func() (sum uint32, size int) {
		for _, name := range models.Names() {
			file, err := models.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			sum, size = crc32.Update(sum, crc32.IEEETable, file), size+len(file)
		}
		return sum, size
	}
	sum, size := read()
	before := residentFile(t)
	models.Release()
	if freed := before - residentFile(t); freed < size*9/10 {
		t.Errorf("%d bytes were freed of %d", freed, size)
	}
	if again, _ := read(); again != sum {
		t.Error("the files are others")
	}
}

// residentFile is how much memory holds pages of files.
func residentFile(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("the kernel does not tell RssFile")
	}
	kilobytes, _ := strconv.Atoi(string(found[1]))
	return kilobytes << 10
}
