package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// ErrOptions is wrapped by the errors of options that do not go together or do
// not apply to a model.
var ErrOptions = errors.New("options do not fit the model")

// GateMode says what to do with a picture that the model's gate does not accept.
type GateMode string

// The zero value of a GateMode stands for GateFlag.
const (
	GateFlag   GateMode = "flag"   // it is answered, with a warning
	GateRefuse GateMode = "refuse" // it is a [*RefusedError]
	GateOff    GateMode = "off"    // the gate is not asked
)

// Standard is a server's threshold or operating point for requests that name none. Unlike a request's own, it is ignored
// if it does not apply: a model without the operating point uses its own default, and the answer has a warning.
type Standard struct {
	// At most one of them is given.
	Threshold      *float64
	OperatingPoint string
}

// Options change how one picture is answered.
type Options struct {
	// Threshold is the calibrated probability, in [0, 1], from which the positive
	// label is given; nil takes the operating point's.
	Threshold *float64
	// OperatingPoint is one of the model's by name, "" for its default. It does not
	// go with a Threshold.
	OperatingPoint string
	// Standard stands in where neither is given.
	Standard Standard
	// Prevalence is the share of the positive label, between 0 and 1, where the
	// picture comes from; nil states none. The model must be calibrated.
	Prevalence *float64
	Gate       GateMode
	// Steps is the number of time steps to simulate, 0 for all of them. Fewer
	// than all have a decision of their own in the model, or none, and then
	// neither a Threshold, an OperatingPoint nor a Prevalence.
	Steps int
	// Bits is how many bits of the picture's samples are significant, from 8 to 16; 0 leaves it to the file. See
	// [radiograph.Limits].
	Bits int
	// Echo puts the identifiers of a DICOM film into its answer.
	Echo bool
	// Fit, if not nil, is asked once the picture is prepared how many steps there is time for: at most Steps, or all. An error ends
	// the prediction. What was asked of the decision does not hold where the model has none for so many steps, and the answer has
	// a warning where they are fewer than Steps.
	Fit func() (steps int, err error)
	// EachStep asks for [Prediction.EachStep].
	EachStep bool
	// Decoded, if not nil, is shown the picture once it is decoded. It must not keep it.
	Decoded func(*radiograph.Picture)
	// Prepared, if not nil, is shown the picture as the model takes it, before its grey window. It must not keep it.
	Prepared func(pixels []uint8)
}

// Check returns an error that wraps [ErrOptions] or [model.ErrSteps] if an option
// does not apply to a model.
func (o Options) Check(d *model.Description) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
	}
	most := d.MaxSteps()
	switch {
	case most == 0 && o.Steps != 0:
		return fmt.Errorf("%w: the time axis of model %s is not steps", model.ErrSteps, d.Name)
	case o.Steps < 0 || o.Steps > most:
		return fmt.Errorf("%w: %d; the model %s takes 1 to %d", model.ErrSteps, o.Steps, d.Name, most)
	}
	switch {
	case d.DecisionAt(o.Steps) == nil && (o.Threshold != nil || o.OperatingPoint != "" || o.Prevalence != nil):
		return fail("%s is not calibrated for %d of its %d steps: the answer has only the raw probability, and no threshold, operating point or prevalence applies to it",
			d.Name, o.Steps, most)
	case !slices.Contains([]GateMode{"", GateFlag, GateRefuse, GateOff}, o.Gate):
		return fail("unknown gate mode %.80q, must be flag, refuse or off", o.Gate)
	case o.Threshold != nil && !(*o.Threshold >= 0 && *o.Threshold <= 1):
		return fail("the threshold must be 0 to 1")
	case o.Threshold != nil && o.OperatingPoint != "":
		return fail("give a threshold or an operating point, not both")
	case o.OperatingPoint != "" && len(d.OperatingPoints) == 0:
		return fail("%s has no operating points", d.Name)
	case o.OperatingPoint != "" && d.OperatingPoint(o.OperatingPoint) == nil:
		var names []string
		for _, p := range d.OperatingPoints {
			names = append(names, p.Name)
		}
		return fail("unknown operating point; those of %s are %s", d.Name, strings.Join(names, ", "))
	case o.Bits != 0 && (o.Bits < 8 || o.Bits > 16):
		return fail("bits must be a whole number from 8 to 16")
	case o.Prevalence != nil && !(*o.Prevalence > 0 && *o.Prevalence < 1):
		return fail("the prevalence must be above 0 and below 1")
	case o.Prevalence != nil && d.Calibration == nil:
		return fail("%s is not calibrated: its probability cannot be adjusted to another prevalence", d.Name)
	}
	return nil
}

// Decide returns the threshold that applies to a model with these options, and the
// operating point that it belongs to, nil for none. The threshold is NaN if the
// model has no decision for the number of steps.
func (o Options) Decide(d *model.Description) (float64, *model.OperatingPoint) {
	decision := d.DecisionAt(o.Steps)
	name, threshold := o.OperatingPoint, o.Threshold
	if threshold == nil && name == "" {
		name, threshold = o.Standard.OperatingPoint, o.Standard.Threshold
	}
	switch {
	case decision == nil:
		return math.NaN(), nil
	case threshold != nil:
		return *threshold, nil
	}
	if o.strayed(d) {
		name = ""
	}
	if p := decision.OperatingPoint(name); p != nil {
		return p.Threshold, p
	}
	return decision.DefaultThreshold(), nil
}

// strayed tells whether the standard's operating point is asked for and not the model's.
func (o Options) strayed(d *model.Description) bool {
	name := o.Standard.OperatingPoint
	return o.Threshold == nil && o.OperatingPoint == "" && name != "" && d.OperatingPoint(name) == nil
}

// RefusedError is a picture that the model's gate does not accept.
type RefusedError struct{ text string }

func (e *RefusedError) Error() string { return e.text }

// doubt says in words why a gate does not accept a picture.
func doubt(g *model.Gate, r *model.GateResult) string {
	words := func(label string) string { return strings.ReplaceAll(label, "_", " ") }
	return fmt.Sprintf("the picture looks %q, not %q, which the model was made for", words(r.Reason), words(g.Accept))
}
