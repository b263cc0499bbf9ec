package api

import (
	"math"
	"net/http"

	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/pipeline"
)

type driftDocument struct {
	Model pipeline.ModelReference `json:"model"`
	drift.Report
}

func (s *Server) showDrift(w http.ResponseWriter, r *http.Request) error {
	e, err := entryNamed(s.config.Models.Catalogue(), r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, driftDocument{e.Reference(), e.Window().Report()})
	return nil
}

// see puts an answered picture into its model's window, and has a shadow answer it later. Answers after fewer steps are of another
// distribution and are left out of the window.
func (s *Server) see(m *pipeline.Entry, o outcome) {
	s.oip.Statistics.Add(m, o.waited, o.prediction.Timing, o.total, o.err != nil)
	if o.err == nil {
		o.along.offer(o.prediction)
	}
	window, p := m.Window(), o.prediction
	if window == nil || o.err != nil || m.MaxSteps() > 0 && p.Steps != m.MaxSteps() {
		return
	}
	gate := math.NaN()
	if p.Gate != nil {
		gate = p.Gate.Probability
	}
	seen := drift.Seen{Probability: p.RawProbability, Gate: gate, Look: p.Look}
	if in := p.Input; in.Format != pipeline.PreparedFormat { // of a prepared one, nobody knows what it was
		seen.Width, seen.Height, seen.Format = in.Width, in.Height, in.Format
	}
	window.Add(seen)
}
