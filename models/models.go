// Package models holds the model files that the server ships with, their cards, and how often their neurons fire.
package models

import (
	"embed"
	"io/fs"
	"slices"
	"unsafe"
)

// Default is the model that answers when none is named.
const Default = "spikeray"

// ForBoards is the one whose whole spiking body neuromorphic boards run without rounding.
const ForBoards = "spikeray-board"

//go:embed spikeray.safetensors
var spikeray string

//go:embed cnnxray.safetensors
var cnnxray string

//go:embed snnxray.safetensors
var snnxray string

//go:embed snnxray-int8.safetensors
var snnxrayInt8 string

//go:embed spikeray-board.safetensors
var spikerayBoard string

// shipped are the files, the default first, the others by name.
var shipped = []struct{ name, file string }{
	{Default, spikeray}, {"cnnxray", cnnxray}, {"snnxray", snnxray}, {"snnxray-int8", snnxrayInt8}, {ForBoards, spikerayBoard},
}

//go:embed *.md
var cards embed.FS

//go:embed *.rates.json
var rates embed.FS

// Names lists the shipped models, the default first, the others by name.
func Names() []string {
	var names []string
	for _, s := range shipped {
		names = append(names, s.name)
	}
	return names
}

// Open returns a shipped model's file. The bytes lie in the program's read-only memory: writing to them is a fault. For a name
// that is not shipped the error is fs.ErrNotExist.
func Open(name string) ([]byte, error) {
	for _, s := range shipped {
		if s.name == name {
			return contents(s.file), nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Card returns a shipped model's card, Markdown, and whether there is one.
func Card(name string) (string, bool) {
	if !slices.Contains(Names(), name) {
		return "", false
	}
	card, err := cards.ReadFile(name + ".md")
	return string(card), err == nil
}

// Rates returns the file with the rates at which a shipped model's neurons fire, and whether there is one. Models that do not
// spike have none.
func Rates(name string) ([]byte, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	file, err := rates.ReadFile(name + ".rates.json")
	return file, err == nil
}

// contents are the bytes of a string, not a copy.
func contents(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
