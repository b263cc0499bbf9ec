package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wallOnly are the files in which a moment loses its reading of the clock that is never set, how often, and why that is right.
var wallOnly = map[string]struct {
	times int
	why   string
}{
	"api/v2/statistics.go":          {1, "told to clients, compared with nothing"},
	"internal/access/token.go":      {1, "a token's times are the calendar's"},
	"internal/journal/recover.go":   {1, "compared with the clock that is never set, to learn that this one was"},
	"internal/journal/writer.go":    {1, "a record's time; segments end by the clock that is never set"},
	"internal/repository/folder.go": {1, "a file's time, which is only compared for being the same"},
	"internal/telemetry/access.go":  {1, "a certificate's end is the calendar's"},
	"internal/trace/encode.go":      {2, "told to collectors, once a span's length is known"},
	"pkg/hw/remote/remote.go":       {1, "orders processes, over restarts of the machine"},
}

// TestNoTimeIsMeasuredByAClockThatIsSet looks for moments that are turned into numbers or stripped of their monotonic reading: what is
// between two of those is wrong when somebody sets the machine's clock. A new one needs its reason above.
func TestNoTimeIsMeasuredByAClockThatIsSet(t *testing.T) {
	strips := regexp.MustCompile(`\.(Unix(Nano|Milli|Micro)?\(\)|Round\(0\))`)
	root, found := filepath.Join("..", ".."), map[string]int{}
	for _, room := range []string{"api", "cmd", "internal", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if n := len(strips.FindAll(source, -1)); n > 0 {
				name, _ := filepath.Rel(root, path)
				found[filepath.ToSlash(name)] = n
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, n := range found {
		if n != wallOnly[name].times {
			t.Errorf("%s turns %d moments into wall time, %d are accounted for: measure with time.Since, or give the reason here", name, n, wallOnly[name].times)
		}
	}
	for name := range wallOnly {
		if found[name] == 0 {
			t.Errorf("%s turns no moment into wall time any more", name)
		}
	}
}
