package main

import (
	"fmt"
	"strings"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// people prints the answers as a table for people, a row as soon as its answer is there.
type people struct {
	std      *streams
	prevails *float64 // the prevalence asked for
	names    int      // cells of the first column
	steps    int      // cells of the column of steps, 0 for none
	notice   string
	// What the last lines sum up.
	labels              map[string]int
	order               []string // of labels, as the model has them
	failed, noted, rows int
}

// Cells of the columns beside the file's.
const (
	probabilityCells = len("PROBABILITY")
	prevalenceCells  = len("PREVALENCE")
	notesCells       = len("  NOTES")
	leastNameCells   = 16
)

// newPeople prints what is told once, before the rows: the model and the names of the columns.
func (c *predictCommand) newPeople(std *streams, m *fileModel, files []source) (*people, error) {
	d := m.Description()
	p := &people{std: std, prevails: c.Prevalence, names: len("FILE"), notice: m.Notice(), labels: map[string]int{}, order: d.Labels}
	if n := d.MaxSteps(); n > 0 {
		if c.Steps != nil {
			n = *c.Steps
		}
		p.steps = max(n, len("STEPS"))
	}
	for _, f := range files {
		p.names = max(p.names, cells(shown(f.path)))
	}
	if std.columns > 0 {
		p.names = min(p.names, max(std.columns-p.beside()-notesCells, leastNameCells))
	}
	about := fmt.Sprintf("%s %s, %s", d.Name, d.Version, m.Backend())
	if decision, point := c.options().Decide(d); point != nil {
		about += fmt.Sprintf(", %s from %.4g (%s)", d.Positive, decision, point.Name)
	} else if d.DecisionAt(c.options().Steps) != nil {
		about += fmt.Sprintf(", %s from %.4g", d.Positive, decision)
	}
	if err := std.styled(faint, about+"\n"); err != nil {
		return nil, err
	}
	if err := printCalibration(std.out, m.SiteReference()); err != nil {
		return nil, err
	}
	head := padded("FILE", p.names) + "  " + padded("ANSWER", p.labelCells()) + "  PROBABILITY"
	if p.prevails != nil {
		head += fmt.Sprintf("  %*s", prevalenceCells, fmt.Sprintf("AT %.4g%%", 100**p.prevails))
	}
	if p.steps > 0 {
		head += "  " + padded("STEPS", p.steps)
	}
	return p, std.styled(bold, head+"  NOTES\n")
}

// beside is how many cells a row has without the name and the notes.
func (p *people) beside() int {
	n := 2 + p.labelCells() + 2 + probabilityCells
	if p.prevails != nil {
		n += 2 + prevalenceCells
	}
	if p.steps > 0 {
		n += 2 + p.steps
	}
	return n
}

// noAnswer stands in the place of a label.
const noAnswer = "no answer"

func (p *people) labelCells() int {
	n := len(noAnswer)
	for _, label := range p.order {
		n = max(n, cells(shown(label)))
	}
	return n
}

// row prints a picture's row: the file, the answer and, in words, what is to be said of it.
func (p *people) row(line row, each *pipeline.Anytime) (err error) {
	write := func(with style, text string) {
		if err == nil {
			err = p.std.styled(with, text)
		}
	}
	p.rows++
	notes := notesOf(line, each)
	write(plain, padded(clipped(shown(line.File), p.names), p.names)+"  ")
	used := p.names + p.beside()
	a := line.Answer
	if a == nil {
		p.failed++
		write(yellow, padded(noAnswer, p.labelCells()))
		write(plain, strings.Repeat(" ", p.beside()-2-p.labelCells()))
	} else {
		label, probability, how := "raw", a.RawProbability, plain
		if a.Probability != nil {
			label, probability = *a.Label, *a.Probability
			p.labels[label]++
		}
		if label == pneumonia {
			how = bold
		}
		write(how, padded(shown(label), p.labelCells()))
		write(plain, fmt.Sprintf("  %*.4f", probabilityCells, probability))
		if p.prevails != nil {
			at := ""
			if a.Prevalence != nil {
				at = fmt.Sprintf("%.4f", a.Prevalence.Probability)
			}
			write(plain, fmt.Sprintf("  %*s", prevalenceCells, at))
		}
		if p.steps > 0 {
			bars := ""
			if each != nil {
				bars = sparkline(each.Probabilities)
			}
			if len(notes) > 0 || a.Prevalence != nil {
				bars = padded(bars, p.steps)
			}
			write(plain, "  "+bars)
		}
		if len(notes) > 0 {
			p.noted++
		}
		if v := a.Prevalence; v != nil && (v.PPV != nil || v.NPV != nil) {
			notes = append(notes, strings.TrimPrefix(worth("PPV", v.PPV)+worth("NPV", v.NPV), ", "))
		}
	}
	if len(notes) > 0 {
		text, before := shown(strings.Join(notes, "; ")), "  "
		if p.std.columns > 0 && used+2+cells(text) > p.std.columns {
			before = "\n    "
		}
		write(plain, before)
		write(yellow, text)
	}
	write(plain, "\n")
	return err
}

// end sums up.
func (p *people) end() error {
	var parts []string
	for _, label := range p.order {
		if n := p.labels[label]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, label))
		}
	}
	if p.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d without an answer", p.failed))
	}
	if p.noted > 0 {
		parts = append(parts, fmt.Sprintf("%d answered with notes", p.noted))
	}
	pictures := "pictures"
	if p.rows == 1 {
		pictures = "picture"
	}
	text := fmt.Sprintf("%d %s", p.rows, pictures)
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if err := p.std.styled(plain, "\n"+text+"\n"); err != nil {
		return err
	}
	return p.std.styled(faint, shown(p.notice)+"\n")
}

// notesOf are what is to be said of an answer, in plain words, the gate's first.
func notesOf(line row, each *pipeline.Anytime) (notes []string) {
	if line.Answer == nil {
		return []string{line.Error}
	}
	a := line.Answer
	if g := a.Gate; g != nil && !g.Accepted {
		looks := strings.ReplaceAll(*g.Reason, "_", " ")
		if looks == "other" { // than any kind of chest radiograph that the gate knows
			looks = "like something else"
		}
		notes = append(notes, "looks "+looks+", the answer may mean nothing")
	}
	if a.Degraded != nil {
		notes = append(notes, fmt.Sprintf("from the %s, the board failed (%s)", a.Backend.Name, *a.Degraded))
	}
	for _, code := range warningCodes(a.Input.Warnings) {
		words, known := plainWords[code]
		if !known {
			words = strings.ReplaceAll(code, "-", " ")
		}
		notes = append(notes, words)
	}
	if each != nil && !each.Calibrated && a.Probability != nil && a.RawProbability != *a.Probability {
		notes = append(notes, "the steps are before calibration")
	}
	return notes
}

// plainWords say what the codes of warnings mean; --json has the warnings in full.
var plainWords = map[string]string{
	"age":             "not of an age that the model was made for",
	"alpha":           "had transparent pixels",
	"aspect":          "unusual shape for a radiograph",
	"body-part":       "not of a chest, the file says",
	"burned-in":       "text is drawn into the picture",
	"clipped":         "some neurons held spikes back",
	"colour":          "was in colour",
	"contrast":        "little contrast",
	"damaged":         "damaged, may not be the picture that was sent",
	"deadline":        "fewer steps, for want of time",
	"depth":           "check how many bits are used: see --bits",
	"for-processing":  "raw detector data, not made to be looked at",
	"lossy":           "was compressed with loss",
	"lost":            "spikes were lost on the way to the board",
	"operating-point": "the model's own operating point was used",
	"orientation":     "check which way up it is",
	"padding":         "much of it is padding",
	"pages":           "only the first page was read",
	"polarity":        "black and white may be swapped",
	"saturated":       "the board reached the end of its range",
	"small":           "small, with little detail",
	"uncalibrated":    "raw, no calibration for so few steps",
	"view":            "not a frontal view, the file says",
	"window":          "its brightness may not be the intended one",
}
