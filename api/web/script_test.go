package web

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestScripts runs the tests of the pages' scripts, for which it wants Node.js 22 or newer; they need no packages.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node (Node.js 22 or newer) is not installed: the tests in test/ are not run")
	}
	// A version that does not take ES modules without being told cannot run them.
	if err := exec.CommandContext(t.Context(), node, "--input-type=module", "-e", "await import('./static/format.js')").Run(); err != nil {
		t.Skip("this version of node is too old: the tests in test/ are not run")
	}
	tests, err := filepath.Glob("test/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatal("there are no tests")
	}
	if out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, tests...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
