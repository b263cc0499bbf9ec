package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/spikeray/spikeray/internal/evaluate"
)

// A figure's plane, in the units of its viewBox.
const (
	side           = 300.0
	left, top      = 46.0, 12.0
	histogramWidth = 640.0
	histogramHalf  = 110.0
	histogramBins  = 20
)

// tick is a mark on an axis, from 0 to 1.
type tick struct {
	At   float64
	Text string
}

// mark is a point, or a line, of an operating point.
type mark struct {
	X, Y float64
	Name string
	// Number stands beside the mark and in the list below the figure, so that it is not told by colour.
	Number int
}

type roc struct {
	Line        string // for a polyline; empty without both classes
	X, Y        []tick
	Marks       []mark
	Sensitivity []atShare
}

// atShare is the highest sensitivity among thresholds with at most that share of false positives.
type atShare struct{ FalsePositives, Sensitivity float64 }

func across(v float64) float64 { return left + v*side }
func up(v float64) float64     { return top + (1-v)*side }

func ticks(place func(float64) float64) (out []tick) {
	for i := range 6 {
		v := float64(i) / 5
		out = append(out, tick{place(v), fmt.Sprintf("%.1f", v)})
	}
	return out
}

func drawROC(cases []evaluate.Case, points []point) roc {
	out := roc{X: ticks(across), Y: ticks(up)}
	curve := evaluate.ROC(cases)
	if curve == nil {
		return out
	}
	var line path
	for _, p := range curve {
		line.add(across(p.FalsePositives), up(p.Sensitivity))
	}
	out.Line = line.String()
	for i, p := range points {
		out.Marks = append(out.Marks, mark{across(p.Shares[0][1]), up(p.Shares[1][1]), p.Name, i + 1})
	}
	for _, most := range []float64{0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5} {
		best := 0.0
		for _, p := range curve {
			if p.FalsePositives <= most {
				best = max(best, p.Sensitivity)
			}
		}
		out.Sensitivity = append(out.Sensitivity, atShare{most, best})
	}
	return out
}

// path collects the points of a line, each with a decimal; those that fall on the one before are left out, so that the line of
// any number of pictures is short.
type path struct {
	text strings.Builder
	last string
}

func (p *path) add(x, y float64) {
	if at := fmt.Sprintf("%.1f,%.1f", x, y); at != p.last {
		if p.last != "" {
			p.text.WriteByte(' ')
		}
		p.text.WriteString(at)
		p.last = at
	}
}

func (p *path) String() string { return p.text.String() }

type reliability struct {
	X, Y []tick
	Line string
	Bins []reliabilityBin
}

type reliabilityBin struct {
	evaluate.Bin
	All          int
	X, Y, Radius float64 // of the point
	Foot, Head   float64 // of its interval's line
}

// drawReliability has a point for each bin with cases; its area grows with their number.
func drawReliability(cases []evaluate.Case) reliability {
	out := reliability{X: ticks(across), Y: ticks(up)}
	var line path
	for _, b := range evaluate.Bins(cases, evaluate.CalibrationBins) {
		r := reliabilityBin{Bin: b, All: b.N[0] + b.N[1]}
		if r.All > 0 {
			r.X, r.Y = across(b.Mean), up(b.Share)
			r.Foot, r.Head = up(float64(b.Interval[0])), up(float64(b.Interval[1]))
			r.Radius = 2.5 + 7*math.Sqrt(float64(r.All)/float64(len(cases)))
			line.add(r.X, r.Y)
		}
		out.Bins = append(out.Bins, r)
	}
	out.Line = line.String()
	return out
}

type histogram struct {
	X      []tick
	Bars   []bar
	Middle float64
	Most   [2]int
	Marks  []mark
}

// bar is a bin's two bars: the negative class up, the positive class down from the middle.
type bar struct {
	evaluate.Bin
	X, Width float64
	Height   [2]float64
}

// drawHistogram scales each class to its largest bin, since the classes may be of very different numbers.
func drawHistogram(cases []evaluate.Case, points []point) histogram {
	wide := func(v float64) float64 { return left + v*histogramWidth }
	out := histogram{X: ticks(wide), Middle: top + histogramHalf}
	bins := evaluate.Bins(cases, histogramBins)
	for _, b := range bins {
		for class, n := range b.N {
			out.Most[class] = max(out.Most[class], n)
		}
	}
	for _, b := range bins {
		r := bar{Bin: b, X: wide(b.Low) + 1, Width: histogramWidth/histogramBins - 2}
		for class, n := range b.N {
			r.Height[class] = float64(n) / float64(max(out.Most[class], 1)) * (histogramHalf - 14)
			if n > 0 {
				r.Height[class] = max(r.Height[class], 1)
			}
		}
		out.Bars = append(out.Bars, r)
	}
	for i, p := range points {
		out.Marks = append(out.Marks, mark{X: wide(float64(p.Threshold)), Name: p.Name, Number: i + 1})
	}
	return out
}
