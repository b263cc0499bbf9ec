package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

// row is what is told of one file: the answer as over HTTP, or why there is none.
type row struct {
	File   string
	Truth  string // evaluate's: the class that the file is of
	Model  pipeline.ModelReference
	Answer *pipeline.Answer
	Gate   *pipeline.GateAnswer // also when the gate refused the picture
	Error  string
	Batch  *batchRow // of a batch
}

// fill takes over a prediction, or its error.
func (r *row) fill(m *pipeline.Entry, p pipeline.Prediction, err error) {
	r.Gate = p.GateAnswer()
	if err != nil {
		r.Error = err.Error()
		return
	}
	a := m.Answer(p)
	r.Answer = &a
}

// MarshalJSON has the answer's keys beside the file's. The warnings are told twice, in the answer's input, as over HTTP,
// and beside the others.
func (r row) MarshalJSON() ([]byte, error) {
	if r.Answer == nil {
		return json.Marshal(struct {
			*placed
			File  string                  `json:"file"`
			Truth string                  `json:"truth,omitempty"`
			Model pipeline.ModelReference `json:"model"`
			*asked
			Gate  *pipeline.GateAnswer `json:"gate"`
			Error string               `json:"error"`
		}{r.Batch.placed(), r.File, r.Truth, r.Model, r.Batch.asked(), r.Gate, r.Error})
	}
	return json.Marshal(struct {
		*placed
		File  string `json:"file"`
		Truth string `json:"truth,omitempty"`
		*pipeline.Answer
		Warnings []string `json:"warnings,omitempty"`
	}{r.Batch.placed(), r.File, r.Truth, r.Answer, r.Answer.Input.Warnings})
}

// table prints rows as CSV.
type table struct {
	w       *csv.Writer
	columns []string
	began   bool
}

func newTable(w io.Writer, columns []string) *table {
	return &table{w: csv.NewWriter(w), columns: columns}
}

// answerColumns are those that every table of answers has behind the file's.
var answerColumns = []string{"model", "version", "digest", "backend", "degraded", "steps", "calibration", "operating_point", "threshold",
	"raw_probability", "probability", "label", "prevalence", "probability_at_prevalence", "ppv", "npv",
	"gate_accepted", "gate_probability", "gate_reason", "format", "width", "height", "warnings", "error"}

// columnsWith are the columns of a table that begins with these.
func columnsWith(first ...string) []string { return append(first, answerColumns...) }

func (t *table) write(r row) error {
	if !t.began {
		t.began = true
		if err := t.print(t.columns); err != nil {
			return err
		}
	}
	r.File = plainCell(r.File)
	return t.print(r.cells(t.columns))
}

// cells are a row's columns as text, empty where there is nothing.
func (r *row) cells(columns []string) []string {
	fields := map[string]string{"file": r.File, "truth": r.Truth, "model": r.Model.Name, "version": r.Model.Version, "digest": r.Model.Digest, "error": r.Error}
	r.Batch.cells(fields)
	if g := r.Gate; g != nil {
		fields["gate_accepted"], fields["gate_probability"], fields["gate_reason"] = strconv.FormatBool(g.Accepted), digits(&g.Probability), text(g.Reason)
	}
	if a := r.Answer; a != nil {
		fields["backend"], fields["degraded"], fields["operating_point"], fields["label"] = a.Backend.Name, text(a.Degraded), text(a.OperatingPoint), text(a.Label)
		fields["threshold"], fields["raw_probability"], fields["probability"] = digits(a.Threshold), digits(&a.RawProbability), digits(a.Probability)
		if a.Calibration != nil {
			fields["calibration"] = a.Calibration.Digest
		}
		if a.Steps != nil {
			fields["steps"] = strconv.Itoa(*a.Steps)
		}
		if v := a.Prevalence; v != nil {
			fields["prevalence"], fields["probability_at_prevalence"] = digits(&v.Stated), digits(&v.Probability)
			fields["ppv"], fields["npv"] = value(v.PPV), value(v.NPV)
		}
		fields["format"], fields["width"], fields["height"] = a.Input.Format, fmt.Sprint(a.Input.Width), fmt.Sprint(a.Input.Height)
		fields["warnings"] = strings.Join(a.Input.Warnings, "; ")
	}
	line := make([]string, len(columns))
	for i, name := range columns {
		line[i] = fields[name]
	}
	return line
}

// csvLine is a row of CSV.
func csvLine(cells []string) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(cells) // a buffer takes everything
	w.Flush()
	return out.Bytes()
}

// plainCell is a path that no spreadsheet takes for a formula.
func plainCell(path string) string {
	if len(path) > 1 && strings.ContainsRune("=+-@\t\r", rune(path[0])) {
		return "./" + path
	}
	return path
}

// print writes a row, and on to whoever reads along.
func (t *table) print(line []string) error {
	if err := t.w.Write(line); err != nil {
		return err
	}
	return t.flush()
}

func (t *table) flush() error {
	t.w.Flush()
	return t.w.Error()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// digits are as many as give the number back.
func digits(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func value(e *model.Estimate) string {
	if e == nil {
		return ""
	}
	return digits(&e.Value)
}
