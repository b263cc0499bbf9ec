package models_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/models"
)

// TestEveryModelFileIsShipped, with a card, and as it is on the disk.
func TestEveryModelFileIsShipped(t *testing.T) {
	found, err := filepath.Glob("*.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range found {
		name := strings.TrimSuffix(file, ".safetensors")
		names = append(names, name)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := models.Open(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
		if card, ok := models.Card(name); !ok || !strings.HasPrefix(card, "# ") {
			t.Errorf("%s has no card", name)
		}
	}
	shipped := models.Names()
	if shipped[0] != models.Default {
		t.Errorf("the first is %s", shipped[0])
	}
	slices.Sort(names)
	slices.Sort(shipped)
	if !slices.Equal(shipped, names) {
		t.Errorf("shipped are %q, there are %q", shipped, names)
	}
	if _, err := models.Open("../models/spikeray"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path: %v", err)
	}
}

// TestOnlyShippedModelsHaveRates, and those that spike do; that they are of their models is seen when these are opened.
func TestOnlyShippedModelsHaveRates(t *testing.T) {
	for name, want := range map[string]bool{
		"spikeray": true, "spikeray-board": true, "snnxray": true, "snnxray-int8": true, "cnnxray": false, "../models/spikeray": false, "": false,
	} {
		if file, ok := models.Rates(name); ok != want || ok != (len(file) > 0) {
			t.Errorf("%q: %v, %d bytes", name, ok, len(file))
		}
	}
}
