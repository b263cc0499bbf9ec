package api

import (
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
)

// Models are what a server answers with. They may change while it serves; a catalogue does not, and a request takes all that it needs
// from one. A [pipeline.Catalogue] is itself.
type Models interface{ Catalogue() *pipeline.Catalogue }

// Announce makes the metrics of models that answer from now on, and takes away those of models that do not any more. It is to be called
// with a catalogue before that answers.
func (s *Server) Announce(c *pipeline.Catalogue) {
	s.announcing.Lock()
	defer s.announcing.Unlock()
	metrics := s.config.Metrics
	for name, answered := range s.announced {
		if _, err := c.Get(name); err == nil {
			continue
		}
		metrics.Forget(name)
		// A request that is under way may yet be counted, so that it is forgotten once more the next time.
		if s.announced[name] = false; !answered {
			delete(s.announced, name)
		}
	}
	for _, e := range append(c.All(), c.Others()...) {
		d := e.Description()
		s.announced[d.Name] = true
		metrics.Model(d.Name, d.Labels)
		if e.MaxSteps() > 1 {
			metrics.Decidable(d.Name)
		}
		if d.Gate != nil {
			metrics.Gate(d.Name, d.Gate.Reasons()...)
		}
	}
	s.oip.Statistics.Keep(append(c.All(), c.Others()...)...)
	if s.shadow != nil {
		s.shadow.compare(shadowPair{s.shadow.pair.Load().shadow, c.Default()})
	}
	if s.config.Board != nil {
		metrics.Degradable(c.Default().Name(), board.Words(board.Kinds)...)
	}
}

// told is what a scrape is told of the models.
func (s *Server) told() (told []telemetry.Model) {
	c := s.config.Models.Catalogue()
	tell := func(e *pipeline.Entry, serving bool) {
		d := e.Description()
		m := telemetry.Model{
			Name: d.Name, Version: d.Version, Digest: e.Digest(), Backend: e.Backend(), Kernel: e.Kernel(), Default: e == c.Default(),
		}
		// The other metrics are by the model's name alone, so that they are of the version that serves.
		if w := e.Window(); w != nil && serving {
			m.Drift = w.Report
		}
		if c := e.SiteReference(); c != nil && serving {
			m.Calibration = &telemetry.Calibration{Place: c.Place, Made: c.Made, Digest: c.Digest, Pictures: c.Pictures}
		}
		told = append(told, m)
	}
	for _, e := range c.All() {
		tell(e, true)
	}
	for _, e := range c.Others() {
		tell(e, false)
	}
	return told
}

// question is one with the server's defaults, of a catalogue's default model.
func (s *Server) question(c *pipeline.Catalogue) question {
	return question{model: c.Default(), options: pipeline.Options{Gate: s.config.Gate, Standard: s.config.Standard}}
}
