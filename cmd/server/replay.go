package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
)

type replayCommand struct {
	Model       []string `sep:";" placeholder:"FILE" help:"Model file that records may be of, beside the shipped models. Separate several with semicolons, or repeat the flag."`
	Calibration []string `sep:";" placeholder:"FILE" help:"Calibration file that records may be of. Separate several with semicolons, or repeat the flag."`
	boardFlags
	MaxBytes size `default:"32M" help:"Longest file that is read."`
	recordFilter
	JSON     bool   `help:"Print a JSON object for each record, and one for all at the end."`
	Log      path   `arg:"" help:"The server's folder for the audit log, or a file with records as audit show --json prints them."`
	Pictures []path `arg:"" name:"picture" help:"Pictures, or folders, which are searched with all their sub-folders."`

	anyTier bool // no tier is asked for
}

// Validate is called by kong once the flags are read.
func (c *replayCommand) Validate(parsed *kong.Context) error {
	c.anyTier = givenFlags(parsed)["kernel"] == ""
	return c.boardFlags.Validate()
}

// replayVerdict is what came of replaying a record.
type replayVerdict string

const (
	verdictEqual     replayVerdict = "equal"
	verdictDifferent replayVerdict = "different"
	verdictNoPicture replayVerdict = "picture not here"
	verdictNoModel   replayVerdict = "model not here"
	verdictFailed    replayVerdict = "failed"         // nobody knows whether it is equal
	verdictServers   replayVerdict = "not replayable" // a problem that was the server's or the sender's, not the picture's
)

var verdicts = []replayVerdict{verdictEqual, verdictDifferent, verdictNoPicture, verdictNoModel, verdictFailed, verdictServers}

// replayed is one record's line.
type replayed struct {
	Seq     uint64        `json:"seq"`
	Verdict replayVerdict `json:"verdict"`
	Differ  []string      `json:"differ,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	// Recorded and Now are the answers, where they differ.
	Recorded *journal.Answer `json:"recorded,omitempty"`
	Now      *journal.Answer `json:"now,omitempty"`
	File     string          `json:"file,omitempty"`
}

// replayModel is a model as records name it: its digest, its calibration's, and the tier that it is opened on.
type replayModel struct{ model, calibration, kernel string }

// modelOf is what a record is replayed with. Unless a tier is asked for, it is the recorded one if this machine has it: models in
// float32 have the same bits only there.
func (r *replay) modelOf(a *journal.Asked) replayModel {
	m := replayModel{a.Model.Digest, a.Calibration, r.on.Kernel}
	if r.anyTier && slices.Contains(kernel.Available(), a.Kernel) {
		m.kernel = a.Kernel
	}
	return m
}

// replay is a run of the command.
type replay struct {
	*replayCommand
	std      *streams
	on       model.DecodeOptions
	pictures pictureIndex
	models   modelIndex
	last     uint64 // of the records that were there when it began
	count    map[replayVerdict]int
	printing error
}

// Run answers the recorded pictures again. Its status is 1 where an answer differs, and 3 where some could not be replayed.
func (c *replayCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	if err := c.prepare(); err != nil {
		return err
	}
	r := &replay{replayCommand: c, std: std, on: on, count: map[replayVerdict]int{}}
	groups, err := r.survey(ctx)
	if err != nil {
		return err
	}
	if r.pictures, err = indexPictures(ctx, std, c.Pictures); err != nil {
		return err
	}
	if r.models, err = indexModels(c.Model, c.Calibration); err != nil {
		return err
	}
	for _, g := range groups {
		if err := r.group(ctx, g); err != nil {
			return err
		}
	}
	return r.end()
}

// survey reads the journal once, and lists the models that its pictures were shown to.
func (r *replay) survey(ctx context.Context) (groups []replayModel, err error) {
	return groups, readRecords(ctx, string(r.Log), func(s journal.Seen) error {
		r.last = max(r.last, s.Seq)
		if s.Asked == nil || !r.takes(s) {
			return nil
		}
		if g := r.modelOf(s.Asked); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		return nil
	})
}

// chunk is how many records are in memory at a time.
const chunk = 256

// group replays the records of one model.
func (r *replay) group(ctx context.Context, g replayModel) (err error) {
	m, err := r.open(ctx, g)
	missing := ""
	if errors.As(err, new(*notHere)) {
		missing = err.Error()
	} else if err != nil {
		return err
	} else {
		defer m.close(&err)
	}
	var batch []journal.Record
	flush := func() error {
		work := func(i int) replayed {
			if missing != "" {
				return replayed{Seq: batch[i].Seq, Verdict: verdictNoModel, Detail: missing}
			}
			return r.one(ctx, m, &batch[i])
		}
		pipeline.InOrder(len(batch), runtime.GOMAXPROCS(0), work, func(_ int, line replayed) {
			if ctx.Err() == nil {
				r.tell(line)
			}
		})
		batch = batch[:0]
		return errors.Join(ctx.Err(), r.printing)
	}
	err = readRecords(ctx, string(r.Log), func(s journal.Seen) error {
		if s.Asked == nil || s.Seq > r.last || !r.takes(s) || g != r.modelOf(s.Asked) {
			return nil
		}
		if batch = append(batch, s.Record); len(batch) < chunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// notHere says what a record cannot be replayed without.
type notHere struct{ text string }

func (e *notHere) Error() string { return e.text }

// open opens a model as records name it, on the board if one is given. A board that cannot run it is a [notHere].
func (r *replay) open(ctx context.Context, g replayModel) (_ *fileModel, err error) {
	named := r.models.models[g.model]
	if named == "" {
		return nil, &notHere{fmt.Sprintf("no model file has the digest %s; name it with --model", g.model)}
	}
	calibration := r.models.calibrations[g.calibration]
	if g.calibration != "" && calibration == nil {
		return nil, &notHere{fmt.Sprintf("no calibration file has the digest %s; name it with --calibration", g.calibration)}
	}
	on := r.on
	on.Kernel = g.kernel
	m := &fileModel{}
	if m.board, err = r.openForFiles(ctx, r.std, on.Kernel); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.close(&err)
		}
	}()
	itself := func(e *pipeline.Entry) *pipeline.Entry { return e }
	m.Entry, err = opened(ctx, m.board, pipeline.OpenModel, named, itself, on)
	if err != nil && (errors.As(err, new(*hw.Refusal)) || m.board != nil && m.Entry != nil && !m.board.Taken()) {
		return nil, &notHere{err.Error()} // the model is not one for the board
	} else if err != nil {
		return nil, err
	}
	if calibration != nil {
		if m.Entry, err = m.Calibrated(calibration); err != nil {
			return nil, err
		}
	}
	m.pictures, err = newRoom(pictureFlags{MaxBytes: r.MaxBytes})
	return m, err
}

// one replays a record.
func (r *replay) one(ctx context.Context, m *fileModel, record *journal.Record) replayed {
	line := replayed{Seq: record.Seq}
	if !record.Replayable() {
		line.Verdict = verdictServers
		return line
	}
	input, terms := record.Asked.Input, &record.Asked.Options
	if input.Prepared {
		line.Verdict, line.Detail = verdictNoPicture, "it came prepared, as pixels, and cannot be replayed from a file"
		return line
	}
	if line.File = r.pictures.find(input); line.File == "" {
		line.Verdict = verdictNoPicture
		return line
	}
	same, film := false, false
	p, err := m.pictures.predictWithin(ctx, r.std, m.Entry, line.File, terms.Limits(), record.Options(), func(data []byte) {
		same, film = samePicture(input, data), dicom.Sniff(data)
	})
	problem := pipeline.Problem(err)
	switch {
	case !same:
		line.Verdict, line.Detail = verdictFailed, "the file cannot be read, or was changed meanwhile"
		if err != nil {
			line.Detail += ": " + err.Error()
		}
		return line
	case err != nil && problem == "":
		line.Verdict, line.Detail = verdictFailed, err.Error()
		return line
	case errors.Is(err, radiograph.ErrTooLarge) && m.pictures.lowers(terms.Limits()) && (record.Problem == nil || record.Problem.Name != problem):
		line.Verdict, line.Detail = verdictFailed, "there is less memory than the server had: "+err.Error()
		return line
	}
	if line.Differ = record.Differs(&p, problem, film); len(line.Differ) == 0 {
		line.Verdict = verdictEqual
		return line
	}
	line.Verdict, line.Recorded = verdictDifferent, record.Answer
	if record.Asked.Kernel != m.Kernel() {
		line.Detail = fmt.Sprintf("recorded on %s, now on %s", record.Asked.Kernel, m.Kernel())
	}
	if err == nil {
		line.Now = journal.NewAnswer(&p)
	}
	return line
}

// tell counts a record, and prints what is not equal.
func (r *replay) tell(line replayed) {
	r.count[line.Verdict]++
	if r.printing != nil {
		return
	}
	switch {
	case r.JSON:
		r.printing = json.NewEncoder(r.std.out).Encode(line)
	case line.Verdict == verdictEqual || line.Verdict == verdictServers:
	default:
		text := fmt.Sprintf("record %d: %s", line.Seq, line.Verdict)
		if len(line.Differ) > 0 {
			text += ": " + strings.Join(line.Differ, ", ")
		}
		if line.Detail != "" {
			text += ": " + line.Detail
		}
		if line.Recorded != nil && line.Now != nil {
			text += fmt.Sprintf("; it was %s by %s, and is %s by %s", digits(line.Recorded.RawProbability), line.Recorded.Backend,
				digits(line.Now.RawProbability), line.Now.Backend)
		}
		_, r.printing = fmt.Fprintln(r.std.out, oneLine(text))
	}
}

// end tells what came of all.
func (r *replay) end() error {
	if r.printing != nil {
		return r.printing
	}
	if err := r.sum(r.std.out); err != nil {
		return err
	}
	all := 0
	for _, v := range verdicts {
		all += r.count[v]
	}
	switch {
	case r.count[verdictDifferent] > 0:
		return errSilent
	case r.count[verdictEqual] == 0, all-r.count[verdictServers] > r.count[verdictEqual]:
		return errIncomplete
	}
	return nil
}

func (r *replay) sum(w io.Writer) error {
	if r.JSON {
		return json.NewEncoder(w).Encode(map[string]map[replayVerdict]int{"count": r.count})
	}
	var parts []string
	for _, v := range verdicts {
		if n := r.count[v]; n > 0 || v == verdictEqual || v == verdictDifferent {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	_, err := fmt.Fprintln(w, strings.Join(parts, ", "))
	return err
}
