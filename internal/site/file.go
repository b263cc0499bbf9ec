// Package site fits a calibration to a place's own pictures, and reads and writes it as a small file that names the model it
// belongs to. docs/CALIBRATION.md says how to make one and how to read it.
package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spikeray/spikeray/internal/selfdigest"
	"github.com/spikeray/spikeray/internal/strictjson"
	"github.com/spikeray/spikeray/pkg/model"
)

// MaxBytes is the largest size of a calibration file.
const MaxBytes = 64 << 10

const (
	format   = 1
	maxPlace = 100 // characters
	maxCount = 10_000_000
)

// ErrFile is wrapped by the errors for a file that is not a calibration file or is damaged.
var ErrFile = errors.New("calibration file")

// ErrOtherModel is wrapped by the errors for a calibration that was made for another model.
var ErrOtherModel = errors.New("the calibration was made for another model")

// Document is what a calibration file says: the JSON of docs/CALIBRATION.md.
type Document struct {
	Format          int               `json:"format"`
	Place           string            `json:"place"` // who made it, in their own words
	Made            string            `json:"made"`  // RFC 3339
	Model           Model             `json:"model"`
	Data            Data              `json:"data"`
	Calibration     model.Calibration `json:"calibration"`
	Spread          *Spread           `json:"spread,omitempty"` // of Calibration; absent in files of versions before 2.2
	OperatingPoints []Point           `json:"operating_points"`
	Validation      Validation        `json:"validation"`
	FileSHA256      string            `json:"file_sha256"` // of the file with 0 for each of these 64 digits
}

// Model says which model a calibration belongs to.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// Data is what a calibration was fitted on.
type Data struct {
	Pictures int `json:"pictures"`
	Positive int `json:"positive"`           // of them
	Patients int `json:"patients,omitempty"` // 0 where it was not said whose a picture is
	// What is not among Pictures: files that could not be read, files with the bytes of another, and pictures that the
	// gate refused.
	Unread     int `json:"unread"`
	Duplicates int `json:"duplicates"`
	Refused    int `json:"refused"`
	// Flagged is how many of Pictures the gate did not accept.
	Flagged int `json:"flagged"`
	// AUC is the area under the ROC curve of Pictures, which no calibration changes.
	AUC float64 `json:"auc"`
}

// Point is an operating point of the place. Its figures are those of pictures that it was not fitted on: see [Validation].
type Point struct {
	model.OperatingPoint
	// The predictive values at the place's prevalence; absent where nobody is called positive, or everybody is.
	PPV *model.Estimate `json:"ppv,omitempty"`
	NPV *model.Estimate `json:"npv,omitempty"`
}

// Validation tells what the calibration bought: how well pictures were answered before, and how well by calibrations
// that were fitted without them (cross-validation), at the first operating point and the place's prevalence.
type Validation struct {
	Folds   int     `json:"folds"`
	Repeats int     `json:"repeats"`
	Before  Figures `json:"before"`
	After   Figures `json:"after"`
	// Gained is after minus before, of the same pictures: above 0 is better of the accuracy, below 0 of the others.
	Gained Gained `json:"gained"`
}

// Figures are of answers. All but the two shares by class are at the place's prevalence.
type Figures struct {
	Accuracy    model.Estimate `json:"accuracy"`
	Sensitivity model.Estimate `json:"sensitivity"`
	Specificity model.Estimate `json:"specificity"`
	ECE         model.Estimate `json:"ece"` // expected calibration error, as evaluate's
	Brier       model.Estimate `json:"brier"`
}

// Gained are differences of [Figures].
type Gained struct {
	Accuracy model.Estimate `json:"accuracy"`
	ECE      model.Estimate `json:"ece"`
	Brier    model.Estimate `json:"brier"`
}

// Calibration is a calibration file that was read.
type Calibration struct {
	Document
	digest string
}

// Digest names the file's bytes: "sha256:" and 64 hexadecimal digits, as sha256sum gives them.
func (c *Calibration) Digest() string { return c.digest }

// Parse reads a calibration file. Errors wrap [ErrFile].
func Parse(file []byte) (*Calibration, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrFile, MaxBytes)
	}
	if !utf8.Valid(file) {
		return nil, fmt.Errorf("%w: it is not UTF-8 text", ErrFile)
	}
	c := &Calibration{digest: "sha256:" + selfdigest.Of(file)}
	if err := strictjson.Decode(file, &c.Document); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := selfdigest.Check(c.FileSHA256, file); err != nil {
		return nil, fmt.Errorf("%w: file_sha256: %w", ErrFile, err)
	}
	return c, nil
}

// Encode gives the file of a document, with its digest, and the calibration as it will be read.
func (d Document) Encode() ([]byte, *Calibration, error) {
	d.Format, d.FileSHA256 = format, selfdigest.Zeros
	for {
		file, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		file = append(file, '\n')
		if d.FileSHA256 != selfdigest.Zeros {
			c, err := Parse(file)
			return file, c, err
		}
		d.FileSHA256 = selfdigest.Of(file)
	}
}

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(-[0-9A-Za-z.-]{1,32})?$`)
	digestPattern  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	ownPattern     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (d *Document) check() error {
	switch made, err := time.Parse(time.RFC3339, d.Made); {
	case d.Format != format:
		return fmt.Errorf("format: %d is unknown, this version reads only %d", d.Format, format)
	case err != nil || made.Year() < 2000 || made.Year() > 9999:
		return fmt.Errorf("made: %.80q is not an RFC 3339 time", d.Made)
	case !namePattern.MatchString(d.Model.Name) || !versionPattern.MatchString(d.Model.Version) || !digestPattern.MatchString(d.Model.Digest):
		return fmt.Errorf("model: %.80q, %.80q and %.80q do not name a model", d.Model.Name, d.Model.Version, d.Model.Digest)
	case !ownPattern.MatchString(d.FileSHA256):
		return errors.New("file_sha256: not 64 lower-case hexadecimal digits")
	}
	if err := CheckPlace(d.Place); err != nil {
		return err
	}
	if err := d.Data.check(); err != nil {
		return err
	}
	if d.Spread != nil {
		if err := d.Spread.check(); err != nil {
			return err
		}
	}
	for _, p := range d.OperatingPoints {
		if p.PPV != nil && !p.PPV.Holds() || p.NPV != nil && !p.NPV.Holds() {
			return fmt.Errorf("operating_points: the predictive values of %.80q must have 0 <= low <= value <= high <= 1", p.Name)
		}
	}
	decision := d.Decision()
	if err := decision.Check(2); err != nil {
		if bad := (*model.FormatError)(nil); errors.As(err, &bad) {
			return fmt.Errorf("%s: %s", bad.Field, bad.Reason)
		}
		return err
	}
	return d.Validation.check()
}

// CheckPlace returns an error if a place's name is not valid.
func CheckPlace(place string) error {
	switch n := utf8.RuneCountInString(place); {
	case n < 1 || n > maxPlace || strings.TrimSpace(place) != place:
		return fmt.Errorf("place: must have 1 to %d characters, without spaces before or after them", maxPlace)
	case strings.ContainsFunc(place, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("place: has characters that cannot be printed")
	}
	return nil
}

func (d *Data) check() error {
	for _, n := range []int{d.Pictures, d.Positive, d.Patients, d.Unread, d.Duplicates, d.Refused, d.Flagged} {
		if n < 0 || n > maxCount {
			return fmt.Errorf("data: each count must be 0 to %d", maxCount)
		}
	}
	switch {
	case d.Positive < MinPictures || d.Pictures-d.Positive < MinPictures:
		return fmt.Errorf("data: there must be at least %d pictures of each label", MinPictures)
	case d.Patients > d.Pictures || d.Flagged > d.Pictures:
		return errors.New("data: there are more patients or flagged pictures than pictures")
	case !(d.AUC >= 0 && d.AUC <= 1):
		return errors.New("data.auc: must be 0 to 1")
	}
	return nil
}

func (v *Validation) check() error {
	if v.Folds < 2 || v.Folds > 1000 || v.Repeats < 1 || v.Repeats > 10000 {
		return errors.New("validation: must have 2 to 1000 folds and 1 to 10000 repeats")
	}
	for _, f := range []Figures{v.Before, v.After} {
		for _, e := range []model.Estimate{f.Accuracy, f.Sensitivity, f.Specificity, f.ECE, f.Brier} {
			if !e.Holds() {
				return fmt.Errorf("validation: %+v, expected 0 <= low <= value <= high <= 1", e)
			}
		}
	}
	for _, e := range []model.Estimate{v.Gained.Accuracy, v.Gained.ECE, v.Gained.Brier} {
		if !(-1 <= e.Low && e.Low <= e.Value && e.Value <= e.High && e.High <= 1) {
			return fmt.Errorf("validation.gained: %+v, expected -1 <= low <= value <= high <= 1", e)
		}
	}
	return nil
}

// Decision replaces the model's own.
func (d *Document) Decision() model.Decision {
	out := model.Decision{Calibration: &d.Calibration, OperatingPoints: []model.OperatingPoint{}}
	for _, p := range d.OperatingPoints {
		out.OperatingPoints = append(out.OperatingPoints, p.OperatingPoint)
	}
	return out
}

// Apply is the model as the place has calibrated it. A calibration that was made for another model, or for another version
// of it, wraps [ErrOtherModel].
func (c *Calibration) Apply(m *model.Model) (*model.Model, error) {
	d := m.Description()
	if own := (Model{d.Name, d.Version, m.Digest()}); own != c.Model {
		return nil, fmt.Errorf("%w: it is for %s, not for %s", ErrOtherModel, c.Model, own)
	}
	return m.WithDecision(c.Decision())
}

// String names the model for people.
func (m Model) String() string { return fmt.Sprintf("%s %s (%.19s)", m.Name, m.Version, m.Digest) }
