package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// onTerminal runs the program as on a terminal of so many columns.
func onTerminal(t *testing.T, columns int, colour bool, args ...string) (out, progress string) {
	t.Helper()
	var o, e, p bytes.Buffer
	status := run(t.Context(), args, &streams{in: &bytes.Buffer{}, out: &o, err: &e, progress: &p, outIsTerminal: true, columns: columns, colour: colour})
	if status != 0 || e.Len() > 0 {
		t.Fatalf("%q: status %d, %s", args, status, e.String())
	}
	return o.String(), p.String()
}

func TestHumanIsATableOfWhatJSONSays(t *testing.T) {
	dir, model := t.TempDir(), write(t, testmodel.EarlyFile("mine"), t.TempDir(), "mine.safetensors")
	light := write(t, testmodel.PNG(200, 200, 1), dir, "light.png")
	dark := write(t, testmodel.Shade(200, 200, 1, 0.1), dir, "much darker 片.png")
	bad := write(t, []byte("no picture"), dir, "bad.png")
	r := spikeray(t, nil, "predict", "--human", "--model", model, "--prevalence=0.05", light, dark, bad)
	rows := strings.Split(r.out, "\n")
	if r.status != 1 || r.err != "" || len(rows) < 8 {
		t.Fatalf("%+v", r)
	}
	answers := lines(t, spikeray(t, nil, "predict", "--json", "--model", model, "--prevalence=0.05", light, dark).out)
	for i, p := range answers {
		row := rows[2+i]
		for _, want := range []string{p.File, p.Label, fmt.Sprintf(" %.4f ", *p.Probability), fmt.Sprintf(" %.4f ", p.Prevalence.Probability)} {
			if !strings.Contains(row+" ", want) {
				t.Errorf("%q is not in %q", want, row)
			}
		}
		if got, want := cells(row[:strings.Index(row, p.Label)]), strings.Index(rows[1], "ANSWER"); got != want {
			t.Errorf("the answer of %q is at %d, its head at %d", row, got, want)
		}
	}
	if !strings.Contains(rows[1], "AT 5%") || !strings.Contains(rows[0], "mine") {
		t.Errorf("%q", rows[:2])
	}
	if !strings.Contains(rows[3], "looks turned") || strings.Contains(rows[2], "looks") {
		t.Errorf("%q", rows)
	}
	if !strings.Contains(rows[4], noAnswer) || !strings.Contains(rows[4], "not a picture") || !strings.Contains(r.out, "3 pictures: ") || !strings.Contains(r.out, "1 without an answer") {
		t.Errorf("%q", rows)
	}
}

// The bars are the answers of runs that end after so many steps.
func TestHumanShowsTheStepsAsBars(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, testmodel.PNG(64, 64, 1), dir, "x.png")
	file := write(t, testmodel.File("mine", map[string]any{"axis": "steps", "steps": 4}), dir, "mine.safetensors")
	var want []float64
	for steps := 1; steps <= 4; steps++ {
		p := lines(t, spikeray(t, nil, "predict", "--json", "--model", file, fmt.Sprint("--steps=", steps), picture).out)[0]
		want = append(want, *p.RawProbability)
	}
	if r := spikeray(t, nil, "predict", "--human", "--model", file, picture); !strings.Contains(r.out, "  "+sparkline(want)+"   small") {
		t.Errorf("%q has no %s", r.out, sparkline(want))
	}
	if r := spikeray(t, nil, "predict", "--human", "--model", file, "--steps=2", picture); !strings.Contains(r.out, "  "+sparkline(want[:2])+"     small") {
		t.Errorf("%q has no %s", r.out, sparkline(want[:2]))
	}
	if r := spikeray(t, nil, "predict", "--human", "--model=cnnxray", picture); r.status != 0 || strings.Contains(r.out, "STEPS") {
		t.Errorf("no steps: %+v", r)
	}
	if got := sparkline([]float64{0, 0.07, 0.08, 0.5, 1, 2, -1}); got != "▁▁▂▅██▁" {
		t.Error(got)
	}
}

func TestHumanIsNotForPrograms(t *testing.T) {
	for _, other := range []string{"--json", "--csv"} {
		if r := spikeray(t, nil, "predict", "--human", other, "x.png"); r.status != 2 || !strings.Contains(r.err, "only one of them") {
			t.Errorf("%s: %+v", other, r)
		}
	}
}

func TestHumanFitsTheTerminal(t *testing.T) {
	dir, model := t.TempDir(), gatedModel(t)
	long := write(t, testmodel.PNG(200, 200, 1), dir, strings.Repeat("长", 50)+"-1.png")
	write(t, testmodel.Shade(200, 200, 1, 0.1), dir, "dark.png")
	for _, columns := range []int{70, 80, 120} {
		out, progress := onTerminal(t, columns, false, "predict", "--human", "--model", model, dir)
		table, _, _ := strings.Cut(out, "\n\n")
		for line := range strings.Lines(table) {
			if n := cells(strings.TrimRight(line, "\n")); n > columns {
				t.Errorf("%d cells of %d: %q", n, columns, line)
			}
		}
		if !strings.Contains(out, "长-1.png ") || !strings.Contains(out, "…") || strings.Contains(out, long) || strings.Contains(out, "\x1b") {
			t.Errorf("%q", out)
		}
		if !strings.Contains(progress, "of 2 pictures") || !strings.HasSuffix(progress, "\r\x1b[K") {
			t.Errorf("%q", progress)
		}
	}
	if out, _ := onTerminal(t, 0, false, "predict", "--human", "--model", model, dir); !strings.Contains(out, long) {
		t.Errorf("whole names where there is no width: %q", out)
	}
}

// Colours are the program's own; names of files cannot make any.
func TestHumanColoursOnlyATerminal(t *testing.T) {
	dir, model := t.TempDir(), gatedModel(t)
	name := "a\x1b[31m\u009b\u202e\xff\r\n.png"
	write(t, testmodel.Shade(200, 200, 1, 0.1), dir, name)
	out, _ := onTerminal(t, 100, true, "predict", "--human", "--model", model, dir)
	rest := regexp.MustCompile("\x1b\\[(1|2|33|0)m").ReplaceAllString(out, "")
	if rest == out || strings.ContainsAny(rest, "\x1b\r\u009b\u202e") || strings.Contains(rest, "\xff") || strings.Contains(rest, `m\u000a`) ||
		!strings.Contains(rest, `a\u001b[31m\u009b\u202e\xff\u000d\u000a.png`) {
		t.Errorf("%q", out)
	}
	plain, _ := onTerminal(t, 100, false, "predict", "--human", "--model", model, dir)
	if plain != rest {
		t.Errorf("%q without colours, %q without their sequences", plain, rest)
	}
}

func TestNamesAreClippedByCells(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"abc.png", 7, "abc.png"}, {"abcd.png", 7, "…cd.png"}, {"长长长", 6, "长长长"}, {"长长长", 5, "…长长"}, {"长长长", 4, "…长"},
		{"xe\u0301y", 3, "xe\u0301y"}, {"xxe\u0301y", 3, "…e\u0301y"}, {"xxe\u0301y", 2, "…y"}, {"", 3, ""},
	} {
		if got := clipped(c.text, c.most); got != c.want || cells(got) > c.most {
			t.Errorf("%q to %d: %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

// Every code that a warning can have is told in words. The codes are those in the source of what warns.
func TestEveryWarningHasPlainWords(t *testing.T) {
	code := regexp.MustCompile(`(?:warn|doubt|Sprintf|Code)(?:\(|: )"([a-z-]+)(?:: |", )`)
	seen := map[string]bool{}
	for _, root := range []string{"../../internal/radiograph", "../../internal/dicom/film", "../../internal/pipeline", "../../pkg/model"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range code.FindAllStringSubmatch(string(text), -1) {
				seen[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for code := range seen {
		if plainWords[code] == "" {
			t.Errorf("%q has no words", code)
		}
	}
	for code := range plainWords {
		if !seen[code] {
			t.Errorf("nothing warns of %q", code)
		}
	}
}

func TestProgressTellsTheTimeLeft(t *testing.T) {
	var out bytes.Buffer
	c := newCounter(&out, 40)
	now := c.began
	c.now = func() time.Time { return now }
	c.clear()
	if out.Len() > 0 {
		t.Errorf("nothing was shown, but cleared: %q", out.String())
	}
	for range 10 {
		now = now.Add(time.Second)
		c.step()
	}
	if got := out.String(); !strings.HasSuffix(got, "\r10 of 40 pictures (25%), about 30s left\x1b[K") || strings.Contains(got[:30], "left") {
		t.Errorf("%q", got)
	}
	shown := out.Len()
	c.step() // at the same moment
	if out.Len() != shown {
		t.Errorf("shown again at once: %q", out.String())
	}
}
