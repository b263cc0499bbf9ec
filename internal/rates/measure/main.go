// Command measure writes how often a model's neurons fire on the pictures of a folder, for models/NAME.rates.json. The pictures
// must be such as the model has not learnt from; training/rates.sh lays them out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/pkg/model"
)

func main() {
	name := flag.String("model", "", "shipped model, or a model file")
	folder := flag.String("pictures", "", "folder with the pictures, also in folders below it")
	source := flag.String("source", "", "a sentence that says which pictures they are")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *name, *folder, *source); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// run writes the rates of the model on the pictures of the folder.
func run(ctx context.Context, w io.Writer, name, folder, source string) error {
	m, err := pipeline.OpenModel(ctx, name, model.DecodeOptions{})
	if err != nil {
		return err
	}
	byLayer := make([][]float64, len(m.SpikingLayers()))
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		layers, err := fired(ctx, m.Model, data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for i, l := range layers {
			byLayer[i] = append(byLayer[i], l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r, err := rates.Make(m.Model, source, byLayer)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	return out.Encode(r)
}

// fired are the rates of a picture, prepared as the service prepares it.
func fired(ctx context.Context, m *model.Model, data []byte) ([]float64, error) {
	var picture []uint8
	keep := func(pixels []uint8) { picture = slices.Clone(pixels) }
	if _, err := pipeline.Predict(ctx, m, data, radiograph.Limits{}, pipeline.Options{Gate: pipeline.GateOff, Prepared: keep}); err != nil {
		return nil, err
	}
	e, err := evidence.Explain(ctx, m, picture, evidence.Options{SpikesOnly: true})
	if err != nil {
		return nil, err
	}
	if e.Spikes == nil {
		return nil, errors.New("the model has no spiking neurons")
	}
	var out []float64
	for _, l := range e.Spikes.Layers {
		out = append(out, l.Rate)
	}
	return out, nil
}
