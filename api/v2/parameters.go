package v2

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// known are the parameters of a request.
var known = []string{
	"operating_point", "threshold", "prevalence", "steps", "bits", "deadline_ms", "timeout", "priority", "binary_data_output",
}

// MaxDeadline bounds a deadline that a client may state.
const MaxDeadline = time.Hour

// readParameters reads a request's parameters into its question, and whether its outputs are to be bytes.
func readParameters(all oip.Parameters, q *Question) (binary bool, err error) {
	for name, v := range all {
		switch name {
		case "operating_point":
			if q.Options.OperatingPoint, err = all.Text(name); err == nil && q.Options.OperatingPoint == "" {
				err = errors.New("must be a name")
			}
		case "threshold":
			q.Options.Threshold, err = number(all, name)
		case "prevalence":
			q.Options.Prevalence, err = number(all, name)
		case "steps":
			q.Options.Steps, err = count(all, name)
		case "bits":
			q.Options.Bits, err = count(all, name)
		case "deadline_ms":
			err = q.within(all, name, time.Millisecond)
		case "timeout":
			err = q.within(all, name, time.Microsecond)
		case "priority":
			err = q.prioritize(v)
		case "binary_data_output":
			var ok bool
			if binary, ok = v.(bool); !ok {
				err = errors.New("must be true or false")
			}
		case "sequence_id", "sequence_start", "sequence_end":
			err = errors.New("sequences are not supported: every picture is answered by itself")
		default:
			err = fmt.Errorf("is not known; the parameters are %s", strings.Join(known, ", "))
		}
		if err != nil {
			return false, refuse(Parameter, "parameter %.40q: %v", name, err)
		}
	}
	return binary, nil
}

func number(all oip.Parameters, name string) (*float64, error) {
	x, _, err := all.Float(name)
	return &x, err
}

// count reads a whole number of at least 1.
func count(all oip.Parameters, name string) (int, error) {
	n, _, err := all.Int(name)
	if err == nil && (n < 1 || n > 1<<20) {
		err = errors.New("must be at least 1, and one that the model can take")
	}
	return int(n), err
}

// within reads how long the answer may take. Of two parameters that say so, the shorter holds.
func (q *Question) within(all oip.Parameters, name string, unit time.Duration) error {
	n, _, err := all.Int(name)
	if err != nil {
		return err
	}
	if n < 1 || n > int64(MaxDeadline/unit) {
		return fmt.Errorf("must be 1 to %d", MaxDeadline/unit)
	}
	if within := time.Duration(n) * unit; q.Within == 0 || within < q.Within {
		q.Within = within
	}
	return nil
}

// prioritize reads a priority by its name, or by number as in Triton's schedule policy: 0 is the default, 1 the highest.
func (q *Question) prioritize(v any) error {
	n, err := oip.Parameters{"priority": v}, error(nil)
	if text, ok := v.(string); ok {
		q.Batch = text == "batch"
		if !q.Batch && text != "interactive" {
			err = errors.New("must be interactive or batch")
		}
		return err
	}
	if _, ok := v.(json.Number); !ok {
		return errors.New("must be interactive or batch, or a number: 0 and 1 are interactive, others batch")
	}
	level, _, err := n.Int("priority")
	if err == nil && level < 0 {
		err = errors.New("must be at least 0")
	}
	q.Batch = level > 1
	return err
}

// responseParameters tell what holds for all pictures of an answer, and what nobody should overlook of any: that a gate did not
// accept one, that a board did not answer, and warnings.
func responseParameters(e *pipeline.Entry, outcomes []Outcome) oip.Parameters {
	p := oip.Parameters{"notice": e.Notice(), "model_digest": e.Digest()}
	var backends, degraded, reasons, warnings []string
	add := func(to *[]string, s string) {
		for _, other := range *to {
			if other == s {
				return
			}
		}
		*to = append(*to, s)
	}
	for i := range outcomes {
		o := &outcomes[i].Prediction
		add(&backends, o.Backend)
		if o.Degraded != "" {
			add(&degraded, o.Degraded)
		}
		if g := o.Gate; g != nil {
			accepted, asked := p["gate_accepted"].(bool)
			p["gate_accepted"] = g.Accepted && (accepted || !asked)
			if !g.Accepted {
				add(&reasons, g.Reason)
			}
		}
		for _, w := range o.Warnings {
			if len(outcomes) > 1 {
				w = fmt.Sprintf("picture %d: %s", i+1, w)
			}
			warnings = append(warnings, w)
		}
		if o.OperatingPoint != nil {
			p["operating_point"] = o.OperatingPoint.Name
		}
		if c := e.SiteReference(); c != nil && o.Probabilities != nil {
			p["calibration_place"], p["calibration_digest"] = c.Place, c.Digest
		}
	}
	for name, values := range map[string][]string{"backend": backends, "degraded": degraded, "gate_reason": reasons} {
		if len(values) > 0 {
			p[name] = strings.Join(values, ",")
		}
	}
	if len(warnings) > 0 {
		p["warnings"] = strings.Join(warnings, "\n")
	}
	return p
}
