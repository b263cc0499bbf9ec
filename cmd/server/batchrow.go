package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

// batchRow is what a row of batch and pipe has beside the others': which picture it is of, and, where there is no answer,
// what kind of problem that is and what was asked for.
type batchRow struct {
	place placed
	ask   asked
}

// placed says which picture a row is of.
type placed struct {
	Index int `json:"index"`
	// InputDigest is nil where the file could not be read.
	InputDigest *string `json:"input_digest"`
}

// asked is what an answer would have had.
type asked struct {
	Threshold      *float64 `json:"threshold"`
	OperatingPoint *string  `json:"operating_point"`
	Steps          *int     `json:"steps"`
	Warnings       []string `json:"warnings"`
	Problem        string   `json:"problem"`
}

func (b *batchRow) placed() *placed {
	if b == nil {
		return nil
	}
	return &b.place
}

func (b *batchRow) asked() *asked {
	if b == nil {
		return nil
	}
	return &b.ask
}

// cells adds the columns of a row, of which an answer overwrites some.
func (b *batchRow) cells(to map[string]string) {
	if b == nil {
		return
	}
	to["index"], to["input_digest"], to["problem"] = strconv.Itoa(b.place.Index), text(b.place.InputDigest), b.ask.Problem
	to["threshold"], to["operating_point"] = digits(b.ask.Threshold), text(b.ask.OperatingPoint)
	if b.ask.Steps != nil {
		to["steps"] = strconv.Itoa(*b.ask.Steps)
	}
	to["warnings"] = strings.Join(b.ask.Warnings, "; ")
}

// batchColumns are those of a batch's table.
var batchColumns = columnsWith("index", "file", "input_digest", "problem")

// batchRows makes the rows of a batch.
type batchRows struct {
	model   *pipeline.Entry
	options pipeline.Options
}

// row is the row of a picture; sum is nil where its bytes could not be read.
func (b batchRows) row(index int, file string, sum *[sha256.Size]byte, p pipeline.Prediction, err error) row {
	out := row{File: file, Model: b.model.Reference(), Batch: &batchRow{place: placed{Index: index}}}
	if sum != nil {
		digest := "sha256:" + hex.EncodeToString(sum[:])
		out.Batch.place.InputDigest = &digest
	}
	out.fill(b.model, p, err)
	if err != nil {
		out.Batch.ask = b.asked(p, err)
	}
	return out
}

func (b batchRows) asked(p pipeline.Prediction, err error) asked {
	d := b.model.Description()
	a := asked{Warnings: append([]string{}, p.Warnings...), Problem: problemKind(err)}
	if threshold, point := b.options.Decide(d); !math.IsNaN(threshold) {
		a.Threshold = &threshold
		if point != nil {
			a.OperatingPoint = &point.Name
		}
	}
	if steps := d.MaxSteps(); steps > 0 {
		if b.options.Steps > 0 {
			steps = b.options.Steps
		}
		a.Steps = &steps
	}
	return a
}

// problemKind names why a picture has no answer: as [pipeline.Problem], "unreadable" for what the file system says,
// "board-unavailable" or "internal".
func problemKind(err error) string {
	if kind := pipeline.Problem(err); kind != "" {
		return kind
	}
	switch {
	case errors.As(err, new(*board.Error)):
		return "board-unavailable"
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(*notFileError)):
		return "unreadable"
	case errors.Is(err, model.ErrSteps), errors.Is(err, pipeline.ErrOptions):
		return "invalid-parameter"
	}
	return "internal"
}
