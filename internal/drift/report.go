package drift

import (
	"slices"

	"github.com/spikeray/spikeray/pkg/model"
)

// State is what a window says in a word.
type State string

// The states of a window.
const (
	NoReference State = "no_reference" // the model has nothing to compare with
	Filling     State = "filling"      // fewer than Minimum pictures
	Steady      State = "steady"       // nothing is raised
	Drifted     State = "drifted"
)

// Report is what a window says of its pictures, as it is told in JSON; api/openapi.yaml describes it.
type Report struct {
	State         State      `json:"state"`
	Window        Filled     `json:"window"`
	PositiveShare *float64   `json:"positive_share"` // estimated; nil below Minimum
	Measures      []Measured `json:"measures"`
	Estimates     []Estimate `json:"estimates"` // none below Minimum
}

// Filled is how many pictures a window has, may have, and needs.
type Filled struct {
	Pictures int `json:"pictures"`
	Capacity int `json:"capacity"`
	Minimum  int `json:"minimum"`
}

// Measured is how far a measure is from the reference. What the window has too few pictures for is nil.
type Measured struct {
	Name string `json:"name"`
	// Pictures that it could be measured of, in the window and in the reference.
	Pictures          int64 `json:"pictures"`
	ReferencePictures int64 `json:"reference_pictures"`
	// PSI is the population stability index between the window and the mixture of the reference's two classes that is
	// most like it: what no other class mix explains. Unmixed is between the window and the reference as it is mixed.
	PSI     *float64 `json:"psi"`
	Unmixed *float64 `json:"psi_same_mix"`
	Raises  bool     `json:"raises"`  // false: it is only told
	Limit   *float64 `json:"limit"`   // of PSI, at so many pictures
	Drifted bool     `json:"drifted"` // PSI is above Limit
}

// Report compares the window with the reference. Of a nil window it says that there is no reference.
func (w *Window) Report() Report {
	r := Report{State: NoReference, Window: Filled{Capacity: Capacity, Minimum: Minimum}, Measures: []Measured{}, Estimates: []Estimate{}}
	if w == nil {
		return r
	}
	seen, odds := w.snapshot()
	r.Window.Pictures = len(odds)
	if r.State = Filling; len(odds) >= Minimum {
		r.State = Steady
	}
	for i, e := range w.reference {
		m := Measured{Name: e.Name, Pictures: sum(seen[i]), ReferencePictures: e.pictures, Raises: e.Limit != nil}
		if m.Pictures >= Minimum {
			here := shares(seen[i])
			share, mixed := mixture(seen[i], e.negative, e.positive)
			psi, unmixed := stability(here, mixed), stability(here, e.mixed)
			m.PSI, m.Unmixed = &psi, &unmixed
			if e.Limit != nil {
				limit := *e.Limit * (1/float64(m.Pictures) + 1/float64(e.pictures))
				m.Limit, m.Drifted = &limit, psi > limit
			}
			if m.Drifted {
				r.State = Drifted
			}
			if e.Name == model.LogOdds {
				r.PositiveShare = &share
				r.Estimates = w.estimates(odds, share)
			}
		}
		r.Measures = append(r.Measures, m)
	}
	return r
}

// snapshot copies the counts by measure, and the log-odds in no order.
func (w *Window) snapshot() (seen [][]int64, odds []float32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, counts := range w.seen {
		seen = append(seen, slices.Clone(counts))
	}
	if w.full {
		return seen, slices.Clone(w.odds)
	}
	return seen, slices.Clone(w.odds[:w.next])
}
