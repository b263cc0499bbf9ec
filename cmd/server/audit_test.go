package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// receipted posts a picture, and gives the receipt.
func receipted(t *testing.T, url, query string, picture []byte) (receipt string) {
	t.Helper()
	r, err := http.Post(url+"/v1/predictions"+query, "application/octet-stream", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if receipt = r.Header.Get("X-Audit-Record"); receipt == "" {
		t.Fatalf("status %d without a receipt", r.StatusCode)
	}
	return receipt
}

// TestRecordedAnswersComeOutAgain has a server that is killed and started again, and replays what it recorded.
func TestRecordedAnswersComeOutAgain(t *testing.T) {
	dir := t.TempDir()
	audit, pictures := filepath.Join(dir, "audit"), filepath.Join(dir, "pictures")
	film := testfilm.File(3, 200, 220)
	var files [][]byte
	for i := range 3 {
		files = append(files, testmodel.PNG(120+i, 130, uint64(i)), testmodel.JPEG(200, 180+i, uint64(i)))
	}
	files = append(files, film, []byte("no picture"))
	for i, f := range files {
		write(t, f, pictures, fmt.Sprintf("%d.bin", i))
	}
	p := serve(t, nil, "--audit="+audit, "--gate=refuse")
	var receipts []string
	queries := []string{"", "?steps=1", "?model=spikeray-board", "?threshold=0.125", "?prevalence=0.25", "?operating_point=screening", "?model=snnxray-int8"}
	for i, f := range files {
		receipts = append(receipts, receipted(t, p.url, queries[i%len(queries)], f))
	}
	receipts = append(receipts, receipted(t, p.url, "?model=snnxray", film)) // in float32, whose bits depend on the tier
	if other := spikeray(t, nil, "serve", "--addr=127.0.0.1:0", "--audit="+audit); other.status != 1 || !strings.Contains(other.err, "another process writes") {
		t.Errorf("%+v", other)
	}
	live := spikeray(t, nil, "audit", "verify", audit)
	if live.status != 0 || !strings.HasPrefix(live.out, "good: records 1 to 10 in 1 files") {
		t.Errorf("%+v", live)
	}
	_ = p.command.Process.Signal(syscall.SIGKILL)
	_ = p.command.Wait()
	head := strings.TrimSpace(spikeray(t, nil, "audit", "head", audit).out)
	if head != receipts[len(receipts)-1] {
		t.Errorf("the head is %q, and the last receipt %q", head, receipts[len(receipts)-1])
	}

	p = serve(t, nil, "--audit="+audit)
	receipts = append(receipts, receipted(t, p.url, "", files[0]))
	if status, logs := p.end(t); status != 0 || !strings.Contains(logs, `"msg":"the audit log ends"`) {
		t.Errorf("%d %s", status, logs)
	}
	r := spikeray(t, nil, "audit", "verify", "--head="+head, "--receipt="+strings.Join(receipts, ", "), audit)
	if r.status != 0 || strings.Count(r.out, "\n{") != len(receipts)-1 || !strings.Contains(r.out, "1 of them after a crash") {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "replay", audit, pictures); r.status != 0 || r.out != "10 equal, 0 different\n" || r.err != "" {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "--kernel=generic", "replay", "--to=9", audit, pictures); r.status != 0 || r.out != "8 equal, 0 different\n" {
		t.Errorf("%+v", r)
	}

	// Some of them, on a board; from what audit show gives; without a picture.
	third := "--receipt=" + receipts[2]
	if r := spikeray(t, nil, "replay", "--board=loihi", third, audit, pictures); r.status != 0 || r.out != "1 equal, 0 different\n" {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "replay", "--board=loihi", "--to=2", audit, pictures); r.status != 3 || !strings.Contains(r.out, "record 2: model not here") {
		t.Errorf("%+v", r)
	}
	shown := spikeray(t, nil, "audit", "show", "--json", third, audit)
	one := write(t, []byte(shown.out), dir, "record.json")
	if r := spikeray(t, nil, "replay", "--json", one, filepath.Join(pictures, "2.bin")); r.status != 0 || !strings.Contains(r.out, `"verdict":"equal"`) {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "replay", one, filepath.Join(pictures, "1.bin")); r.status != 3 || !strings.HasSuffix(r.out, "0 equal, 0 different, 1 picture not here\n") {
		t.Errorf("%+v", r)
	}
	// The film in another file: its header differs, and its data set does not.
	exported := write(t, film[128:], dir, "exported.dcm")
	if r := spikeray(t, nil, "replay", "--picture="+exported, "--to=8", audit, exported); r.status != 0 || r.out != "1 equal, 0 different\n" {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "audit", "show", pictures); r.status != 1 || !strings.Contains(r.err, "has no records") {
		t.Errorf("%+v", r)
	}
	table := spikeray(t, nil, "audit", "show", "--picture="+filepath.Join(pictures, "0.bin"), audit)
	if lines := strings.Split(strings.TrimSpace(table.out), "\n"); table.status != 0 || len(lines) != 2 || !strings.Contains(lines[1], "answer") {
		t.Errorf("%+v", table)
	}
}

// TestAnAnswerThatIsAnotherIsFound has records that say other than what the model answers.
func TestAnAnswerThatIsAnotherIsFound(t *testing.T) {
	dir := t.TempDir()
	audit := filepath.Join(dir, "audit")
	picture := testmodel.PNG(120, 130, 1)
	path := write(t, picture, dir, "x.png")
	p := serve(t, nil, "--audit="+audit)
	receipted(t, p.url, "", picture)
	p.end(t)
	var record journal.Record
	if _, err := journal.Verify(t.Context(), audit, func(s journal.Seen) error {
		if s.Answer != nil {
			record = s.Record
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*journal.Asked, *journal.Entry)
		status int
		says   string
	}{
		"the last bit of the probability": {func(_ *journal.Asked, e *journal.Entry) {
			e.Answer.Probability = new(math.Nextafter(*e.Answer.Probability, 2))
		}, 1, "different: probability;"},
		"a spike":   {func(_ *journal.Asked, e *journal.Entry) { e.Answer.Spikes = new(*e.Answer.Spikes + 1) }, 1, "different: spikes;"},
		"the label": {func(_ *journal.Asked, e *journal.Entry) { e.Answer.Label = "OTHER" }, 1, "different: label;"},
		"the steps": {func(a *journal.Asked, _ *journal.Entry) { a.Options.Steps = 1 }, 1, "different: "},
		"a problem": {func(_ *journal.Asked, e *journal.Entry) {
			e.Answer, e.Problem = nil, &journal.Problem{Name: "gate-refused", Status: 422}
		}, 1, "problem: none"},
		"a timeout": {func(_ *journal.Asked, e *journal.Entry) {
			e.Answer, e.Problem = nil, &journal.Problem{Name: "internal", Status: 500}
		}, 3, "1 not replayable"},
		"a picture":  {func(a *journal.Asked, _ *journal.Entry) { a.Input = &journal.Input{} }, 3, "picture not here"},
		"no picture": {func(a *journal.Asked, _ *journal.Entry) { a.Input = nil }, 3, "1 not replayable"},
		"prepared pixels": {func(a *journal.Asked, _ *journal.Entry) {
			in := *a.Input
			in.Prepared = true
			a.Input = &in
		}, 3, "picture not here: it came prepared, as pixels, and cannot be replayed from a file"},
		"a model":      {func(a *journal.Asked, _ *journal.Entry) { a.Model.Digest = "sha256:00" }, 3, "no model file has the digest sha256:00"},
		"calibration":  {func(a *journal.Asked, _ *journal.Entry) { a.Calibration = "sha256:00" }, 3, "no calibration file has the digest sha256:00"},
		"nothing else": {func(*journal.Asked, *journal.Entry) {}, 0, "1 equal, 0 different"},
	} {
		t.Run(what, func(t *testing.T) {
			asked, answer := *record.Asked, *record.Answer
			e := journal.Entry{Asked: &asked, Answer: &answer}
			c.change(&asked, &e)
			log := t.TempDir()
			j, err := journal.Open(log, journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if r := spikeray(t, nil, "replay", log, path); r.status != c.status || !strings.Contains(r.out, c.says) {
				t.Errorf("%+v, expected %d and %q", r, c.status, c.says)
			}
		})
	}
}

// TestLessMemoryThanTheServerHadIsNoOtherAnswer replays a record that says a picture was answered where there is no room for it.
func TestLessMemoryThanTheServerHadIsNoOtherAnswer(t *testing.T) {
	picture := testmodel.PNG(120, 130, 1)
	std := &streams{}
	r := &replay{replayCommand: &replayCommand{MaxBytes: 1 << 20}, std: std}
	var err error
	if r.pictures, err = indexPictures(t.Context(), std, []path{path(write(t, picture, t.TempDir(), "x.png"))}); err != nil {
		t.Fatal(err)
	}
	if r.models, err = indexModels(nil, nil); err != nil {
		t.Fatal(err)
	}
	asked := &journal.Asked{Input: journal.NewInput(picture, false), Options: journal.Terms{MaxMemory: 1 << 30}}
	for digest, name := range r.models.models {
		if name == "spikeray" {
			asked.Model.Digest = digest
		}
	}
	m, err := r.open(t.Context(), r.modelOf(asked))
	if err != nil {
		t.Fatal(err)
	}
	m.pictures.limits.MaxMemory = 1
	for _, c := range []struct {
		record  journal.Record
		verdict replayVerdict
	}{
		{journal.Record{Asked: asked, Answer: &journal.Answer{}}, verdictFailed},
		{journal.Record{Asked: asked, Problem: &journal.Problem{Name: "gate-refused"}}, verdictFailed},
		{journal.Record{Asked: asked, Problem: &journal.Problem{Name: "too-large"}}, verdictEqual},
	} {
		if line := r.one(t.Context(), m, &c.record); line.Verdict != c.verdict {
			t.Errorf("%+v, expected %s", line, c.verdict)
		}
	}
	if m.close(&err); err != nil {
		t.Error(err)
	}
}

func TestVerifyTellsByItsStatus(t *testing.T) {
	dir := t.TempDir()
	audit := filepath.Join(dir, "audit")
	j, err := journal.Open(audit, journal.Options{})
	if err == nil {
		err = j.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	verify := func(status int, says string, more ...string) {
		t.Helper()
		r := spikeray(t, nil, append([]string{"audit", "verify", audit}, more...)...)
		if r.status != status || !strings.Contains(r.out+r.err, says) {
			t.Errorf("%+v, expected status %d and %q", r, status, says)
		}
		var v struct {
			Whole  bool
			Faults []journal.Fault
		}
		j := spikeray(t, nil, append([]string{"audit", "verify", "--json", audit}, more...)...)
		if err := json.Unmarshal([]byte(j.out), &v); err != nil && status != 1 || j.status != status {
			t.Errorf("%v: %+v", err, j)
		}
	}
	verify(0, "good")
	verify(1, "no record has the receipt "+anyReceipt, "--receipt="+anyReceipt)
	verify(1, "NOT the log of these receipts", "--head="+anyReceipt)
	file := filepath.Join(audit, "0000000000000001.ndjson")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, good[:len(good)-20], file)
	verify(3, "bytes of an unfinished record")
	write(t, bytes.Replace(good, []byte(`"start"`), []byte(`"stOrt"`), 1), file)
	verify(1, "0000000000000001.ndjson, byte 0")
	if r := spikeray(t, nil, "replay", audit, file); r.status != 1 || !strings.Contains(r.err, "is damaged") {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "serve", "--addr=127.0.0.1:0", "--audit="+audit); r.status != 1 || !strings.Contains(r.err, "the journal is damaged") {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "audit", "verify", dir); r.status != 1 || !strings.Contains(r.err, "no records") {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "audit", "verify", "--head=12:xy", audit); r.status != 2 || !strings.Contains(r.err, "is no receipt") {
		t.Errorf("%+v", r)
	}
}

func TestAuditFlagsThatDoNotGoTogether(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"needs --audit", []string{"--audit-keep=9h"}},
		{"needs --audit", []string{"--audit-segment-age=9h"}},
		{"needs --audit", []string{"--audit-segment-bytes=9M"}},
		{"at least 1h", []string{"--audit=a", "--audit-keep=9m"}},
		{"at least 1h", []string{"--audit=a", "--audit-keep=0s"}},
		{"at least 1m", []string{"--audit=a", "--audit-segment-age=9s"}},
		{"neither in the other", append(onSend, "--audit=w/a", "--watch=w", "--outbox=o")},
		{"neither in the other", append(onSend, "--audit=o", "--outbox=o")},
		{"neither in the other", []string{"--audit=m/a", "--models=m"}},
	} {
		if r := spikeray(t, nil, append([]string{"serve"}, c.args...)...); r.status != 2 || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %+v, expected %q", c.args, r, c.says)
		}
	}
}
