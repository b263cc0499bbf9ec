package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEveryFaultStillApplies(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("%s is there twice", m.name)
		}
		names[m.name] = true
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(m.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if spoilt, err := m.apply(text); err != nil {
			t.Errorf("%s: %v", m.name, err)
		} else if string(spoilt) == string(text) || len(m.packages) == 0 {
			t.Errorf("%s changes nothing, or names no package", m.name)
		}
		for _, name := range m.packages {
			if tests, _ := filepath.Glob(filepath.Join("..", "..", name, "*_test.go")); len(tests) == 0 {
				t.Errorf("%s: %s has no tests", m.name, name)
			}
		}
	}
	if len(mutants) < 60 {
		t.Errorf("%d faults", len(mutants))
	}
}
