package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/spikeray/spikeray/"

// dependencies are the packages that a package of the module needs, itself among them.
func dependencies(t *testing.T, of string) []string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(tool, "list", "-deps", module+of).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", of, err)
	}
	return strings.Fields(string(out))
}

// TestBoardsStayWhereTheyAre: the binary alone knows which boards there are. Who serves answers knows the contract of boards
// and what looks after one, and the simulator knows no boards at all. The test is here since the binary imports all of them:
// a change to any has it run again.
func TestBoardsStayWhereTheyAre(t *testing.T) {
	const contract, keeper = module + "pkg/hw", module + "internal/board"
	adapter := func(path string) bool {
		return strings.HasPrefix(path, contract+"/") || strings.HasPrefix(path, keeper+"/")
	}
	for of, alien := range map[string]func(path string) bool{
		"api":            adapter,
		"internal/board": adapter,
		"pkg/model":      func(path string) bool { return adapter(path) || path == keeper },
		"pkg/spike":      func(path string) bool { return adapter(path) || path == keeper || path == contract },
	} {
		for _, path := range dependencies(t, of) {
			if alien(path) {
				t.Errorf("%s depends on %s", of, path)
			}
		}
	}
	all := dependencies(t, "cmd/server")
	for _, name := range []string{"pkg/hw/loihi", "pkg/hw/remote", "pkg/hw/spinnaker", "internal/board/adapters"} {
		if !slices.Contains(all, module+name) {
			t.Errorf("the binary does not have %s: the rules above check nothing", name)
		}
	}
}

// TestTheBinaryStaysSmall: what a package brings along, used or not, has made the binary larger by megabytes. The linker keeps
// methods that nobody calls, since kong and html/template look methods up by name.
func TestTheBinaryStaysSmall(t *testing.T) {
	all := dependencies(t, "cmd/server")
	for path, instead := range map[string]string{
		"gonum.org/v1/gonum/mat":   "gonum's stat and optimize import it: 2 MB of linear algebra. floats and integrate do not, and tests may compare with any",
		"google.golang.org/grpc":   "1.9 MB: HTTP carries the same bytes",
		"go.opentelemetry.io/otel": "its exporter over HTTP has 6.2 MB: internal/trace writes spans",
	} {
		if slices.Contains(all, path) {
			t.Errorf("the binary depends on %s (%s)", path, instead)
		}
	}
}
