// Package page writes the report of an evaluation as one HTML file that stands for itself: no script, no request, its figures
// drawn as SVG and told in tables beside them.
package page

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spikeray/spikeray/internal/evaluate"
)

// worst is how many of the mistakes are listed.
const worst = 30

// maxListed bounds the lists of files that were not scored.
const maxListed = 500

// Case is a picture that was scored.
type Case struct {
	File              string // as it is to be shown: without control characters
	Positive          bool
	Probability       float64
	Answer            bool     // whether the answer was the positive label
	Notes             []string // what was unusual about the picture
	ProbabilityBefore float64  // before calibration
}

// File is a picture without a score, and why.
type File struct{ File, Reason string }

// Item is a line of what the report says of itself, such as the model's digest.
type Item struct{ Name, Value string }

// Data is what a report tells.
type Data struct {
	Title  string
	Notice string
	Made   time.Time
	About  []Item
	// Labels are the negative and the positive one.
	Labels         [2]string
	Report         *evaluate.Report
	OperatingPoint string // whose threshold the report's is, "" for another
	Cases          []Case
	Unread         []File // they could not be read
	Refused        []File // the gate refused them
	Flagged        []File // the gate flagged them, and they are scored
}

//go:embed page.html
var text string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"figure": func(v evaluate.Number) string { return v.String() },
	"full":   full,
	"share":  share,
	"minus":  func(a, b float64) float64 { return a - b },
	"px":     func(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) },
	"inc":    func(i int) int { return i + 1 },
}).Parse(text))

// full has as many digits as give the number back; empty for NaN.
func full(v evaluate.Number) string {
	if math.IsNaN(float64(v)) {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'g', -1, 64)
}

// share is a probability or a share with three decimals, a dash for NaN.
func share(v float64) string { return evaluate.Number(v).String() }

// view is what the page's template takes.
type view struct {
	*Data
	Made         string
	Points       []point
	Summary      []statistic
	ROC          roc
	Reliability  reliability
	Histogram    histogram
	Mistakes     []Case
	MistakesAll  int
	UnreadMore   int
	RefusedMore  int
	FlaggedMore  int
	HasIntervals bool
}

// statistic is a figure with its interval. Of is its place in the JSON of evaluate.
type statistic struct {
	Of, Name string
	Value    evaluate.Number
	Low      evaluate.Number
	High     evaluate.Number
	Interval bool
}

// point is what an operating point does.
type point struct {
	Name      string
	Default   bool // it is the one in force
	Threshold evaluate.Number
	Of        string
	Confusion [2][2]int
	Shares    [2][2]float64 // of each row
	Figures   []statistic
}

// Write writes the page.
func Write(w io.Writer, d *Data) error {
	v := view{Data: d, Made: d.Made.UTC().Format("2006-01-02 15:04 UTC"), HasIntervals: len(d.Report.Intervals) > 0}
	v.points()
	r := d.Report
	for _, s := range []statistic{
		{Of: "auc", Name: "AUC, area under the ROC curve", Value: r.AUC},
		{Of: "brier", Name: "Brier score", Value: r.Brier},
		{Of: "brier_raw", Name: "Brier score before calibration", Value: r.BrierRaw},
		{Of: "ece", Name: "calibration error (ECE)", Value: r.ECE},
		{Of: "ece_raw", Name: "calibration error before calibration", Value: r.ECERaw},
	} {
		v.Summary = append(v.Summary, s.in(s.Of, r.Intervals))
	}
	cases := make([]evaluate.Case, len(d.Cases))
	for i, c := range d.Cases {
		cases[i] = evaluate.Case{Positive: c.Positive, Probability: c.Probability, Raw: c.ProbabilityBefore}
	}
	v.ROC = drawROC(cases, v.Points)
	v.Reliability = drawReliability(cases)
	v.Histogram = drawHistogram(cases, v.Points)
	v.mistakes()
	copied := *d
	copied.Unread, v.UnreadMore = listed(d.Unread)
	copied.Refused, v.RefusedMore = listed(d.Refused)
	copied.Flagged, v.FlaggedMore = listed(d.Flagged)
	v.Data = &copied

	var out bytes.Buffer
	if err := pages.Execute(&out, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// in takes the statistic's interval, where there is one.
func (s statistic) in(key string, intervals map[string]evaluate.Interval) statistic {
	if i, ok := intervals[key]; ok {
		s.Low, s.High, s.Interval = i[0], i[1], true
	}
	return s
}

// points has the threshold in force first, and then the other operating points.
func (v *view) points() {
	name := v.OperatingPoint
	if name == "" {
		name = "threshold in force"
	}
	v.Points = append(v.Points, newPoint(name, "", true, &v.Report.Decisions))
	for i := range v.Report.OperatingPoints {
		if p := &v.Report.OperatingPoints[i]; p.Name != v.OperatingPoint {
			v.Points = append(v.Points, newPoint(p.Name, p.Name+".", false, &p.Decisions))
		}
	}
}

func newPoint(name, of string, inForce bool, d *evaluate.Decisions) point {
	p := point{Name: name, Of: of, Default: inForce, Threshold: evaluate.Number(d.Threshold), Confusion: d.Confusion}
	for i, row := range d.Confusion {
		for j, n := range row {
			p.Shares[i][j] = float64(n) / float64(row[0]+row[1])
		}
	}
	for _, s := range []statistic{
		{Of: "sensitivity", Name: "sensitivity", Value: d.Sensitivity},
		{Of: "specificity", Name: "specificity", Value: d.Specificity},
		{Of: "accuracy", Name: "accuracy", Value: d.Accuracy},
		{Of: "f1_pneumonia", Name: "F1, pneumonia", Value: d.F1Pneumonia},
		{Of: "f1_weighted", Name: "F1, weighted", Value: d.F1Weighted},
	} {
		key := s.Of
		s.Of = of + key
		p.Figures = append(p.Figures, s.in(key, d.Intervals))
	}
	return p
}

// mistakes are the cases that the threshold in force put on the wrong side, those first that were the surest of it.
func (v *view) mistakes() {
	for _, c := range v.Cases {
		if c.Answer != c.Positive {
			v.Mistakes = append(v.Mistakes, c)
		}
	}
	off := func(c Case) float64 {
		if c.Positive {
			return 1 - c.Probability
		}
		return c.Probability
	}
	slices.SortStableFunc(v.Mistakes, func(a, b Case) int { return cmp.Compare(off(b), off(a)) })
	v.MistakesAll = len(v.Mistakes)
	v.Mistakes = v.Mistakes[:min(worst, len(v.Mistakes))]
}

func listed(files []File) ([]File, int) {
	n := min(len(files), maxListed)
	return files[:n], len(files) - n
}
