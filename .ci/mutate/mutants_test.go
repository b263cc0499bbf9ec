package main

import (
	"os"
	"path/filepath"
	"strings"
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
			folder, first, _ := strings.Cut(name, " ")
			tests, _ := filepath.Glob(filepath.Join("..", "..", folder, "*_test.go"))
			if len(tests) == 0 {
				t.Errorf("%s: %s has no tests", m.name, folder)
			}
			if first == "" {
				continue
			}
			var all strings.Builder
			for _, file := range tests {
				text, _ := os.ReadFile(file)
				all.Write(text)
			}
			if !strings.Contains(all.String(), "\nfunc "+first+"(") {
				t.Errorf("%s: %s has no %s", m.name, folder, first)
			}
		}
	}
	if len(mutants) < 60 {
		t.Errorf("%d faults", len(mutants))
	}
}
