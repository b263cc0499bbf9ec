package drift

import (
	"math"
	"slices"
	"sync"

	"github.com/spikeray/spikeray/pkg/model"
)

// Capacity is how many pictures a Window keeps, and Minimum how many it must have before anything is raised or estimated.
const (
	Capacity = 300
	Minimum  = 100
)

// Seen is what a window is told of an answered picture.
type Seen struct {
	Probability float64 // the network's own, of the positive label
	Gate        float64 // the gate's, of its accepted label; NaN where it was not asked
	Look        Look
	Width       int // as stored
	Height      int
	Format      string
}

// Window is the latest Capacity pictures that a model has answered. It is safe for concurrent use, and starts empty.
type Window struct {
	description *model.Description
	reference   []expected

	mu   sync.Mutex
	full bool
	next int       // the place of the next picture
	bins [][]uint8 // by place, then by measure; none where it could not be measured
	odds []float32 // by place
	seen [][]int64 // counts by measure, then by bin
}

// none stands for the bin of what could not be measured; there are fewer bins.
const none = 255

// expected is a measure of the reference, ready to be compared with.
type expected struct {
	*model.ReferenceMeasure
	negative, positive []float64 // shares by bin
	mixed              []float64 // of both, as the reference mixes them
	pictures           int64
	share              float64 // of positive
}

// NewWindow is an empty window of a model, nil for one without a reference.
func NewWindow(d *model.Description) *Window {
	if d.Reference == nil {
		return nil
	}
	w := &Window{description: d, odds: make([]float32, Capacity), bins: make([][]uint8, Capacity)}
	for _, name := range model.Measures {
		m := d.Reference.Measure(name)
		if m == nil {
			continue
		}
		e := expected{ReferenceMeasure: m, negative: shares(m.Counts[0]), positive: shares(m.Counts[1])}
		positives := sum(m.Counts[1])
		e.pictures = sum(m.Counts[0]) + positives
		e.share = float64(positives) / float64(e.pictures)
		e.mixed = mix(e.share, e.negative, e.positive)
		w.reference = append(w.reference, e)
		w.seen = append(w.seen, make([]int64, len(m.Counts[0])))
	}
	for i := range w.bins {
		w.bins[i] = make([]uint8, len(w.reference))
	}
	return w
}

// Add puts a picture into the window; the oldest leaves a full one.
func (w *Window) Add(s Seen) {
	var bins [16]uint8
	for i := range w.reference {
		bins[i] = w.reference[i].bin(s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	place := w.bins[w.next]
	for i := range place {
		if w.full && place[i] != none {
			w.seen[i][place[i]]--
		}
		if place[i] = bins[i]; bins[i] != none {
			w.seen[i][bins[i]]++
		}
	}
	w.odds[w.next] = float32(logOdds(s.Probability))
	if w.next++; w.next == Capacity {
		w.next, w.full = 0, true
	}
}

// bin gives the number of the bin that a picture is in, or none.
func (e *expected) bin(s Seen) uint8 {
	if e.Name == model.Format {
		if s.Format == "" {
			return none
		}
		if i := slices.Index(e.Values, s.Format); i >= 0 {
			return uint8(i)
		}
		return uint8(len(e.Values))
	}
	v := s.value(e.Name)
	if math.IsNaN(v) {
		return none
	}
	bin := uint8(0)
	for _, edge := range e.Edges {
		if v >= edge {
			bin++
		}
	}
	return bin
}

func (s *Seen) value(measure string) float64 {
	switch measure {
	case model.LogOdds:
		return logOdds(s.Probability)
	case model.GateLogOdds:
		return logOdds(s.Gate)
	case model.Brightness:
		return s.Look.Brightness
	case model.Contrast:
		return s.Look.Contrast
	case model.Range:
		return s.Look.Range
	case model.Detail1:
		return s.Look.Detail[0]
	case model.Detail2:
		return s.Look.Detail[1]
	case model.Detail4:
		return s.Look.Detail[2]
	case model.Detail8:
		return s.Look.Detail[3]
	case model.Size:
		if s.Width > 0 {
			return float64(max(s.Width, s.Height))
		}
	case model.Aspect:
		return float64(s.Width) / float64(s.Height) // NaN for a picture without a size
	}
	return math.NaN()
}

// logOdds is infinite at 0 and 1.
func logOdds(p float64) float64 { return math.Log(p) - math.Log1p(-p) }

func sum(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
