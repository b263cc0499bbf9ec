//go:build !purego

package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAVX512FilesSayWhatTheyNeed holds the assembly that processors without VNNI are given to what tiers asks of them; the
// processor that runs the tests may have more.
func TestAVX512FilesSayWhatTheyNeed(t *testing.T) {
	asked := []string{"CMOV"} // every amd64 processor has it
	for _, need := range avx512Needs {
		asked = append(asked, need.name)
	}
	files, err := filepath.Glob("*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			needs, ok := strings.CutPrefix(line, "// Requires: ")
			if !ok {
				continue
			}
			for _, name := range strings.Split(strings.TrimSpace(needs), ", ") {
				if slices.Contains(asked, name) {
					continue
				}
				others++
				// Only the tiers with VNNI take the first; the others are taken where the processor has VBMI.
				if !strings.Contains(file, "avx512vnni") && !strings.Contains(file, "avx512vbmi") && file != "int8_silent_amd64.s" && file != "int8_gather_avx512_amd64.s" {
					t.Errorf("%s needs %s", file, name)
				}
			}
		}
	}
	if others == 0 {
		t.Error("no file says that it needs more")
	}
}
