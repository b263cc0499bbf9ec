package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

type config struct {
	model, prepared, files, kernel string
	batch, steps                   int
}

// bench is a model and the pictures to ask it about, held in memory.
type bench struct {
	model    *model.Model
	prepared [][]uint8
	files    [][]byte
	batch    int
	steps    int
}

func newBench(c config) (*bench, error) {
	file, err := os.ReadFile(c.model)
	if err != nil {
		return nil, err
	}
	b := &bench{batch: max(1, c.batch), steps: c.steps}
	if b.model, err = model.Decode(context.Background(), file, model.DecodeOptions{Kernel: c.kernel}); err != nil {
		return nil, fmt.Errorf("%s: %w", c.model, err)
	}
	if (c.prepared == "") == (c.files == "") {
		return nil, errNoPictures
	}
	if c.files != "" {
		err = b.readFiles(c.files)
	} else {
		err = b.readPrepared(c.prepared)
	}
	if err == nil && b.pictures() == 0 {
		err = errNoPictures
	}
	return b, err
}

func (b *bench) readFiles(list string) error {
	names, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(names)) {
		data, err := os.ReadFile(strings.TrimSuffix(name, "\n"))
		if err != nil {
			return err
		}
		b.files = append(b.files, data)
	}
	return nil
}

func (b *bench) readPrepared(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p := b.model.Description().Preparation
	size := p.Width * p.Height
	if len(data)%size != 0 {
		return fmt.Errorf("%s: %d bytes are not a whole number of %dx%d pictures", path, len(data), p.Width, p.Height)
	}
	for ; len(data) > 0; data = data[size:] {
		b.prepared = append(b.prepared, data[:size:size])
	}
	return nil
}

func (b *bench) pictures() int { return len(b.prepared) + len(b.files) }

// task answers the pictures of one task, on all cores when they are several.
func (b *bench) task(task int) error {
	first := task * b.batch
	workers := min(b.batch, runtime.GOMAXPROCS(0))
	if workers == 1 {
		for i := range b.batch {
			if _, err := b.one(first + i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next   atomic.Int64
		group  sync.WaitGroup
		failed = make([]error, workers)
	)
	for w := range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; int(i) < b.batch && failed[w] == nil; i = next.Add(1) - 1 {
				_, failed[w] = b.one(first + int(i))
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// answer is what one picture got.
type answer struct {
	probability, rate float64
}

// one answers the i-th picture; they go round.
func (b *bench) one(i int) (answer, error) {
	i %= b.pictures()
	if b.files != nil {
		p, err := pipeline.Predict(context.Background(), b.model, b.files[i], radiograph.Limits{}, pipeline.Options{Steps: b.steps})
		return newAnswer(p.Probability, p.RawProbability, p.Spikes), err
	}
	r, err := b.model.Infer(context.Background(), b.prepared[i], model.Options{Steps: b.steps})
	if err != nil {
		return answer{}, err
	}
	return newAnswer(r.Probability, r.RawProbability, r.Spikes), nil
}

// newAnswer takes the raw probability where there is no other, as for steps that have no calibration.
func newAnswer(probability, raw float64, spikes *model.SpikeStats) answer {
	a := answer{probability: probability}
	if math.IsNaN(probability) {
		a.probability = raw
	}
	if spikes != nil {
		a.rate = spikes.Rate
	}
	return a
}

// answers is the reply to the command of that name.
type answers struct {
	Probabilities []float64 `json:"probabilities"`
	SpikeRate     float64   `json:"spike_rate"` // mean over the pictures, spikes per neuron and step; 0 without neurons
}

func (b *bench) answers() (answers, error) {
	out := answers{Probabilities: make([]float64, b.pictures())}
	for i := range out.Probabilities {
		a, err := b.one(i)
		if err != nil {
			return out, err
		}
		out.Probabilities[i] = a.probability
		out.SpikeRate += a.rate / float64(len(out.Probabilities))
	}
	return out, nil
}
