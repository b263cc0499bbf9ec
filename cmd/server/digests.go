package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// sums are the digests of a picture's file and, for DICOM, of its data set.
type sums struct {
	file    journal.Hash
	dataset *journal.Hash
}

// maxFileHeader is how much of a file is looked at to find where its data set begins.
const maxFileHeader = 1 << 20

// digestFile reads a file once, in little memory.
func digestFile(path string) (s sums, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	head := make([]byte, maxFileHeader)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return s, err
	}
	head = head[:n]
	whole := sha256.New()
	_, _ = whole.Write(head)
	rest := io.Reader(io.TeeReader(f, whole))
	set := sha256.New()
	if begin := dicom.DatasetBytes(head); len(begin) > 0 && len(begin) < len(head) {
		_, _ = set.Write(begin)
		rest = io.TeeReader(rest, set)
		s.dataset = new(journal.Hash)
	}
	if _, err := io.Copy(io.Discard, rest); err != nil {
		return s, err
	}
	whole.Sum(s.file[:0])
	if s.dataset != nil {
		set.Sum(s.dataset[:0])
	}
	return s, nil
}

// pictureIndex has files by the digests that records name them with.
type pictureIndex struct{ files, datasets map[journal.Hash]string }

// indexPictures reads all files that are named, and those under the folders.
func indexPictures(ctx context.Context, std *streams, args []path) (pictureIndex, error) {
	index := pictureIndex{map[journal.Hash]string{}, map[journal.Hash]string{}}
	files, _, err := sources(args)
	if err != nil {
		return index, err
	}
	progress := newCounter(std.progress, len(files))
	defer progress.clear()
	for _, f := range files {
		if ctx.Err() != nil {
			return index, ctx.Err()
		}
		s, err := digestFile(f.path)
		if err = errors.Join(f.err, err); err != nil {
			return index, err
		}
		index.files[s.file] = f.path
		if s.dataset != nil {
			index.datasets[*s.dataset] = f.path
		}
		progress.step()
	}
	return index, nil
}

// find is the file that a record is about, "" where it is not there.
func (p pictureIndex) find(in *journal.Input) string {
	if f := p.files[in.SHA256]; f != "" {
		return f
	}
	if in.Dataset != nil {
		return p.datasets[*in.Dataset]
	}
	return ""
}

// samePicture tells whether bytes are those that a record is about.
func samePicture(in *journal.Input, data []byte) bool {
	now := journal.NewInput(data, in.Dataset != nil)
	return now.SHA256 == in.SHA256 || in.Dataset != nil && now.Dataset != nil && *now.Dataset == *in.Dataset
}

// modelIndex has model files, and places' calibrations, by digest.
type modelIndex struct {
	models       map[string]string // a shipped model's name or a path
	calibrations map[string]*site.Calibration
}

// indexModels reads the shipped models, and the files that are named.
func indexModels(named, calibrations []string) (modelIndex, error) {
	index := modelIndex{map[string]string{}, map[string]*site.Calibration{}}
	digest := func(sum [sha256.Size]byte) string { return "sha256:" + journal.Hash(sum).String() }
	for _, name := range models.Names() {
		file, err := models.Open(name)
		if err != nil {
			return index, err
		}
		index.models[digest(sha256.Sum256(file))] = name
	}
	for _, path := range named {
		if slices.Contains(models.Names(), path) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return index, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, io.LimitReader(f, model.MaxFileBytes+1))
		_ = f.Close()
		switch {
		case err != nil:
			return index, err
		case n > model.MaxFileBytes:
			return index, fmt.Errorf("%s is longer than a model file may be", path)
		}
		index.models[digest([sha256.Size]byte(sum.Sum(nil)))] = path
	}
	for _, path := range calibrations {
		c, err := pipeline.OpenCalibration(path)
		if err != nil {
			return index, fmt.Errorf("--calibration: %w", err)
		}
		index.calibrations[c.Digest()] = c
	}
	return index, nil
}
