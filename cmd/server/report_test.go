package main

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// reported runs evaluate with --report and gives the JSON and the page.
func reported(t *testing.T, status int, args ...string) (answer map[string]any, page string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.html")
	r := spikeray(t, nil, append([]string{"evaluate", "--json", "--report", file}, args...)...)
	if r.status != status {
		t.Fatalf("%+v", r)
	}
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if beside, err := os.ReadDir(filepath.Dir(file)); err != nil || len(beside) != 1 {
		t.Errorf("beside the report: %v, %v", beside, err)
	}
	return answer, string(text)
}

// figureOf looks up a figure of the page in the JSON, by its name there.
func figureOf(answer map[string]any, of string) any {
	at := answer
	parts := strings.Split(of, ".")
	for _, p := range answer["operating_points"].([]any) {
		if p := p.(map[string]any); p["name"] == parts[0] {
			at, parts = p, parts[1:]
		}
	}
	switch {
	case parts[0] == "confusion":
		i, _ := strconv.Atoi(parts[1])
		j, _ := strconv.Atoi(parts[2])
		return at["confusion"].([]any)[i].([]any)[j]
	case len(parts) == 2:
		end := map[string]int{"low": 0, "high": 1}[parts[1]]
		return at["intervals"].(map[string]any)[parts[0]].([]any)[end]
	}
	return at[parts[0]]
}

func TestTheReportHasTheFiguresOfTheJSON(t *testing.T) {
	dir, model := folder(t, 8), gatedModel(t)
	for _, args := range [][]string{{}, {"--operating-point=screening"}, {"--threshold=0.45"}, {"--bootstrap=0"}} {
		answer, page := reported(t, 0, append(args, "--model", model, dir)...)
		data := regexp.MustCompile(`<data value="([^"]*)" data-of="([^"]*)">([^<]*)</data>`).FindAllStringSubmatch(page, -1)
		seen := map[string]bool{}
		for _, d := range data {
			value, err := strconv.ParseFloat(html.UnescapeString(d[1]), 64)
			if want := figureOf(answer, d[2]); err != nil || want != value {
				t.Errorf("%q: %s is %v, in JSON %v", args, d[2], d[1], want)
			}
			if shown := html.UnescapeString(d[3]); shown != fmt.Sprintf("%.3f", value) && shown != fmt.Sprint(value) {
				t.Errorf("%q: %s is shown as %s and is %v", args, d[2], shown, value)
			}
			seen[d[2]] = true
		}
		want := []string{"n", "auc", "brier", "ece", "brier_raw", "ece_raw", "sensitivity", "specificity", "accuracy", "f1_pneumonia", "f1_weighted",
			"confusion.0.0", "confusion.0.1", "confusion.1.0", "confusion.1.1"}
		other := map[bool]string{true: "screening.", false: "balanced."}[answer["operating_point"] == "balanced"]
		want = append(want, other+"sensitivity", other+"specificity", other+"confusion.1.1")
		if len(answer["intervals"].(map[string]any)) > 0 {
			want = append(want, "auc.low", "auc.high", "sensitivity.low", "specificity.high", other+"sensitivity.low", "ece.high")
		}
		for _, of := range want {
			if !seen[of] {
				t.Errorf("%q: the page has no %s", args, of)
			}
		}
		m := answer["model"].(map[string]any)
		for _, text := range []string{m["name"].(string), m["version"].(string), m["digest"].(string), "Not a medical device"} {
			if !strings.Contains(page, text) {
				t.Errorf("%q: the page has no %s", args, text)
			}
		}
		if curve := strings.Contains(page, `<polyline class="curve" points="46.0,312.0 `); !curve {
			t.Errorf("%q: no curve from 0", args)
		}
	}
}

func TestTheReportNamesMistakesAndWhatWasLeftOut(t *testing.T) {
	dir, model := folder(t, 4), gatedModel(t)
	name := `a<script>alert(1)</script>` + "\x1b\u202e\xff.png"
	name = strings.ReplaceAll(name, "/", "\u2215")
	write(t, []byte("no picture"), dir, normal, name)
	write(t, testmodel.Shade(200, 200, 1, 0.1), dir, pneumonia, "dark"+name)
	_, page := reported(t, 1, "--gate=refuse", "--threshold=0", "--model", model, dir)
	shownName := `a&lt;script&gt;alert(1)&lt;∕script&gt;\u001b\u202e\xff.png`
	mistakes, left, _ := strings.Cut(page, `<h2 id="unread">`)
	unread, refused, ok := strings.Cut(left, `<h2 id="refused">`)
	if !ok || !strings.Contains(unread, "NORMAL/"+shownName) || !strings.Contains(unread, "not a picture") ||
		!strings.Contains(refused, "PNEUMONIA/dark"+shownName) || !strings.Contains(refused, "turned") {
		t.Errorf("%s", left)
	}
	for i := range 4 { // at 0, whatever is healthy is called ill
		if row := fmt.Sprintf(`<tr class="mistake"><td class="file"><bdi>NORMAL/%d.png</bdi></td><td>NORMAL</td><td>PNEUMONIA</td>`, i); !strings.Contains(mistakes, row) {
			t.Errorf("no %s", row)
		}
	}
	if strings.ContainsAny(page, "\x1b\u202e") || strings.Contains(page, "\xff") || strings.Contains(page, "<script") {
		t.Error("a name reaches the page as it is")
	}
	_, page = reported(t, 1, "--model", model, dir)
	if _, flagged, ok := strings.Cut(page, `<h2 id="flagged">`); !ok || !strings.Contains(flagged, "dark"+shownName) {
		t.Error("the flagged picture is not named")
	}
}

func TestTheReportIsWrittenOverNothing(t *testing.T) {
	dir, model := folder(t, 2), gatedModel(t)
	there := write(t, []byte("mine"), t.TempDir(), "r.html")
	for path, says := range map[string]string{there: "already exists", filepath.Join(dir, "none", "r.html"): "is not a folder"} {
		r := spikeray(t, nil, "evaluate", "--model", model, "--report", path, dir)
		if r.status != 1 || r.out != "" || !strings.Contains(r.err, "--report: ") || !strings.Contains(r.err, says) {
			t.Errorf("%+v, expected %q", r, says)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	// A file that comes while the work is done stays, too, and no part is left.
	late := filepath.Join(t.TempDir(), "r.html")
	err := create("--report", late, func(f *os.File) error { return os.WriteFile(late, []byte("theirs"), 0o644) })
	text, _ := os.ReadFile(late)
	beside, _ := os.ReadDir(filepath.Dir(late))
	if err == nil || string(text) != "theirs" || len(beside) != 1 {
		t.Errorf("%v: %q beside %v", err, text, beside)
	}
	failing := filepath.Join(t.TempDir(), "r.html")
	if err := create("--report", failing, func(*os.File) error { return os.ErrInvalid }); err == nil {
		t.Error("no error")
	}
	if beside, _ := os.ReadDir(filepath.Dir(failing)); len(beside) != 0 {
		t.Errorf("left over: %v", beside)
	}
}

// The site's calibration that is in force is named.
func TestTheReportNamesTheCalibration(t *testing.T) {
	model := gatedModel(t)
	dir, _ := ward(t, model, 80)
	out := filepath.Join(t.TempDir(), "c.json")
	if r := spikeray(t, nil, "calibrate", "--model", model, "--place", "Ward <3>", "--out", out, dir); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	if _, page := reported(t, 0, "--model", model, "--calibration", out, dir); !strings.Contains(page, "of Ward &lt;3&gt;, fitted on 80 pictures") {
		t.Error("the calibration is not named")
	}
}
