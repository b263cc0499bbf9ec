package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// openFolder opens a folder of models as a server does, with so many versions of each.
func openFolder(ctx context.Context, dir string, versions int, on model.DecodeOptions) (*repository.Repository, error) {
	base, err := pipeline.OpenCatalogue(ctx, []string{models.Default}, on)
	if err != nil {
		return nil, err
	}
	return repository.Open(ctx, repository.Options{
		Dir: dir, Base: base, Versions: versions, Kernel: on.Kernel, Log: slog.New(slog.DiscardHandler),
	})
}

type modelFolderCommand struct {
	JSON bool   `help:"Print one line of JSON for each version."`
	Dir  string `arg:"" help:"Folder of models, as for serve --models."`
}

// folderVersion is what model folder --json prints of a version.
type folderVersion struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Serves  bool              `json:"serves"`
	Pinned  bool              `json:"pinned"`
	Digest  string            `json:"digest"`
	Checked repository.Check  `json:"checked"`
	Source  repository.Source `json:"source"`
	Error   string            `json:"error"`
}

func (c modelFolderCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	const all = 64
	r, err := openFolder(ctx, c.Dir, all, on)
	if err != nil {
		return err
	}
	bad := false
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, s := range r.Index() {
		if s.Source != repository.Folder && !s.Serving {
			continue
		}
		bad = bad || s.Reason != ""
		if c.JSON {
			err := json.NewEncoder(std.out).Encode(folderVersion{s.Name, s.Version, s.Serving, s.Pinned, s.Digest, s.Checked, s.Source, s.Reason})
			if err != nil {
				return err
			}
			continue
		}
		serves := ""
		if s.Serving {
			serves = "serves"
		}
		if s.Pinned {
			serves = "serves, pinned"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.19s\t%s\n", s.Name, s.Version, s.Source, serves, s.Digest, oneLine(s.Reason))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if bad {
		return errSilent
	}
	return nil
}

type modelUseCommand struct {
	Dir     string `arg:"" help:"Folder of models, as for serve --models."`
	Name    string `arg:"" help:"Name of a model in it."`
	Version string `arg:"" help:"The version to use; or previous, the next older one than the one that serves (roll back); or newest, whatever comes."`
}

// Words in place of a version.
const (
	usePrevious = "previous"
	useNewest   = "newest"
)

// Run checks the version as a server would, and only then has servers use it.
func (c modelUseCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	current := filepath.Join(c.Dir, c.Name, repository.CurrentFile)
	if c.Version == useNewest {
		if err := os.Remove(current); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r, err := openFolder(ctx, c.Dir, 1, on)
	if err != nil {
		return err
	}
	version := c.Version
	switch c.Version {
	case useNewest:
		e, err := r.Catalogue().Get(c.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		version = e.Description().Version
	case usePrevious:
		version, err = r.Rollback(ctx, c.Name)
	default:
		err = r.Load(ctx, c.Name, version)
	}
	if err != nil {
		return err
	}
	if c.Version != useNewest {
		if err := writeCurrent(current, version); err != nil {
			return err
		}
	}
	_, err = io.WriteString(std.out, strings.Join([]string{c.Name, version}, " ")+"\n")
	return err
}

// writeCurrent writes a file whole, or not at all.
func writeCurrent(path, version string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".current-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(version + "\n")
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

type modelCanaryCommand struct {
	Name string `arg:"" help:"Name of a shipped model, or a model file."`
}

// Run prints the canary that plain Go, which defines the answer, makes of the model.
func (c modelCanaryCommand) Run(ctx context.Context, std *streams) error {
	m, err := pipeline.OpenModel(ctx, c.Name, model.DecodeOptions{Kernel: "generic"})
	if err != nil {
		return err
	}
	canary, err := repository.NewCanary(ctx, m.Model)
	if err != nil {
		return err
	}
	file, err := canary.Encode()
	if err != nil {
		return err
	}
	_, err = std.out.Write(file)
	return err
}
