package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestPredictTakesFoldersInOrder(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for _, name := range []string{"a/2.png", "a/b/1.png", "a/c.png", "z.png"} {
		want = append(want, write(t, testmodel.PNG(200, 200, 1), dir, name))
	}
	for _, stray := range []string{".hidden.png", "Thumbs.db", "a/.DS_Store", "a/desktop.ini", ".git/config", "__MACOSX/a/._1.png"} {
		write(t, []byte("not for us"), dir, stray)
	}
	alone := write(t, testmodel.PNG(200, 200, 2), t.TempDir(), ".named.png")
	r := spikeray(t, nil, "predict", "--json", alone, dir)
	var got []string
	for _, p := range lines(t, r.out) {
		got = append(got, p.File)
		if p.Error != "" || p.Model.Name != "spikeray" || p.Model.Version == "" || p.Model.Digest == "" || p.Threshold == nil ||
			p.OperatingPoint != "balanced" || p.Steps == nil || *p.Steps != 2 || p.Backend.Name != "simulator" {
			t.Errorf("%+v", p)
		}
	}
	if want = append([]string{alone}, want...); r.status != 0 || !slices.Equal(got, want) || !strings.Contains(r.err, "6 hidden files") {
		t.Errorf("%q, want %q; %s", got, want, r.err)
	}
	if r := spikeray(t, nil, "predict", t.TempDir()); r.status != 1 || !strings.Contains(r.err, "no pictures in the folder") {
		t.Errorf("an empty folder: %+v", r)
	}
}

// oddFolder has a picture, a link to it, and what cannot be read as a file. Opening a pipe that nobody writes to would wait for ever.
func oddFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, testmodel.PNG(200, 200, 1), dir, "good.png")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.png"), 0o600); err != nil {
		t.Skip(err)
	}
	for name, target := range map[string]string{"link.png": "good.png", "folder": dir, "gone.png": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	return dir
}

func TestFoldersWithWhatIsNoFile(t *testing.T) {
	dir := oddFolder(t)
	r := spikeray(t, nil, "predict", "--json", dir)
	errors := map[string]string{}
	for _, p := range lines(t, r.out) {
		errors[filepath.Base(p.File)] = p.Error
	}
	if r.status != 1 || len(errors) != 5 || errors["good.png"] != "" || errors["link.png"] != "" || !strings.Contains(errors["pipe.png"], "named pipe") ||
		!strings.Contains(errors["folder"], "not followed") || errors["gone.png"] == "" {
		t.Errorf("%+v", errors)
	}
}

func TestAnswersAsCSV(t *testing.T) {
	dir := t.TempDir()
	model := write(t, testmodel.EarlyFile("mine"), dir, "mine.safetensors")
	good := write(t, testmodel.PNG(200, 200, 1), dir, "set", "a, \"b\".png")
	write(t, []byte("no picture"), dir, "set", "bad.png")
	table := func(args ...string) (rows []map[string]string) {
		r := spikeray(t, nil, append([]string{"predict", "--csv", "--model", model, dir + "/set"}, args...)...)
		records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
		if err != nil || r.status != 1 || len(records) != 3 {
			t.Fatalf("%v: %+v", err, r)
		}
		for _, record := range records[1:] {
			row := map[string]string{}
			for i, name := range records[0] {
				row[name] = record[i]
			}
			rows = append(rows, row)
		}
		return rows
	}
	row := table("--prevalence=0.1")[0]
	p := lines(t, spikeray(t, nil, "predict", "--json", "--model", model, good).out)[0]
	if row["file"] != good || row["model"] != "mine" || row["version"] != "0.1.0" || row["digest"] != p.Model.Digest || row["backend"] != "simulator" ||
		row["steps"] != "4" || row["operating_point"] != "balanced" || row["threshold"] != "0.5" || row["probability"] != digits(p.Probability) ||
		row["raw_probability"] != digits(p.RawProbability) || row["label"] != p.Label || row["prevalence"] != "0.1" || row["ppv"] == "" ||
		row["gate_accepted"] != "true" || row["format"] != "png" || row["width"] != "200" || row["error"] != "" {
		t.Errorf("%v", row)
	}
	rows := table("--steps=1")
	if row := rows[0]; row["probability"] != "" || row["label"] != "" || row["threshold"] != "" || row["raw_probability"] == "" || row["steps"] != "1" ||
		!strings.HasPrefix(row["warnings"], "uncalibrated: ") {
		t.Errorf("%v", row)
	}
	if row := rows[1]; row["error"] == "" || row["model"] != "mine" || row["digest"] == "" {
		t.Errorf("%v", row)
	}
	if r := spikeray(t, nil, "predict", "--model", model, "--steps=1", good); r.status != 0 || !strings.Contains(r.out, "raw") || !strings.Contains(r.out, "warnings: uncalibrated") {
		t.Errorf("for people: %+v", r)
	}
}

func TestEvaluateTellsEachPictureAndThenAll(t *testing.T) {
	dir := folder(t, 3)
	write(t, []byte("x"), dir, "PNEUMONIA", "Thumbs.db")
	write(t, []byte("x"), dir, "COVID", "1.png")
	var rows []predicted
	var last struct {
		N, Skipped, Steps int
		Model             struct{ Digest string }
		OperatingPoint    string `json:"operating_point"`
		Ignored           []string
		AUC, ECE          *float64
	}
	r := spikeray(t, nil, "evaluate", "--json", "--rows", "--bootstrap=0", dir)
	all := strings.Split(strings.TrimSpace(r.out), "\n")
	rows = lines(t, strings.Join(all[:len(all)-1], "\n"))
	if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || r.status != 0 || len(rows) != 6 {
		t.Fatalf("%v: %+v", err, r)
	}
	if last.N != 6 || last.Skipped != 2 || last.Steps != 2 || last.OperatingPoint != "balanced" || !slices.Equal(last.Ignored, []string{"COVID"}) ||
		last.AUC == nil || last.ECE == nil || last.Model.Digest != rows[0].Model.Digest {
		t.Errorf("%+v", last)
	}
	for i, p := range rows {
		if want := []string{normal, pneumonia}[i/3]; p.Truth != want || filepath.Base(filepath.Dir(p.File)) != want || p.Steps == nil || p.OperatingPoint != "balanced" {
			t.Errorf("%+v", p)
		}
	}
	r = spikeray(t, nil, "evaluate", "--csv", "--bootstrap=0", dir)
	records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
	if err != nil || len(records) != 7 || records[0][1] != "truth" || records[1][1] != normal || !strings.Contains(r.err, "6 pictures") ||
		!strings.Contains(r.err, "2 hidden files") || !strings.Contains(r.err, "COVID") {
		t.Errorf("%v: %+v", err, r)
	}
	model := write(t, testmodel.EarlyFile("mine"), t.TempDir(), "mine.safetensors")
	if r := spikeray(t, nil, "evaluate", "--model", model, "--steps=2", dir); r.status != 0 || !strings.Contains(r.out, "2 steps") || !strings.Contains(r.out, "threshold 0.6") {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "evaluate", "--model", model, "--steps=3", dir); r.status != 1 || !strings.Contains(r.err, "not calibrated for 3 of its 4 steps") {
		t.Errorf("%+v", r)
	}
}

func TestEvaluateWantsPicturesOfBothClasses(t *testing.T) {
	for name, spoil := range map[string]func(dir string){
		"empty":     func(dir string) { _ = os.Mkdir(filepath.Join(dir, pneumonia), 0o755) },
		"stray":     func(dir string) { write(t, []byte("x"), dir, pneumonia, "Thumbs.db") },
		"unread":    func(dir string) { write(t, []byte("no picture"), dir, pneumonia, "1.png") },
		"no folder": func(string) {},
		"no files":  func(dir string) { write(t, []byte("x"), dir, pneumonia) },
	} {
		dir := t.TempDir()
		write(t, testmodel.PNG(64, 64, 1), dir, normal, "1.png")
		spoil(dir)
		if r := spikeray(t, nil, "evaluate", "--json", dir); r.status != 1 || r.out != "" || !strings.Contains(r.err, pneumonia) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A file's name, and what a model file says of itself, is a stranger's text.
func TestNothingSteersTheTerminal(t *testing.T) {
	dir := t.TempDir()
	name := "a\x1b[31m\u009b\u202e\xff\r.png"
	write(t, testmodel.PNG(200, 200, 1), dir, name)
	write(t, []byte("no picture"), dir, "bad"+name)
	for _, args := range [][]string{{"predict", dir}, {"predict", "--json", dir}, {"predict", "--csv", dir}, {"predict", filepath.Join(dir, "gone\x1b")},
		{"model", "check", "x\x1b[2J"}, {"--non\x1bsense"}, {"evaluate", dir}} {
		r := spikeray(t, nil, args...)
		if text := r.out + r.err; strings.ContainsAny(text, "\x1b\r\u009b\u202e") || strings.Contains(text, "\xff") || text == "" {
			t.Errorf("%q: %q", args, text)
		}
	}
	if got := lines(t, spikeray(t, nil, "predict", "--json", dir).out); len(got) != 2 || got[0].File != filepath.Join(dir, strings.ReplaceAll(name, "\xff", "\ufffd")) {
		t.Errorf("%+v", got)
	}
}

// TestNamesMakeNoLines has names of files that end a line and begin another, which looks like an answer.
func TestNamesMakeNoLines(t *testing.T) {
	dir := t.TempDir()
	write(t, testmodel.PNG(200, 200, 1), dir, normal, "a\n0.0001  NORMAL\tb.png")
	write(t, []byte("no picture"), dir, normal, "c\nd.png")
	write(t, testmodel.PNG(200, 200, 2), dir, pneumonia, "e.png")
	if r := spikeray(t, nil, "predict", dir); strings.Count(r.out, "\n") != 2 || strings.Count(r.err, "\n") != 1 {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "evaluate", dir); strings.Contains(r.err, "\nd.png") || !strings.Contains(r.err, `c\u000ad.png`) {
		t.Errorf("%+v", r)
	}
}

// TestNamesAreTakenByteByByte has a name that is no UTF-8, as on disks of old.
func TestNamesAreTakenByteByByte(t *testing.T) {
	name := write(t, testmodel.PNG(200, 200, 1), t.TempDir(), "J\xfcrgen.png")
	if r := spikeray(t, nil, "predict", name); r.status != 0 || !strings.Contains(r.out, `J\xfcrgen.png`) {
		t.Errorf("%+v", r)
	}
}

// TestNoNameIsASpreadsheetsFormula asks for the same file's name, as one that no spreadsheet computes.
func TestNoNameIsASpreadsheetsFormula(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"=HYPERLINK(A1).png", "+1.png", "@x.png", "plain.png"} {
		write(t, testmodel.PNG(200, 200, 1), name)
		r := spikeray(t, nil, "predict", "--csv", name)
		records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
		if err != nil || len(records) != 2 || strings.ContainsAny(records[1][0][:1], "=+-@") || filepath.Clean(records[1][0]) != name {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}

func TestTextComesThroughInPieces(t *testing.T) {
	var out strings.Builder
	p := &printable{w: &out}
	for _, b := range []byte("é→\u202e\t\n\x1bx\xe2\x82") {
		if n, err := p.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	p.end()
	if want := "é→\\u202e\t\n\\u001bx\\xe2\\x82"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
