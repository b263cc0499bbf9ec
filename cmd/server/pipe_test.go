package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// framed is a picture as it is sent.
func framed(name string, file []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
	out = append(out, name...)
	return append(binary.BigEndian.AppendUint64(out, uint64(len(file))), file...)
}

// TestPipeAnswersAsBatch sends the files of an archive and has the rows of batch, text by text.
func TestPipeAnswersAsBatch(t *testing.T) {
	dir, files := archiveOf(t, 5)
	model := write(t, testmodel.GatedFile("mine"), t.TempDir(), "mine.safetensors")
	out := filepath.Join(t.TempDir(), "answers.ndjson")
	flags := []string{"--model", model, "--gate=refuse", "--prevalence=0.1", "--max-bytes=100K"}
	if r := spikeray(t, nil, slices.Concat([]string{"batch", "--out", out}, flags, []string{dir})...); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	var sent []byte
	for _, file := range files {
		sent = append(sent, framed(file, read(t, file))...)
	}
	r := spikeray(t, sent, append([]string{"pipe"}, flags...)...)
	if r.status != 0 || r.err != "" {
		t.Fatalf("%+v", r)
	}
	want, got := jsonRows(t, read(t, out)), jsonRows(t, []byte(r.out))
	for i, row := range got {
		if want[i]["input_digest"] == "null" { // of a file that is too long, which a pipe reads to its end
			if row["input_digest"] == "null" {
				t.Errorf("row %d has no digest", i)
			}
			row["input_digest"] = "null"
		}
	}
	sameRows(t, got, want)
}

func TestPipeRefusesWhatIsCutOrNoPicture(t *testing.T) {
	good := framed("a.png", testmodel.PNG(50, 50, 1))
	for name, c := range map[string]struct {
		sent []byte
		rows int
		says string
	}{
		"nothing":        {nil, 0, ""},
		"cut file":       {append(slices.Clip(good), good[:len(good)-1]...), 1, "picture 1 of the input: unexpected EOF"},
		"cut length":     {append(slices.Clip(good), 0, 0), 1, "picture 1 of the input: unexpected EOF"},
		"cut name":       {[]byte{0, 0, 0, 9, 'a'}, 0, "unexpected EOF"},
		"no file":        {good[:9], 0, "unexpected EOF"},
		"no name":        {framed("", nil), 0, "the length of its name is 0"},
		"a long name":    {[]byte{255, 255, 255, 255}, 0, "the length of its name is 4294967295"},
		"a negative one": {append([]byte{0, 0, 0, 1, 'a'}, bytes.Repeat([]byte{255}, 8)...), 0, "the length of its file is"},
		"a lie":          {append([]byte{0, 0, 0, 1, 'a'}, 0, 255, 0, 0, 0, 0, 0, 0), 0, "unexpected EOF"},
		"an empty file":  {framed("a", nil), 1, ""},
	} {
		r := spikeray(t, c.sent, "pipe")
		if want := map[bool]int{true: 0, false: 1}[c.says == ""]; r.status != want || strings.Count(r.out, "\n") != c.rows || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestPipeEndsWhileNothingComes has the signal of an end where no picture does.
func TestPipeEndsWhileNothingComes(t *testing.T) {
	in, sender := io.Pipe()
	defer sender.Close()
	ctx, end := context.WithCancel(t.Context())
	var errs bytes.Buffer
	rows, out := io.Pipe()
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"pipe"}, &streams{in: in, out: out, err: &errs}) }()
	if _, err := sender.Write(framed("a.png", testmodel.PNG(50, 50, 1))); err != nil {
		t.Fatal(err)
	}
	var row predicted
	if err := json.NewDecoder(rows).Decode(&row); err != nil || row.Probability == nil { // before the next one is sent
		t.Fatalf("%v: %+v", err, row)
	}
	end()
	select {
	case status := <-ended:
		if status != 1 || !strings.Contains(errs.String(), "interrupted") {
			t.Errorf("status %d, %s", status, errs.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the input")
	}
}

// FuzzSent has each picture that is read as it was sent, and no more memory than the limit.
func FuzzSent(f *testing.F) {
	f.Add(slices.Concat(framed("a", []byte("one")), framed("b", nil)))
	f.Add(framed("long", make([]byte, 2000)))
	f.Add([]byte{0, 0, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 4, 0, 1})
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &sentReader{ctx: t.Context(), from: bytes.NewReader(text),
			room: &room{flags: pictureFlags{MaxBytes: 1000}, files: semaphore.NewWeighted(1000), plan: memory.Plan{Uploads: 1000}}}
		var again []byte
		short := true // so far
		for s := range r.all() {
			if len(s.data) > 1000 {
				t.Fatalf("%d bytes", len(s.data))
			}
			if short = short && s.err == nil; short {
				again = append(again, framed(s.name, s.data)...)
			}
			s.release()
		}
		if !bytes.HasPrefix(text, again) {
			t.Errorf("%q was read of %q", again, text)
		}
		if !r.room.files.TryAcquire(1000) {
			t.Error("memory is still held")
		}
	})
}
