package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spikeray/spikeray/internal/batch"
	"github.com/spikeray/spikeray/internal/parquet"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

// Exit statuses of batch beside 0, 1 and 2.
const (
	statusFailures    = 3 // stopped by --max-failures
	statusInterrupted = 4 // by a signal
)

type batchCommand struct {
	fileFlags
	Prevalence   *float64    `placeholder:"P" help:"Share of PNEUMONIA, between 0 and 1, where the pictures come from, as for predict."`
	Out          path        `default:"answers.ndjson" placeholder:"FILE" help:"File to write; the default is ${default}. Beside it lies the folder FILE.batch, with the list of pictures and how far the batch is. If the batch was ended in the middle, the same command goes on with it."`
	Format       string      `placeholder:"FORMAT" enum:",ndjson,csv,parquet" default:"" help:"Format of the file: ndjson (as predict --json prints it), csv or parquet. The default is what the file's name ends in: .ndjson, .jsonl, .csv or .parquet."`
	Manifest     path        `placeholder:"FILE" help:"List of pictures, one path a line (or ended by zero bytes, as find -print0 writes); - is standard input. Relative paths start from the list's folder, those of standard input from the working folder. A path with / at its end is a folder."`
	Column       string      `placeholder:"NAME" help:"The manifest is a CSV table with a row of column names, and the paths are in this column."`
	Shard        batch.Shard `placeholder:"I/N" help:"Answer only the I-th of N parts of the list, I from 0. A picture's part depends only on its path as it is listed, so N commands with the same inputs answer each picture once."`
	Limit        int         `placeholder:"N" help:"Answer only the first N pictures of the list, or of the shard."`
	MaxFailures  *int        `placeholder:"N" help:"Stop when more than N pictures of this run have no answer. By default such pictures are rows like others, and the batch goes on."`
	Workers      int         `default:"${workers}" placeholder:"N" help:"Pictures that are read and answered at a time. More than there are cores help where files come over a slow network. The default is the number of cores (here ${default})."`
	ProgressJSON bool        `name:"progress-json" help:"Tell the progress on standard error in JSON, an object every five seconds and one at the end."`
	Inputs       []path      `arg:"" optional:"" name:"input" help:"Pictures, folders, which are searched with all their sub-folders, and patterns such as 'archive/*/*.dcm'. Without inputs and --manifest, the batch of --out goes on with its own list."`
}

// Validate is called by kong once the flags are read.
func (c *batchCommand) Validate() error {
	switch {
	case c.Column != "" && c.Manifest == "":
		return errors.New("--column needs --manifest")
	case c.Column == "" && strings.EqualFold(filepath.Ext(string(c.Manifest)), ".csv"):
		return errors.New("--manifest: for a CSV table, --column must name the column of the paths")
	case c.Limit < 0:
		return fmt.Errorf("--limit must be at least 0 (no limit), not %d", c.Limit)
	case c.MaxFailures != nil && *c.MaxFailures < 0:
		return fmt.Errorf("--max-failures must be at least 0, not %d", *c.MaxFailures)
	case c.Workers < 1 || c.Workers > maxWorkers:
		return fmt.Errorf("--workers must be 1 to %d, not %d", maxWorkers, c.Workers)
	case c.format() == nil:
		return fmt.Errorf("--out %s: the name does not end in .ndjson, .jsonl, .csv or .parquet; say with --format what to write", c.Out)
	case c.Manifest == "" && len(c.Inputs) == 0 && (c.Shard.N > 0 || c.Limit > 0):
		return errors.New("--shard and --limit need the inputs; a batch that goes on with its own list has them")
	}
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate())
}

func (c *batchCommand) options() pipeline.Options {
	o := c.answerFlags.options()
	o.Prevalence = c.Prevalence
	return o
}

// batchFormat is how rows are written.
type batchFormat struct {
	name   string
	head   []byte
	encode func(row) ([]byte, error)
	// convert is nil for rows that are the output as they are.
	convert func(rows io.Reader, to io.Writer) error
}

// format is the format that is asked for, nil for none.
func (c *batchCommand) format() *batchFormat {
	name := c.Format
	if name == "" {
		name = strings.ToLower(strings.TrimPrefix(filepath.Ext(string(c.Out)), "."))
	}
	switch name {
	case "ndjson", "jsonl":
		return &batchFormat{name: "ndjson", encode: jsonRow}
	case "csv":
		return &batchFormat{name: "csv", head: csvLine(batchColumns), encode: func(r row) ([]byte, error) {
			r.File = plainCell(r.File)
			return csvLine(r.cells(batchColumns)), nil
		}}
	case "parquet":
		return &batchFormat{name: "parquet", encode: func(r row) ([]byte, error) {
			line, err := json.Marshal(r.cells(batchColumns))
			return append(line, '\n'), err
		}, convert: toParquet}
	}
	return nil
}

// Run answers what is not yet answered.
func (c *batchCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	m, err := c.openModel(ctx, std, on)
	if err != nil {
		return err
	}
	defer m.close(&err)
	if err := c.check(c.options(), m.Description()); err != nil {
		return err
	}
	format := c.format()
	o := batch.Options{Out: string(c.Out), Settings: c.settings(m, format), Shard: c.Shard, Limit: c.Limit, Head: format.head, Apart: format.convert != nil}
	inputs := &batchInputs{ctx: ctx, stdin: std.in, manifest: string(c.Manifest), column: c.Column, args: c.Inputs}
	if c.Manifest != "" || len(c.Inputs) > 0 {
		o.Inputs = inputs
	}
	job, err := batch.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, job.Close()) }()
	tellSkipped(std, inputs.skipped)
	return c.work(ctx, std, m, job, format)
}

// settings are what the rows depend on, beside the list.
func (c *batchCommand) settings(m *fileModel, format *batchFormat) []batch.Setting {
	reference, calibration := m.Reference(), "none"
	if site := m.SiteReference(); site != nil {
		calibration = site.Digest
	}
	orDefault := func(text string) string {
		if text == "" {
			return "default"
		}
		return text
	}
	number := func(n *int) string {
		if n == nil {
			return "default"
		}
		return strconv.Itoa(*n)
	}
	return []batch.Setting{
		{Name: "program", Value: programVersion()},
		{Name: "model", Value: fmt.Sprintf("%s %s %s", reference.Name, reference.Version, reference.Digest)},
		{Name: "--calibration", Value: calibration},
		{Name: "--board", Value: orDefault(c.boardSetting())},
		{Name: "--threshold", Value: orDefault(digits(c.Threshold))},
		{Name: "--operating-point", Value: orDefault(c.OperatingPoint)},
		{Name: "--prevalence", Value: orDefault(digits(c.Prevalence))},
		{Name: "--gate", Value: string(c.Gate)},
		{Name: "--bits", Value: number(c.Bits)},
		{Name: "--steps", Value: number(c.Steps)},
		{Name: "--max-bytes", Value: fmt.Sprint(c.MaxBytes)},
		{Name: "--max-pixels", Value: fmt.Sprint(c.MaxPixels)},
		{Name: "--tiff", Value: strconv.FormatBool(c.TIFF)},
		{Name: "--webp", Value: strconv.FormatBool(c.WebP)},
		{Name: "--format", Value: format.name},
	}
}

// boardSetting says which board answers, with its options.
func (c *batchCommand) boardSetting() string {
	if !c.given() {
		return ""
	}
	text, _ := json.Marshal(c.BoardOption) // which sorts the keys
	return fmt.Sprintf("%s %s, fallback %s", c.Board, text, c.BoardFallback)
}

// batchAnswer is the row of a picture on its way to the file.
type batchAnswer struct {
	entry   batch.Entry
	line    []byte
	problem string
	err     error // of making the line
	late    bool  // the end came before the answer
}

// work answers the rest of the list.
func (c *batchCommand) work(ctx context.Context, std *streams, m *fileModel, job *batch.Job, format *batchFormat) error {
	progress := newBatchProgress(std, job, c.ProgressJSON)
	rows := batchRows{m.Entry, c.options()}
	answer := func(e batch.Entry) batchAnswer {
		out := batchAnswer{entry: e}
		var sum *[sha256.Size]byte
		var p pipeline.Prediction
		err := errors.Join(ctx.Err(), pictureFile(e.Path))
		if err == nil {
			p, err = m.pictures.predict(ctx, std, m.Entry, e.Path, rows.options, func(data []byte) {
				s := sha256.Sum256(data)
				sum = &s
			})
		}
		if out.late = err != nil && ctx.Err() != nil; out.late {
			return out
		}
		r := rows.row(e.Index, e.Path, sum, p, err)
		if err != nil {
			out.problem = r.Batch.ask.Problem
		}
		out.line, out.err = format.encode(r)
		return out
	}
	failed := 0
	var ended error
	pipeline.Stream(job.Rest(), c.Workers, answer, func(a batchAnswer) bool {
		switch {
		case a.late:
			ended = ctx.Err()
		case a.err != nil:
			ended = a.err
		default:
			ended = job.Append(a.entry, a.line, a.problem)
		}
		if ended != nil {
			return false
		}
		if a.problem != "" {
			failed++
		}
		progress.step()
		if c.MaxFailures != nil && failed > *c.MaxFailures {
			ended = &statusError{statusFailures, fmt.Sprintf("stopped: %d pictures of this run have no answer, more than --max-failures allows", failed)}
			return false
		}
		return true
	})
	stopped := new(statusError)
	switch {
	case ended == nil:
		ended = job.Publish(format.convert)
	case errors.As(ended, &stopped):
		ended = errors.Join(job.Save(), ended)
	case ctx.Err() != nil:
		ended = errors.Join(job.Save(), &statusError{statusInterrupted, "interrupted; the same command goes on with the batch"})
	}
	progress.end(string(c.Out))
	return ended
}

func jsonRow(r row) ([]byte, error) {
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// columnKinds are the columns of a Parquet file that are not text.
var columnKinds = map[string]parquet.Kind{
	"index": parquet.Whole, "steps": parquet.Whole, "width": parquet.Whole, "height": parquet.Whole,
	"threshold": parquet.Number, "raw_probability": parquet.Number, "probability": parquet.Number, "prevalence": parquet.Number,
	"probability_at_prevalence": parquet.Number, "ppv": parquet.Number, "npv": parquet.Number, "gate_probability": parquet.Number,
	"gate_accepted": parquet.YesNo,
}

// toParquet makes a Parquet file of rows that are arrays of cells in JSON.
func toParquet(rows io.Reader, to io.Writer) error {
	var columns []parquet.Column
	for _, name := range batchColumns {
		columns = append(columns, parquet.Column{Name: name, Kind: columnKinds[name]})
	}
	w, err := parquet.NewWriter(to, columns)
	if err != nil {
		return err
	}
	for lines := json.NewDecoder(rows); ; {
		var cells []string
		if err := lines.Decode(&cells); errors.Is(err, io.EOF) {
			return w.Close()
		} else if err != nil {
			return err
		}
		if err := w.Append(cells); err != nil {
			return err
		}
	}
}
