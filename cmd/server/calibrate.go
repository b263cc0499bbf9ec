package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/pkg/model"
)

// calibrationFlag takes a place's calibration.
type calibrationFlag struct {
	Calibration string `placeholder:"FILE" help:"Calibration file of your site, written by spikeray calibrate. It replaces the model's own calibration and must have been made for this model."`
}

// apply puts the calibration in force, if one is given.
func (f calibrationFlag) apply(m *pipeline.Entry) (*pipeline.Entry, error) {
	if f.Calibration == "" {
		return m, nil
	}
	c, err := pipeline.OpenCalibration(f.Calibration)
	if err != nil {
		return nil, fmt.Errorf("--calibration: %w", err)
	}
	if m, err = m.Calibrated(c); err != nil {
		return nil, fmt.Errorf("--calibration %s: %w", f.Calibration, err)
	}
	return m, nil
}

type calibrateCommand struct {
	modelFlag
	gateFlag
	pictureFlags
	Bits       *int     `placeholder:"N" help:"Significant bits of the pictures' samples, 8 to 16, as for predict."`
	Prevalence *float64 `placeholder:"P" help:"Share of PNEUMONIA, between 0 and 1, among the pictures that the site will send. The default is the share among the pictures given here."`
	Place      string   `default:"unnamed" placeholder:"NAME" help:"Name of the site. Answers and metrics show it with the calibration. The default is ${default}."`
	Out        string   `default:"calibration.json" placeholder:"FILE" help:"File to write. It must not exist yet. The default is ${default}."`
	JSON       bool     `help:"Print the calibration file's JSON instead of a report."`
	Pictures   string   `arg:"" help:"Folder with the sub-folders NORMAL and PNEUMONIA, or a CSV file with the columns file, label and, optionally, patient. Relative paths in the CSV start from its folder."`
}

// Validate is called by kong once the flags are read.
func (c *calibrateCommand) Validate() error {
	if c.Bits != nil && (*c.Bits < 8 || *c.Bits > 16) {
		return fmt.Errorf("--bits must be 8 to 16, not %d", *c.Bits)
	}
	if p := c.Prevalence; p != nil && !(*p > 0 && *p < 1) {
		return fmt.Errorf("--prevalence must be above 0 and below 1, not %v", *p)
	}
	if err := site.CheckPlace(c.Place); err != nil {
		return fmt.Errorf("--place: %w", err)
	}
	return nil
}

// Run fits the model to the pictures and writes the calibration. It fails if one of them could not be read.
func (c *calibrateCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	if err := creatable("--out", c.Out); err != nil {
		return err
	}
	m, err := pipeline.OpenModel(ctx, c.Model, on)
	if err != nil {
		return err
	}
	d := m.Description()
	if d.Positive != pneumonia {
		return fmt.Errorf("the positive label of model %s is %s (of %q); calibrate needs a model that tells %s from %s", d.Name, d.Positive, d.Labels, pneumonia, normal)
	}
	if err := c.gateFlag.check(d); err != nil {
		return err
	}
	files, err := c.find()
	if err != nil {
		return err
	}
	request := site.Request{Model: m.Model, Place: c.Place, Made: time.Now()}
	if c.Prevalence != nil {
		request.Prevalence = *c.Prevalence
	}
	if err := c.answer(ctx, std, m, files.pictures, &request); err != nil {
		return err
	}
	if request.Unread > 0 {
		fmt.Fprintf(std.err, "spikeray: %d of %d pictures could not be read and are left out\n", request.Unread, len(files.pictures))
	}
	document, err := site.Make(request)
	if err != nil {
		return err
	}
	file, calibration, err := document.Encode()
	if err != nil {
		return err
	}
	if err := c.write(file); err != nil {
		return err
	}
	if c.JSON {
		_, err = std.out.Write(file)
	} else {
		err = c.report(std.out, calibration)
	}
	if err == nil && request.Unread > 0 {
		err = errSilent
	}
	return err
}

// creatable refuses a flag's file that is there, before the work.
func creatable(flag, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %s already exists: remove it or choose another name", flag, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: %s is not a folder", flag, filepath.Dir(path))
	}
	return nil
}

func (c *calibrateCommand) write(file []byte) error {
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if _, err = f.Write(file); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("--out: %w", err), os.Remove(c.Out))
	}
	return nil
}

func (c *calibrateCommand) find() (pictureSet, error) {
	info, err := os.Stat(c.Pictures)
	if err != nil {
		return pictureSet{}, err
	}
	if info.IsDir() {
		return findPictures(c.Pictures)
	}
	return readLabels(c.Pictures)
}

// answer has the model answer the pictures. The same picture counts once; with two labels, it is an error.
func (c *calibrateCommand) answer(ctx context.Context, std *streams, m *pipeline.Entry, files []labelled, out *site.Request) error {
	type answer struct {
		pipeline.Prediction
		sum [sha256.Size]byte
		err error
	}
	options := pipeline.Options{Gate: c.Gate}
	if c.Bits != nil {
		options.Bits = *c.Bits
	}
	pictures, err := newRoom(c.pictureFlags)
	if err != nil {
		return err
	}
	work := func(i int) answer {
		if err := errors.Join(ctx.Err(), files[i].err); err != nil {
			return answer{err: err}
		}
		var sum [sha256.Size]byte
		p, err := pictures.predict(ctx, std, m, files[i].path, options, func(data []byte) { sum = sha256.Sum256(data) })
		return answer{p, sum, err}
	}
	first := map[[sha256.Size]byte]labelled{}
	progress := newCounter(std.progress, len(files))
	var twice error
	pipeline.InOrder(len(files), runtime.GOMAXPROCS(0), work, func(i int, a answer) {
		if ctx.Err() != nil {
			return
		}
		progress.step()
		if refused := (*pipeline.RefusedError)(nil); errors.As(a.err, &refused) {
			out.Refused++
			return
		}
		if a.err != nil {
			out.Unread++
			progress.clear()
			fmt.Fprintf(std.err, "%s: %v\n", oneLine(files[i].path), a.err)
			return
		}
		if other, known := first[a.sum]; known {
			out.Duplicates++
			if other.class != files[i].class && twice == nil {
				twice = fmt.Errorf("%s is labelled %s and is the same picture as %s, which is labelled %s", files[i].path, files[i].class, other.path, other.class)
			}
			return
		}
		first[a.sum] = files[i]
		if a.Gate != nil && !a.Gate.Accepted || len(a.Doubts) > 0 {
			out.Flagged++
		}
		out.Pictures = append(out.Pictures, site.Picture{LogOdds: a.LogOdds, Positive: files[i].class == pneumonia, Patient: files[i].patient})
	})
	progress.clear()
	return errors.Join(ctx.Err(), twice)
}

// report tells people what was fitted and what it bought.
func (c *calibrateCommand) report(w io.Writer, fitted *site.Calibration) error {
	d := fitted.Data
	patients := ""
	if d.Patients > 0 {
		patients = fmt.Sprintf(" of %d patients", d.Patients)
	}
	fmt.Fprintf(w, "%s, fitted for %s to %d pictures%s: %d %s, %d %s\n", fitted.Model, fitted.Place, d.Pictures, patients, d.Pictures-d.Positive, normal, d.Positive, pneumonia)
	fmt.Fprintf(w, "prevalence %.3g, slope %.4g, intercept %.4g, area under the ROC curve %.3f\n", fitted.Calibration.Prevalence, fitted.Calibration.Slope, fitted.Calibration.Intercept, d.AUC)
	for _, left := range []struct {
		n    int
		what string
	}{
		{d.Duplicates, "duplicates of another picture, left out"}, {d.Unread, "unreadable, left out"}, {d.Refused, "refused by the gate, left out"},
		{d.Flagged, "flagged by the gate but used: check them, or leave them out with --gate refuse"},
	} {
		if left.n > 0 {
			fmt.Fprintf(w, "%d pictures: %s\n", left.n, left.what)
		}
	}
	v := fitted.Validation
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "\n%s\tbefore\tafter\tgain\n", fitted.OperatingPoints[0].Name)
	shares := []struct {
		name          string
		before, after model.Estimate
		gained        *model.Estimate
	}{
		{"accuracy", v.Before.Accuracy, v.After.Accuracy, &v.Gained.Accuracy},
		{"sensitivity", v.Before.Sensitivity, v.After.Sensitivity, nil},
		{"specificity", v.Before.Specificity, v.After.Specificity, nil},
		{"calibration error", v.Before.ECE, v.After.ECE, &v.Gained.ECE},
		{"Brier score", v.Before.Brier, v.After.Brier, &v.Gained.Brier},
	}
	for _, s := range shares {
		gained := ""
		if s.gained != nil {
			gained = fmt.Sprintf("%+.3f (%+.3f to %+.3f)", s.gained.Value, s.gained.Low, s.gained.High)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.name, estimate(s.before), estimate(s.after), gained)
	}
	fmt.Fprintf(t, "\noperating point\tthreshold\tsensitivity\tspecificity\tPPV\tNPV\n")
	for _, p := range fitted.OperatingPoints {
		fmt.Fprintf(t, "%s\t%.4f\t%s\t%s\t%s\t%s\n", p.Name, p.Threshold, estimate(p.Sensitivity), estimate(p.Specificity), perhaps(p.PPV), perhaps(p.NPV))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAll figures but the thresholds and the column before come from cross-validation (%d folds, repeated %d times): no picture is judged by a calibration that was fitted on it. In parentheses: 95%% intervals.\n", v.Folds, v.Repeats)
	if v.Gained.Brier.Value >= 0 {
		fmt.Fprintf(w, "By the Brier score the calibration is no better here than the model's own: there is no reason to use it.\n")
	} else if v.Gained.Brier.High > 0 {
		fmt.Fprintf(w, "By the Brier score it is not certain that the calibration is better: use more pictures to find out.\n")
	}
	_, err := fmt.Fprintf(w, "written to %s (%s)\n", c.Out, fitted.Digest())
	return err
}

func perhaps(e *model.Estimate) string {
	if e == nil {
		return "-"
	}
	return estimate(*e)
}

// printCalibration tells on a line which calibration is in force, if it is a place's.
func printCalibration(w io.Writer, c *pipeline.SiteCalibration) error {
	if c == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "calibrated for %s, on %d pictures, %s (%.19s)\n", c.Place, c.Pictures, c.Made, c.Digest)
	return err
}
