package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/batch"
)

// batchProgress tells how far a batch is: on a terminal as it goes, or in JSON, and once at the end.
type batchProgress struct {
	std     *streams
	job     *batch.Job
	json    bool
	counter *counter
	from    int // rows that were there before
	told    time.Time
}

// progressPause is the time between two lines of JSON.
const progressPause = 5 * time.Second

func newBatchProgress(std *streams, job *batch.Job, inJSON bool) *batchProgress {
	p := &batchProgress{std: std, job: job, json: inJSON, from: job.Rows(), told: time.Now()}
	terminal := std.progress
	if inJSON {
		terminal = nil
	}
	p.counter = newCounter(terminal, job.Pictures())
	p.counter.done, p.counter.from = p.from, p.from
	p.counter.more = func() string { return fmt.Sprintf(", %.1f/s%s", p.counter.rate(), p.failures()) }
	if p.from > 0 && !job.Complete() {
		fmt.Fprintf(std.err, "spikeray: goes on behind row %d of %d, with the list of %s\n", p.from, job.Pictures(), job.Begun().Format(time.RFC3339))
	}
	return p
}

func (p *batchProgress) step() {
	p.counter.step()
	if now := p.counter.now(); p.json && now.Sub(p.told) >= progressPause {
		p.told = now
		p.tell()
	}
}

// told is a line of JSON.
type toldProgress struct {
	Pictures int            `json:"pictures"`
	Rows     int            `json:"rows"`
	Failed   map[string]int `json:"failed"`
	Rate     float64        `json:"rate"`   // pictures of this run a second
	Left     *float64       `json:"left_s"` // seconds, nil while unknown
	Complete bool           `json:"complete"`
}

func (p *batchProgress) tell() {
	t := toldProgress{Pictures: p.job.Pictures(), Rows: p.job.Rows(), Failed: p.job.Failed(), Rate: p.counter.rate(), Complete: p.job.Complete()}
	if t.Failed == nil {
		t.Failed = map[string]int{}
	}
	if left, known := p.counter.left(); known {
		seconds := left.Seconds()
		t.Left = &seconds
	}
	line, err := json.Marshal(t)
	if err == nil {
		_, _ = fmt.Fprintf(p.std.err, "%s\n", line)
	}
}

// failures are the pictures without an answer, by kind.
func (p *batchProgress) failures() string {
	failed := p.job.Failed()
	var kinds []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(failed)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, failed[kind]))
		total += failed[kind]
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf(", %d without an answer (%s)", total, strings.Join(kinds, ", "))
}

// end sums up.
func (p *batchProgress) end(out string) {
	p.counter.clear()
	if p.json {
		p.tell()
		return
	}
	state := "complete,"
	if !p.job.Complete() {
		state = fmt.Sprintf("rows for %d of", p.job.Rows())
	}
	rate := ""
	if n := p.job.Rows() - p.from; n > 0 {
		rate = fmt.Sprintf("; %d in %v, %.1f/s", n, p.counter.took().Round(100*time.Millisecond), p.counter.rate())
	}
	fmt.Fprintf(p.std.err, "spikeray: %s: %s %d pictures%s%s\n", oneLine(out), state, p.job.Pictures(), p.failures(), rate)
}
