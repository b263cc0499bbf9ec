package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// explainFlags have predict write what the network used for each answer.
type explainFlags struct {
	Explain   string        `placeholder:"DIR" help:"Also write evidence of what the network used, a folder for each picture in DIR: explanation.json, drawings (PNG), and the spikes of each neuron as raster.npz and raster.csv. It is never localisation of disease."`
	Positions int           `default:"64" enum:"16,64,225" help:"With --explain: at how many positions a window of the picture is hidden, 16, 64 or 225."`
	Fill      evidence.Fill `default:"both" enum:"blur,mean,both" help:"With --explain: what a hidden window is filled with: blur, mean or both."`
}

// makeFolder makes the folder, so that one that cannot be made is told before any picture is answered.
func (f explainFlags) makeFolder() error {
	if f.Explain == "" {
		return nil
	}
	if err := os.MkdirAll(f.Explain, 0o755); err != nil {
		return fmt.Errorf("--explain: %w", err)
	}
	return nil
}

// explained is a file that was answered: its path, its place among all and the steps that it was shown for.
type explained struct {
	path  string
	index int
	steps int
}

// folder is a name of its own for the file's evidence: its number, and what is harmless of its name.
func (e explained) folder() string {
	name := strings.TrimSuffix(filepath.Base(e.path), filepath.Ext(e.path))
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return fmt.Sprintf("%04d-%s", e.index+1, name[:min(len(name), 80)])
}

// evidence are the options for an answer after so many steps.
func (f explainFlags) evidence(steps int) evidence.Options {
	return evidence.Options{Positions: f.Positions, Fill: f.Fill, Steps: steps, Raster: true}
}

// explain writes the evidence of an answer.
func (f explainFlags) explain(ctx context.Context, m *pipeline.Entry, p pipeline.Prediction, picture []uint8, file explained) error {
	options := f.evidence(file.steps)
	options.Rates = m.Rates
	e, err := evidence.Explain(ctx, m.Model, picture, options)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	folder := filepath.Join(f.Explain, file.folder())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	for i := range e.Pictures {
		picture := &e.Pictures[i]
		picture.File = picture.Name + ".png"
		if err := os.WriteFile(filepath.Join(folder, picture.File), picture.PNG, 0o644); err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		picture.PNG = nil
	}
	if e.HasRaster() {
		for name, write := range map[string]func(io.Writer) error{"raster.npz": e.WriteNPZ, "raster.csv": e.WriteCSV} {
			if err := writeFile(filepath.Join(folder, name), write); err != nil {
				return fmt.Errorf("explain: %w", err)
			}
		}
	}
	answer := m.Answer(p)
	return writeFile(filepath.Join(folder, "explanation.json"), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", " ")
		return encoder.Encode(struct {
			Prediction row `json:"prediction"`
			*evidence.Evidence
		}{row{File: file.path, Answer: &answer}, e})
	})
}

// writeFile writes a file as write does.
func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	out := bufio.NewWriter(file)
	if err := write(out); err != nil {
		return err
	}
	return out.Flush()
}
