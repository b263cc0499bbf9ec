package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/site"
)

// maxLabelBytes is the longest CSV of labels that is read.
const maxLabelBytes = 64 << 20

// readLabels lists the pictures of a CSV file with the columns file, label and, optionally, patient, in any order below a
// row of their names. Commas separate them, or the semicolons of spreadsheets in some languages. Files are found from the
// CSV's own folder.
func readLabels(path string) (set pictureSet, err error) {
	if err := regular(path); err != nil {
		return set, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return set, err
	}
	defer f.Close()
	set, err = parseLabels(f, filepath.Dir(path))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return set, err
}

// unmarked reads text behind the mark that spreadsheets write before it.
func unmarked(from io.Reader) *bufio.Reader {
	text := bufio.NewReaderSize(from, 64<<10)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" {
		_, _ = text.Discard(3)
	}
	return text
}

// newTableReader reads CSV with commas, or with the semicolons of spreadsheets in some languages.
func newTableReader(from io.Reader) *csv.Reader {
	text := unmarked(from)
	r := csv.NewReader(text)
	head, _ := text.Peek(1024)
	if line, _, _ := strings.Cut(string(head), "\n"); strings.Contains(line, ";") && !strings.Contains(line, ",") {
		r.Comma = ';'
	}
	return r
}

func parseLabels(from io.Reader, folder string) (set pictureSet, err error) {
	limited := &io.LimitedReader{R: from, N: maxLabelBytes + 1}
	r := newTableReader(limited)
	columns, err := r.Read()
	if err != nil {
		return set, fmt.Errorf("no row of column names: %w", err)
	}
	place := map[string]int{"file": -1, "label": -1, "patient": -1}
	for i, name := range columns {
		at, known := place[strings.TrimSpace(name)]
		if !known || at >= 0 {
			return set, fmt.Errorf("the column %.40q is unknown or given twice; the columns must be file, label and, optionally, patient", name)
		}
		place[strings.TrimSpace(name)] = i
	}
	if place["file"] < 0 || place["label"] < 0 {
		return set, errors.New("the columns file and label are missing; the first row must name the columns")
	}
	seen := map[string]bool{}
	for {
		row, err := r.Read()
		switch {
		case limited.N == 0:
			return set, fmt.Errorf("longer than %d bytes", maxLabelBytes)
		case err == io.EOF && len(set.pictures) == 0:
			return set, errors.New("there are no pictures after the row of column names")
		case err == io.EOF:
			return set, nil
		case err != nil:
			return set, err
		case len(set.pictures) == site.MaxPictures:
			return set, fmt.Errorf("more than %d pictures", site.MaxPictures)
		}
		line, _ := r.FieldPos(0)
		picture := labelled{class: strings.ToUpper(strings.TrimSpace(row[place["label"]])), source: source{path: row[place["file"]]}}
		if !slices.Contains([]string{normal, pneumonia}, picture.class) {
			return set, fmt.Errorf("line %d: the label %.40q is neither %s nor %s", line, row[place["label"]], normal, pneumonia)
		}
		if picture.path == "" {
			return set, fmt.Errorf("line %d: the file is missing", line)
		}
		if !filepath.IsAbs(picture.path) {
			picture.path = filepath.Join(folder, picture.path)
		}
		if seen[picture.path] {
			return set, fmt.Errorf("line %d: %s is listed twice", line, picture.path)
		}
		seen[picture.path] = true
		if i := place["patient"]; i >= 0 {
			if picture.patient = strings.TrimSpace(row[i]); picture.patient == "" {
				return set, fmt.Errorf("line %d: the patient is missing; leave the column out if patients are not known", line)
			}
		}
		picture.err = regular(picture.path)
		set.pictures = append(set.pictures, picture)
	}
}
