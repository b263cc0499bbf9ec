// Package models holds the model files that the server ships with, and their cards.
package models

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Default is the model that answers when none is named.
const Default = "spikeray"

// ForBoards is the one whose whole spiking body neuromorphic boards run without rounding.
const ForBoards = "spikeray-board"

//go:embed *.safetensors *.md
var files embed.FS

// Names lists the shipped models, the default first, the others by name.
func Names() []string {
	found, _ := fs.Glob(files, "*.safetensors")
	names := []string{Default}
	for _, f := range found {
		if name := strings.TrimSuffix(f, ".safetensors"); name != Default {
			names = append(names, name)
		}
	}
	return names
}

// Open returns a shipped model's file. For a name that is not shipped the error is fs.ErrNotExist.
func Open(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return files.ReadFile(path.Base(name) + ".safetensors")
}

// Card returns a shipped model's card, Markdown, and whether there is one.
func Card(name string) (string, bool) {
	if !slices.Contains(Names(), name) {
		return "", false
	}
	card, err := files.ReadFile(path.Base(name) + ".md")
	return string(card), err == nil
}
