package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

type modelSummary struct {
	Name      string           `json:"name"`
	Version   string           `json:"version"`
	Digest    string           `json:"digest"`
	Summary   string           `json:"summary"`
	Default   bool             `json:"default"`
	Backend   pipeline.Backend `json:"backend"`
	Kernel    string           `json:"kernel"`
	Labels    []string         `json:"labels"`
	Positive  string           `json:"positive"`
	Threshold float64          `json:"threshold"`
	MaxSteps  int              `json:"max_steps"`

	Calibration     *model.Calibration     `json:"calibration"`
	OperatingPoints []model.OperatingPoint `json:"operating_points"`
	Early           []model.Early          `json:"early"`
	Gate            *gateSummary           `json:"gate"`
}

type gateSummary struct {
	Labels    []string `json:"labels"`
	Accept    string   `json:"accept"`
	Threshold float64  `json:"threshold"`
}

type modelDocument struct {
	modelSummary
	Description *model.Description `json:"description"`
	Card        string             `json:"card,omitempty"`
}

func (s *Server) summary(e *pipeline.Entry) modelSummary {
	d := e.Description()
	summary := modelSummary{
		Name:      d.Name,
		Version:   d.Version,
		Digest:    e.Digest(),
		Summary:   d.Summary,
		Default:   e == s.config.Models.Default(),
		Backend:   pipeline.Backend{Name: e.Backend()},
		Kernel:    e.Kernel(),
		Labels:    d.Labels,
		Positive:  d.Positive,
		Threshold: d.DefaultThreshold(),
		MaxSteps:  e.MaxSteps(),

		Calibration:     d.Calibration,
		OperatingPoints: append([]model.OperatingPoint{}, d.OperatingPoints...),
		Early:           append([]model.Early{}, d.Early...),
	}
	if g := d.Gate; g != nil {
		summary.Gate = &gateSummary{g.Labels, g.Accept, g.Threshold}
	}
	return summary
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) error {
	var list struct {
		Models []modelSummary `json:"models"`
	}
	for _, e := range s.config.Models.All() {
		list.Models = append(list.Models, s.summary(e))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (s *Server) showModel(w http.ResponseWriter, r *http.Request) error {
	e, err := s.config.Models.Get(chi.URLParam(r, "name"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, modelDocument{s.summary(e), e.Description(), e.Card})
	return nil
}
