package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
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

	SiteCalibration *pipeline.SiteCalibration `json:"site_calibration"`
}

type gateSummary struct {
	Labels    []string `json:"labels"`
	Accept    string   `json:"accept"`
	Threshold float64  `json:"threshold"`
}

type modelDocument struct {
	modelSummary
	// Site is the place's calibration file, where one is in force.
	Site        *site.Document     `json:"site,omitempty"`
	Description *model.Description `json:"description"`
	Card        string             `json:"card,omitempty"`
}

func summary(c *pipeline.Catalogue, e *pipeline.Entry) modelSummary {
	d := e.Description()
	summary := modelSummary{
		Name:      d.Name,
		Version:   d.Version,
		Digest:    e.Digest(),
		Summary:   d.Summary,
		Default:   e == c.Default(),
		Backend:   pipeline.Backend{Name: e.Backend()},
		Kernel:    e.Kernel(),
		Labels:    d.Labels,
		Positive:  d.Positive,
		Threshold: d.DefaultThreshold(),
		MaxSteps:  e.MaxSteps(),

		Calibration:     d.Calibration,
		OperatingPoints: append([]model.OperatingPoint{}, d.OperatingPoints...),
		Early:           append([]model.Early{}, d.Early...),

		SiteCalibration: e.SiteReference(),
	}
	if g := d.Gate; g != nil {
		summary.Gate = &gateSummary{g.Labels, g.Accept, g.Threshold}
	}
	return summary
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) error {
	var list struct {
		Models     []modelSummary    `json:"models"`
		Repository []versionDocument `json:"repository,omitempty"`
	}
	c := s.config.Models.Catalogue()
	for _, e := range c.All() {
		list.Models = append(list.Models, summary(c, e))
	}
	list.Repository = s.versions("")
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (s *Server) showModel(w http.ResponseWriter, r *http.Request) error {
	c := s.config.Models.Catalogue()
	e, err := entryNamed(c, r)
	if err != nil {
		return err
	}
	document := modelDocument{modelSummary: summary(c, e), Description: e.FileDescription(), Card: e.Card}
	if e.Site != nil {
		document.Site = &e.Site.Document
	}
	writeJSON(w, http.StatusOK, document)
	return nil
}

// entryNamed is the model that a request's path names, in the version of its query, if that has one.
func entryNamed(models *pipeline.Catalogue, r *http.Request) (*pipeline.Entry, error) {
	name := chi.URLParam(r, "name")
	if version := r.URL.Query().Get("version"); version != "" {
		return models.Version(name, version)
	}
	return models.Get(name)
}
