package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/batch"
)

// TestBatchTellsProgress has a run that goes on, by a clock of its own: a second for each picture.
func TestBatchTellsProgress(t *testing.T) {
	for _, inJSON := range []bool{false, true} {
		o := batch.Options{Out: filepath.Join(t.TempDir(), "out"), Inputs: &batchInputs{ctx: t.Context(), stdin: strings.NewReader(strings.Repeat("x\n", 20)), manifest: "-"}}
		for _, last := range []int{4, 18} {
			job, err := batch.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			o.Inputs = nil // which goes on
			var terminal, errs bytes.Buffer
			p := newBatchProgress(&streams{err: &errs, progress: &terminal}, job, inJSON)
			now := p.told
			p.counter.began, p.counter.now = now, func() time.Time { return now }
			for e := range job.Rest() {
				if err := job.Append(e, []byte("row\n"), map[bool]string{true: "too-large"}[e.Index == 2]); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Second)
				if p.step(); e.Index == last {
					break
				}
			}
			if p.end("out"); errors.Join(job.Save(), job.Close()) != nil {
				t.Fatal("not saved")
			}
			if last == 4 {
				continue
			}
			if text := errs.String(); !strings.HasPrefix(text, "spikeray: goes on behind row 5 of 20") {
				t.Errorf("it begins with %q", text)
			}
			if !inJSON {
				if want := "19 of 20 pictures (95%), 1.0/s, 1 without an answer (too-large 1), about 1s left"; !strings.Contains(terminal.String(), want) {
					t.Errorf("%q, want %q", terminal.String(), want)
				}
				if want := "out: rows for 19 of 20 pictures, 1 without an answer (too-large 1); 14 in 14s, 1.0/s\n"; !strings.HasSuffix(errs.String(), want) {
					t.Errorf("%q, want %q", errs.String(), want)
				}
				continue
			}
			_, told, _ := strings.Cut(errs.String(), "\n")
			want := ""
			for _, row := range []int{10, 15, 19} { // five seconds, five seconds, and the end
				want += fmt.Sprintf(`{"pictures":20,"rows":%d,"failed":{"too-large":1},"rate":1,"left_s":%d,"complete":false}`+"\n", row, 20-row)
			}
			if told != want || terminal.Len() > 0 {
				t.Errorf("%s\nwant %s", told, want)
			}
		}
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
