package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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

// A shard goes by what a manifest says, wherever that is found, and a batch goes on though a folder of it is away.
func TestManifestsAreTheSameWhereverTheyLie(t *testing.T) {
	dir, _ := archiveOf(t, 1)
	in := &batchInputs{ctx: t.Context(), manifest: write(t, []byte("z/\n000/0.png\n"), dir, "list")}
	var got []string
	err := in.List(func(written, path string) bool {
		if path != filepath.Join(dir, written) {
			t.Errorf("%s is found at %s", written, path)
		}
		got = append(got, written)
		return true
	})
	if want := []string{"z/cut.png", "z/film.dcm", "z/long.png", "z/odd, \"name\"\n.png", "000/0.png"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
	listed, err := in.Settings()
	if err != nil || os.RemoveAll(filepath.Join(dir, "z")) != nil {
		t.Fatal(err)
	}
	again := &batchInputs{ctx: t.Context(), manifest: in.manifest}
	if settings, err := again.Settings(); err != nil || !slices.Equal(settings, listed) {
		t.Errorf("%v: %v, want %v", err, settings, listed)
	}
}

func TestBatchIsInterruptedWhileItLists(t *testing.T) {
	dir, _ := archiveOf(t, 2)
	ctx, end := context.WithCancel(t.Context())
	end()
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	var errs bytes.Buffer
	if status := run(ctx, []string{"batch", "--out", out, dir}, &streams{out: io.Discard, err: &errs}); status != statusInterrupted {
		t.Errorf("status %d, %s", status, errs.String())
	}
	if r := spikeray(t, nil, "batch", "--out", out, dir); r.status != 0 {
		t.Errorf("%+v", r)
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

func TestBatchHasRowsForWhatIsNoFile(t *testing.T) {
	dir := oddFolder(t)
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
