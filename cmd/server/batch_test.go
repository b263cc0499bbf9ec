package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// archiveOf is a folder of pictures and of what is none, and the paths in it in order.
func archiveOf(t *testing.T, n int) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		files = append(files, write(t, testmodel.PNG(40+i%7, 50, uint64(i)), dir, fmt.Sprintf("%03d", i/10), fmt.Sprintf("%d.png", i%10)))
	}
	picture := testmodel.PNG(200, 200, 1)
	files = append(files,
		write(t, picture[:len(picture)/2], dir, "z", "cut.png"),
		write(t, testmodel.Film(testmodel.Picture(300, 200, 3), nil), dir, "z", "film.dcm"),
		write(t, make([]byte, 101<<10), dir, "z", "long.png"),
		write(t, []byte("text"), dir, "z", "odd, \"name\"\n.png"))
	write(t, picture, dir, "z", "Thumbs.db")
	return dir, files
}

// jsonRows are the objects of a text's lines, each value as it stands there.
func jsonRows(t *testing.T, text []byte) (all []map[string]string) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(line, &raw); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		row := map[string]string{}
		for key, value := range raw {
			row[key] = string(value)
		}
		all = append(all, row)
	}
	return all
}

func csvRows(t *testing.T, text []byte) (all []map[string]string) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("%v, %d records", err, len(records))
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		all = append(all, row)
	}
	return all
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// without are the rows without some keys.
func without(rows []map[string]string, keys ...string) (all []map[string]string) {
	for _, row := range rows {
		row = maps.Clone(row)
		for _, key := range keys {
			delete(row, key)
		}
		all = append(all, row)
	}
	return all
}

// sameRows reports the first row that differs.
func sameRows(t *testing.T, got, want []map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if !maps.Equal(got[i], want[i]) {
			t.Fatalf("row %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// TestBatchAnswersAsPredict holds the rows against predict's, text by text.
func TestBatchAnswersAsPredict(t *testing.T) {
	dir, files := archiveOf(t, 5)
	model := write(t, testmodel.GatedFile("mine"), t.TempDir(), "mine.safetensors")
	for _, flags := range [][]string{
		{"--max-bytes=100K"},
		{"--max-bytes=100K", "--model", model, "--prevalence=0.1", "--operating-point=screening"},
		{"--max-bytes=100K", "--model", model, "--gate=refuse", "--threshold=0.3"},
	} {
		out := filepath.Join(t.TempDir(), "answers.ndjson")
		r := spikeray(t, nil, slices.Concat([]string{"batch", "--out", out}, flags, []string{dir})...)
		if r.status != 0 || r.out != "" || !strings.Contains(r.err, "complete, 9 pictures") || !strings.Contains(r.err, "not-a-picture 2, too-large 1") ||
			!strings.Contains(r.err, "1 hidden files") {
			t.Fatalf("%+v", r)
		}
		rows := jsonRows(t, read(t, out))
		for i, row := range rows {
			var name string
			if err := json.Unmarshal([]byte(row["file"]), &name); err != nil || name != files[i] || row["index"] != fmt.Sprint(i) {
				t.Errorf("row %d is of %s", i, name)
			}
			for _, key := range []string{"model", "threshold", "operating_point", "steps"} {
				if row[key] == "" {
					t.Errorf("row %d has no %s", i, key)
				}
			}
			// The long file was not read to its end.
			if digest := row["input_digest"]; (digest == "null") != strings.Contains(name, "long") || digest != "null" && !strings.HasPrefix(digest, `"sha256:`) {
				t.Errorf("row %d has the digest %s", i, digest)
			}
			if (row["error"] != "") != (row["problem"] != "") {
				t.Errorf("row %d: %v", i, row)
			}
		}
		own := []string{"index", "input_digest"}
		predict := jsonRows(t, []byte(spikeray(t, nil, slices.Concat([]string{"predict", "--json"}, flags, []string{dir})...).out))
		for i, row := range predict {
			if row["error"] != "" { // predict does not say what was asked for
				rows[i] = without(rows[i:i+1], "threshold", "operating_point", "steps", "warnings", "problem")[0]
			}
		}
		sameRows(t, without(rows, own...), predict)

		out = filepath.Join(t.TempDir(), "answers.csv")
		if r := spikeray(t, nil, slices.Concat([]string{"batch", "--out", out}, flags, []string{dir})...); r.status != 0 {
			t.Fatalf("%+v", r)
		}
		rows = csvRows(t, read(t, out))
		predict = csvRows(t, []byte(spikeray(t, nil, slices.Concat([]string{"predict", "--csv"}, flags, []string{dir})...).out))
		for i, row := range predict {
			if row["error"] != "" {
				for _, key := range []string{"threshold", "operating_point", "steps", "warnings"} {
					row[key] = rows[i][key]
				}
			}
		}
		sameRows(t, without(rows, "index", "input_digest", "problem"), predict)
	}
}

// TestBatchKilledHasEveryRowOnce kills the program at moments of all kinds.
func TestBatchKilledHasEveryRowOnce(t *testing.T) {
	dir, _ := archiveOf(t, 150)
	want := filepath.Join(t.TempDir(), "whole.ndjson")
	if r := spikeray(t, nil, "batch", "--out", want, dir); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	killed := 0
	for tries := 0; ; tries++ {
		command := exec.Command(os.Args[0], "batch", "--workers=1", "--out", out, dir)
		command.Env = append(os.Environ(), asProgram+"=1")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if tries < 4 {
			timer := time.AfterFunc(time.Duration(rand.IntN(400))*time.Millisecond, func() { _ = command.Process.Kill() })
			if command.Wait() != nil {
				killed++
			}
			timer.Stop()
			continue
		}
		if err := command.Wait(); err != nil {
			t.Fatal(err)
		}
		break
	}
	if killed == 0 {
		t.Log("it was faster than every kill")
	}
	if !bytes.Equal(read(t, out), read(t, want)) {
		t.Errorf("after %d kills the file differs", killed)
	}
}

func TestBatchIsInterruptedAndGoesOn(t *testing.T) {
	dir, files := archiveOf(t, 150)
	out := filepath.Join(t.TempDir(), "answers.csv")
	command := exec.Command(os.Args[0], "batch", "--workers=1", "--out", out, dir)
	command.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the batch begins", func() bool {
		_, err := os.Stat(out)
		return err == nil
	})
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	switch status := command.ProcessState.ExitCode(); {
	case status == 0: // it was faster
	case status != statusInterrupted || !strings.Contains(said.String(), "interrupted") || !strings.Contains(said.String(), "of 154 pictures"):
		t.Fatalf("status %d, %s", status, said.String())
	}
	if r := spikeray(t, nil, "batch", "--out", out); r.status != 0 || !strings.Contains(r.err, "complete, 154") {
		t.Fatalf("%+v", r)
	}
	rows := csvRows(t, read(t, out))
	for i, row := range rows {
		if row["file"] != files[i] {
			t.Errorf("row %d is of %s", i, row["file"])
		}
	}
	if len(rows) != len(files) {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBatchReadsManifests(t *testing.T) {
	dir, _ := archiveOf(t, 3)
	table := "note,\"the file\"\r\nfirst,000/2.png\n\"second,\nof two lines\",000/0.png\n,z/\n"
	for name, c := range map[string]struct {
		file, text string
		flags      []string
		stdin      bool
		want       string
	}{
		"lines":               {"list.txt", "\ufeff000/2.png\r\n\n000/0.png", nil, false, "000/2.png 000/0.png"},
		"zero bytes":          {"list", "000/2.png\x00000/0.png\x00", nil, false, "000/2.png 000/0.png"},
		"twice":               {"list", "000/1.png\n000/1.png\n", nil, false, "000/1.png 000/1.png"},
		"a column":            {"list.csv", table, []string{"--column=the file"}, false, "000/2.png 000/0.png z/cut.png z/film.dcm z/long.png z/odd"},
		"semicolons":          {"list.csv", "a;b\n1;000/0.png\n", []string{"--column=b"}, false, "000/0.png"},
		"standard input":      {"", filepath.Join(dir, "000/1.png") + "\n", nil, true, "000/1.png"},
		"a limit":             {"list", "000/2.png\n000/0.png\n000/1.png\n", []string{"--limit=2"}, false, "000/2.png 000/0.png"},
		"a folder's own file": {"list", "000\nnone.png\n", nil, false, "000 none.png"},
	} {
		manifest := "-"
		if !c.stdin {
			manifest = write(t, []byte(c.text), dir, c.file)
		}
		out := filepath.Join(t.TempDir(), "answers.ndjson")
		args := append([]string{"batch", "--out", out, "--manifest", manifest}, c.flags...)
		r := spikeray(t, []byte(c.text), args...)
		var got []string
		for _, row := range lines(t, string(read(t, out))) {
			short, err := filepath.Rel(dir, row.File)
			short, _, _ = strings.Cut(short, ", ")
			if got = append(got, short); err != nil {
				t.Error(err)
			}
		}
		if strings.Join(got, " ") != c.want || r.status != 0 {
			t.Errorf("%s: %q, want %q; %+v", name, got, c.want, r)
		}
		if r := spikeray(t, []byte(c.text), args...); r.status != 0 {
			t.Errorf("%s, again: %+v", name, r)
		}
		changed := []byte(c.text + "more\n")
		if !c.stdin {
			write(t, changed, dir, c.file)
		}
		if r := spikeray(t, changed, args...); r.status != 1 || !strings.Contains(r.err, "SHA-256 of the manifest") {
			t.Errorf("%s, changed: %+v", name, r)
		}
		if !c.stdin {
			_ = os.Remove(manifest)
		}
	}
}

func TestBatchTakesPatternsAndFolders(t *testing.T) {
	dir, _ := archiveOf(t, 12)
	write(t, []byte("x"), dir, "000", ".hidden")
	write(t, []byte("x"), dir, "DICOMDIR")
	for pattern, want := range map[string]int{"00?/[0-4].png": 7, "0*": 12, "z": 4, "z/film.dcm": 1} {
		out := filepath.Join(t.TempDir(), "answers.csv")
		r := spikeray(t, nil, "batch", "--out", out, filepath.Join(dir, pattern))
		if rows := csvRows(t, read(t, out)); r.status != 0 || len(rows) != want {
			t.Errorf("%s: %d rows, want %d; %+v", pattern, len(rows), want, r)
		}
	}
	for _, args := range [][]string{{filepath.Join(dir, "*.none")}, {filepath.Join(dir, "none.png")}, {t.TempDir()}, {filepath.Join(dir, "000/[")}} {
		out := filepath.Join(t.TempDir(), "answers.csv")
		if r := spikeray(t, nil, append([]string{"batch", "--out", out}, args...)...); r.status != 1 || r.err == "" {
			t.Errorf("%q: %+v", args, r)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%q: an output is there", args)
		}
	}
}

// Opening a pipe that nobody writes to would wait for ever.
func TestBatchHasRowsForWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	write(t, testmodel.PNG(200, 200, 1), dir, "good.png")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.png"), 0o600); err != nil {
		t.Skip(err)
	}
	for name, target := range map[string]string{"link.png": "good.png", "folder": dir, "gone.png": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	out := filepath.Join(t.TempDir(), "answers.csv")
	r := spikeray(t, nil, "batch", "--out", out, dir)
	problems := map[string]string{}
	for _, row := range csvRows(t, read(t, out)) {
		problems[filepath.Base(row["file"])] = row["problem"] + row["error"]
	}
	if r.status != 0 || len(problems) != 5 || problems["good.png"] != "" || problems["link.png"] != "" || !strings.Contains(problems["pipe.png"], "unreadable") ||
		!strings.Contains(problems["folder"], "not followed") || !strings.HasPrefix(problems["gone.png"], "unreadable") {
		t.Errorf("%v, %+v", problems, r)
	}
}

func TestBatchStopsAtTooManyFailures(t *testing.T) {
	dir, _ := archiveOf(t, 2)
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	flags := []string{"batch", "--out", out, "--max-failures=1", "--max-bytes=100K", dir}
	if r := spikeray(t, nil, flags...); r.status != statusFailures || !strings.Contains(r.err, "--max-failures") || len(lines(t, string(read(t, out)))) != 5 {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, flags...); r.status != 0 || !strings.Contains(r.err, "goes on behind row 5 of 6") || len(lines(t, string(read(t, out)))) != 6 {
		t.Errorf("the rest: %+v", r)
	}
}

func TestBatchTellsProgressInJSON(t *testing.T) {
	dir, _ := archiveOf(t, 2)
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	r := spikeray(t, nil, "batch", "--out", out, "--progress-json", "--max-bytes=100K", dir+"/000", dir+"/z/cut.png")
	var told toldProgress
	if err := json.Unmarshal([]byte(r.err), &told); err != nil || !told.Complete || told.Rows != 3 || told.Pictures != 3 || told.Failed["not-a-picture"] != 1 || told.Rate <= 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestBatchRefusesOtherSettings(t *testing.T) {
	dir, _ := archiveOf(t, 1)
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	flags := []string{"batch", "--out", out, dir}
	if r := spikeray(t, nil, flags...); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	for _, more := range [][]string{{"--model=snnxray"}, {"--threshold=0.1"}, {"--operating-point=screening"}, {"--prevalence=0.1"}, {"--gate=off"}, {"--bits=12"},
		{"--steps=1"}, {"--max-bytes=1M"}, {"--max-pixels=1M"}, {"--tiff"}, {"--webp"}, {"--format=csv"}, {"--shard=0/2"}, {"--limit=1"}, {dir}} {
		if r := spikeray(t, nil, append(slices.Clip(flags), more...)...); r.status != 1 || !strings.Contains(r.err, "begun otherwise") {
			t.Errorf("%q: %+v", more, r)
		}
	}
	for _, args := range [][]string{{"--out=x.txt", dir}, {"--out=x.csv", "--column=a", dir}, {"--out=x.csv", "--manifest=a.csv"}, {"--out=x.csv", "--shard=2/2", dir},
		{"--out=x.csv", "--shard=0/2"}, {"--out=x.csv", "--limit=-1", dir}, {"--out=x.csv", "--max-failures=-1", dir}, {"--out=x.csv", "--workers=0", dir}} {
		if r := spikeray(t, nil, append([]string{"batch"}, args...)...); r.status != 2 {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestBatchWritesParquet(t *testing.T) {
	dir, _ := archiveOf(t, 3)
	out := filepath.Join(t.TempDir(), "answers.parquet")
	if r := spikeray(t, nil, "batch", "--out", out, dir); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	file := read(t, out)
	if !bytes.HasPrefix(file, []byte("PAR1")) || !bytes.HasSuffix(file, []byte("PAR1")) {
		t.Errorf("%d bytes", len(file))
	}
	for _, column := range batchColumns {
		if bytes.Count(file, []byte(column)) < 2 { // in the schema and in the row group
			t.Errorf("no column %s", column)
		}
	}
	for column := range columnKinds {
		if !slices.Contains(batchColumns, column) {
			t.Errorf("%s is no column", column)
		}
	}
	if err := toParquet(strings.NewReader(`["a"]`), new(bytes.Buffer)); err == nil {
		t.Error("a row of one cell")
	}
	if err := toParquet(strings.NewReader(`{`), new(bytes.Buffer)); err == nil {
		t.Error("half a row")
	}
}

// FuzzManifest has no path of more bytes than there are, none that is empty, and no panic.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("a\nb/\r\n\nc"), "")
	f.Add([]byte("a\x00b\nc\x00"), "")
	f.Add([]byte("\ufeffx,file\n1,a\n\"2\n\",\"b\"\"c\"\n"), "file")
	f.Add([]byte("x;file\n1;a\n"), "file")
	f.Add([]byte("file,file\n"), "file")
	f.Fuzz(func(t *testing.T, text []byte, column string) {
		total := 0
		see := func(_ int, path string) error {
			if path == "" {
				t.Error("an empty path")
			}
			if total += len(path); total > len(text) {
				t.Error("more than there was")
			}
			if strings.HasPrefix(path, "stop") {
				return errEnough
			}
			return nil
		}
		if column == "" {
			if err := readPaths(bytes.NewReader(text), see); err != nil && len(text) < 1000 && !errors.Is(err, errEnough) {
				t.Error(err)
			}
			return
		}
		_ = readColumn(bytes.NewReader(text), column, see)
	})
}

func TestManifestsAreBounded(t *testing.T) {
	none := func(int, string) error { return nil }
	if err := readPaths(strings.NewReader("a\n"+strings.Repeat("x", 1<<20)), none); err == nil || !strings.Contains(err.Error(), "line 2 is longer") {
		t.Errorf("a long line: %v", err)
	}
	row := "file\n\"" + strings.Repeat("x\n", 1<<20)
	if err := readColumn(strings.NewReader(row), "file", none); err == nil || !strings.Contains(err.Error(), "a row is longer") {
		t.Errorf("a long row: %v", err)
	}
	many := "file\n" + strings.Repeat(strings.Repeat("x", 1000)+"\n", 3000)
	n := 0
	if err := readColumn(strings.NewReader(many), "file", func(int, string) error { n++; return nil }); err != nil || n != 3000 {
		t.Errorf("many rows: %v, %d", err, n)
	}
	for _, text := range []string{"", "other\na\n", "file,file\na,b\n", "file\n\"\"\n"} {
		if err := readColumn(strings.NewReader(text), "file", none); err == nil {
			t.Errorf("%q is a manifest", text)
		}
	}
}
