package pipeline

import "math"

// Notice begins the notice of every answer; what the model's file says of its population follows.
const Notice = "Research software. Not a medical device, not for diagnosis."

// Answer is a prediction in JSON, the same over HTTP and on the command line; api/openapi.yaml describes it.
type Answer struct {
	Model          ModelReference     `json:"model"`
	Backend        Backend            `json:"backend"`
	Degraded       *string            `json:"degraded"`
	Probability    *float64           `json:"probability"`
	RawProbability float64            `json:"raw_probability"`
	Label          *string            `json:"label"`
	Threshold      *float64           `json:"threshold"`
	OperatingPoint *string            `json:"operating_point"`
	Probabilities  map[string]float64 `json:"probabilities"`
	Prevalence     *Prevalence        `json:"prevalence"`
	Calibration    *SiteCalibration   `json:"calibration"`
	Gate           *GateAnswer        `json:"gate"`
	Input          InputAnswer        `json:"input"`
	DICOM          *DICOMAnswer       `json:"dicom"`
	Steps          *int               `json:"steps"`
	Spikes         *SpikesAnswer      `json:"spikes"`
	Board          *BoardAnswer       `json:"board"`
	Notice         string             `json:"notice"`
}

// ModelReference says which model answered.
type ModelReference struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// Backend says what runs a model's spiking layers.
type Backend struct {
	Name string `json:"name"`
}

// GateAnswer is the answer of a model's gate for a picture.
type GateAnswer struct {
	Accepted    bool    `json:"accepted"`
	Probability float64 `json:"probability"`
	Reason      *string `json:"reason"` // nil when accepted
}

// InputAnswer describes the picture as it arrived, and what was unusual about it or its processing.
type InputAnswer struct {
	Format   string   `json:"format"`
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Warnings []string `json:"warnings"`
}

// SpikesAnswer counts what the spiking layers did.
type SpikesAnswer struct {
	Steps              int     `json:"steps"`
	Total              uint64  `json:"total"`
	Rate               float64 `json:"rate"`
	SynapticOperations uint64  `json:"synaptic_operations"`
}

// BoardAnswer is what a board reported about its run.
type BoardAnswer struct {
	Steps      int      `json:"steps"`
	Saturated  uint64   `json:"saturated"`
	Lost       uint64   `json:"lost"`
	Energy     *float64 `json:"energy_joules,omitempty"`
	DeviceTime *float64 `json:"device_time_ms,omitempty"`
}

// SiteCalibration says which place's calibration an answer is by.
type SiteCalibration struct {
	Place    string `json:"place"`
	Made     string `json:"made"`
	Pictures int    `json:"pictures"` // that it was fitted on
	Digest   string `json:"digest"`
	// Interval is that of an answer's probability; nil where there is no answer, and where the calibration does not tell its spread.
	Interval *Interval `json:"interval,omitempty"`
}

// Interval is a 95% interval of a probability.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// SiteReference says which place's calibration is in force, nil for the model's own.
func (e *Entry) SiteReference() *SiteCalibration {
	if e.Site == nil {
		return nil
	}
	return &SiteCalibration{Place: e.Site.Place, Made: e.Site.Made, Pictures: e.Site.Data.Pictures, Digest: e.Site.Digest()}
}

// answeredBy is SiteReference with the interval at an answer's log-odds, as the network gives them.
func (e *Entry) answeredBy(logOdds float64) *SiteCalibration {
	c := e.SiteReference()
	if c == nil {
		return nil
	}
	if low, high, ok := e.Site.Interval(logOdds); ok {
		c.Interval = &Interval{low, high}
	}
	return c
}

// Reference names the model.
func (e *Entry) Reference() ModelReference {
	d := e.Description()
	return ModelReference{d.Name, d.Version, e.Digest()}
}

// Notice says what the model's answers must not be used for, and whom the model is made for.
func (e *Entry) Notice() string {
	if population := e.Description().Population; population != "" {
		return Notice + " " + population
	}
	return Notice
}

// Answer converts a prediction of this model. What a prediction does not have is null.
func (e *Entry) Answer(p Prediction) Answer {
	a := Answer{
		Model:          e.Reference(),
		Backend:        Backend{p.Backend},
		Degraded:       nonEmpty(p.Degraded),
		Probability:    number(p.Probability),
		RawProbability: p.RawProbability,
		Label:          nonEmpty(p.Label),
		Threshold:      number(p.Threshold),
		Prevalence:     p.Prevalence,
		Gate:           p.GateAnswer(),
		Input:          InputAnswer{p.Input.Format, p.Input.Width, p.Input.Height, p.Warnings},
		DICOM:          newDICOM(p.Film, p.Identifiers),
		Notice:         e.Notice(),
	}
	if p.Probabilities != nil { // for fewer steps, the place has none
		a.Calibration = e.answeredBy(p.LogOdds)
	}
	if p.OperatingPoint != nil {
		a.OperatingPoint = &p.OperatingPoint.Name
	}
	if p.Probabilities != nil {
		a.Probabilities = make(map[string]float64, len(p.Probabilities))
		for i, label := range e.Description().Labels {
			a.Probabilities[label] = p.Probabilities[i]
		}
	}
	if p.Spikes != nil {
		a.Steps = &p.Steps
		a.Spikes = &SpikesAnswer{p.Steps, p.Spikes.Total, p.Spikes.Rate, p.Spikes.SynapticOperations}
	}
	if b := p.Board; b != nil {
		a.Board = &BoardAnswer{Steps: b.BoardSteps, Saturated: p.Spikes.Saturated, Lost: b.Link.Lost(), Energy: b.Energy}
		if b.DeviceTime != nil {
			took := float64(b.DeviceTime.Microseconds()) / 1000
			a.Board.DeviceTime = &took
		}
	}
	return a
}

// GateAnswer is nil when no gate was asked.
func (p *Prediction) GateAnswer() *GateAnswer {
	if p.Gate == nil {
		return nil
	}
	g := &GateAnswer{Accepted: p.Gate.Accepted, Probability: p.Gate.Probability}
	if !g.Accepted {
		g.Reason = &p.Gate.Reason
	}
	return g
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func number(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
