package page

import (
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/evaluate"
)

var update = flag.Bool("update", false, "write testdata/structure.txt anew")

// sample is a report of 80 made-up pictures, of which some are answered wrongly, with a stranger's text in every field that has any.
func sample(t *testing.T, name string) *Data {
	t.Helper()
	d := &Data{Title: "on " + name, Notice: "for nobody " + name, Made: time.Unix(0, 0), Labels: [2]string{"NORMAL", "PNEUMONIA"}, OperatingPoint: "balanced",
		About: []Item{{name, name}}, Unread: []File{{name, name}}, Refused: []File{{name, name}}, Flagged: []File{{name, name}}}
	var cases []evaluate.Case
	for i := range 80 {
		p := float64(i*37%80) / 80
		c := Case{File: fmt.Sprintf("%d%s", i, name), Positive: (p > 0.45) != (i%9 == 0), Probability: p, ProbabilityBefore: p * p, Answer: p >= 0.5, Notes: []string{name}}
		d.Cases = append(d.Cases, c)
		cases = append(cases, evaluate.Case{Positive: c.Positive, Probability: p, Raw: p * p})
	}
	var err error
	d.Report, err = evaluate.Score(cases, 0.5, 100, 1, evaluate.Point{Name: "balanced", Threshold: 0.5}, evaluate.Point{Name: "screening" + name, Threshold: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func written(t *testing.T, d *Data) string {
	t.Helper()
	var out strings.Builder
	if err := Write(&out, d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// structure is the page's elements with their classes, and no text or figure: a repeated line stands for its repetitions.
func structure(t *testing.T, page string) string {
	t.Helper()
	var out, last string
	depth := 0
	r := xml.NewDecoder(strings.NewReader(strings.Replace(page, "<!DOCTYPE html>", "", 1)))
	r.Strict, r.AutoClose, r.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := r.Token()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			line := strings.Repeat(" ", depth) + e.Name.Local
			for _, a := range e.Attr {
				if a.Name.Local == "class" || a.Name.Local == "id" || a.Name.Local == "scope" || a.Name.Local == "role" {
					line += " " + a.Name.Local + "=" + a.Value
				}
			}
			if line != last {
				out, last = out+line+"\n", line
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

func TestThePageHasTheStructureThatItHad(t *testing.T) {
	const file = "testdata/structure.txt"
	got := structure(t, written(t, sample(t, "")))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page differs from %s (go test -update writes it anew):\n%s", file, got)
	}
}

// A stranger's text makes no element and no attribute: the page has the structure that it has without it.
func TestAStrangersTextRunsNoScript(t *testing.T) {
	want := structure(t, written(t, sample(t, "")))
	for _, name := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title></style><svg onload=alert(1)>", "' onmouseover='alert(1)", "{{.}}", "javascript:alert(1)", "]]><b>-->",
	} {
		page := written(t, sample(t, name))
		if got := structure(t, page); got != want {
			t.Errorf("%s changes the page", name)
		}
		if strings.Contains(page, name) && strings.ContainsAny(name, `<"'`) {
			t.Errorf("%s is in the page as it is", name)
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s: the template was misused", name)
		}
	}
}

// Nothing is fetched, and nothing runs.
func TestThePageStandsForItself(t *testing.T) {
	page := written(t, sample(t, ""))
	if !strings.Contains(page, `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;`) {
		t.Error("no content security policy")
	}
	if at := regexp.MustCompile(`(?i)<script|<iframe|<object|<embed|@import|url\(|https?:|\son[a-z]+=|\bsrc=`).FindString(page); at != "" {
		t.Errorf("the page has %q", at)
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if link[1] != "data:," {
			t.Errorf("a link to %q", link[1])
		}
	}
	if !strings.Contains(page, "prefers-color-scheme: dark") {
		t.Error("no dark colours")
	}
}

// The table beside a figure has what the bins have, and the drawing has a point for each.
func TestTheReliabilityTableIsTheBins(t *testing.T) {
	d := sample(t, "")
	page := written(t, d)
	cases := make([]evaluate.Case, len(d.Cases))
	for i, c := range d.Cases {
		cases[i] = evaluate.Case{Positive: c.Positive, Probability: c.Probability}
	}
	filled := 0
	for _, b := range evaluate.Bins(cases, evaluate.CalibrationBins) {
		if b.N[0]+b.N[1] == 0 {
			continue
		}
		filled++
		row := fmt.Sprintf(`<th scope="row" class="i">%.3f to %.3f</th><td class="n">%d</td><td class="n">%.3f</td><td class="n">%.3f</td>`, b.Low, b.High, b.N[0]+b.N[1], b.Mean, b.Share)
		if !strings.Contains(page, row) {
			t.Errorf("no %s", row)
		}
		if at := fmt.Sprintf("%.1f,%.1f", 46+300*b.Mean, 312-300*b.Share); !strings.Contains(page, at) {
			t.Errorf("no point at %s", at)
		}
	}
	if n := strings.Count(page, `class="dot"`); n != filled || n == 0 {
		t.Errorf("%d dots for %d bins", n, filled)
	}
}

func TestTheWorstMistakesComeFirst(t *testing.T) {
	d := sample(t, "")
	page := written(t, d)
	rows := regexp.MustCompile(`<tr class="mistake"><td class="file"><bdi>(\d+)</bdi></td><td>(\w+)</td><td>(\w+)</td><td class="n">([\d.]+)</td>`).FindAllStringSubmatch(page, -1)
	wrong := d.Report.Confusion[0][1] + d.Report.Confusion[1][0]
	if len(rows) != min(wrong, worst) || len(rows) < 5 {
		t.Fatalf("%d rows for %d mistakes", len(rows), wrong)
	}
	last := 1.0
	for _, row := range rows {
		var i int
		var p float64
		fmt.Sscan(row[1], &i)
		fmt.Sscan(row[4], &p)
		c := d.Cases[i]
		off := p
		if c.Positive {
			off = 1 - p
		}
		if c.Answer == c.Positive || row[2] == row[3] || (row[2] == "PNEUMONIA") != c.Positive || off > last+1e-4 {
			t.Errorf("%v after one that is off by %v", row[1:], last)
		}
		last = off
	}
	for i := range d.Cases { // the list is not longer than it may be
		d.Cases[i].Answer = !d.Cases[i].Positive
	}
	for range maxListed {
		d.Unread = append(d.Unread, File{"a", "b"})
	}
	if page := written(t, d); strings.Count(page, `<tr class="mistake">`) != worst || !strings.Contains(page, "And 1 more.") {
		t.Error("the lists are not bounded")
	}
}

// Of one class only, what is undefined is a dash, and there is no curve.
func TestAReportOfOneClass(t *testing.T) {
	d := sample(t, "")
	var cases []evaluate.Case
	for i := range d.Cases {
		d.Cases[i].Positive = true
		cases = append(cases, evaluate.Case{Positive: true, Probability: d.Cases[i].Probability})
	}
	var err error
	if d.Report, err = evaluate.Score(cases, 0.5, 0, 1); err != nil {
		t.Fatal(err)
	}
	if page := written(t, d); !strings.Contains(page, "There is no curve") || !strings.Contains(page, `<data value="" data-of="auc">-</data>`) || strings.Contains(page, "NaN") {
		t.Error(page)
	}
}
