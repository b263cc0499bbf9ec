package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestBoardsStayWhereTheyAre: the binary alone knows which boards there are. Who serves answers knows the contract of boards
// and what looks after one, and the simulator knows no boards at all. The test is here since the binary imports all of them:
// a change to any has it run again.
func TestBoardsStayWhereTheyAre(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	const module = "github.com/spikeray/spikeray/"
	dependencies := func(of string) []string {
		out, err := exec.Command(tool, "list", "-deps", module+of).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", of, err)
		}
		return strings.Fields(string(out))
	}
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
		for _, path := range dependencies(of) {
			if alien(path) {
				t.Errorf("%s depends on %s", of, path)
			}
		}
	}
	all := dependencies("cmd/server")
	for _, name := range []string{"pkg/hw/loihi", "pkg/hw/remote", "pkg/hw/spinnaker", "internal/board/adapters"} {
		if !slices.Contains(all, module+name) {
			t.Errorf("the binary does not have %s: the rules above check nothing", name)
		}
	}
}
