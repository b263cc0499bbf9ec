package v2

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// Statistics count what models answered since they were loaded, by whatever interface. The zero value is ready; it is safe for
// concurrent use.
type Statistics struct {
	mu  sync.Mutex
	all map[version]*counts
}

type version struct{ name, version string }

// counts are one model's.
type counts struct {
	last                    time.Time
	success, fail           duration
	queue, input, inference duration
}

// duration counts a stage's times.
type duration struct {
	Count uint64 `json:"count"`
	Nanos uint64 `json:"ns"`
}

func (d *duration) add(took time.Duration) {
	d.Count++
	d.Nanos += uint64(max(took, 0))
}

// Add counts a picture: how long it waited, its stages, and all of it.
func (s *Statistics) Add(e *pipeline.Entry, waited time.Duration, t pipeline.Timing, total time.Duration, failed bool) {
	d := e.Description()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of(version{d.Name, d.Version})
	c.last = time.Now()
	if failed {
		c.fail.add(total)
		return
	}
	c.success.add(total)
	c.queue.add(waited)
	c.input.add(t.Decode + t.Prepare)
	c.inference.add(t.Infer)
}

// Keep forgets what was counted of other models than these.
func (s *Statistics) Keep(models ...*pipeline.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.all, func(v version, _ *counts) bool {
		return !slices.ContainsFunc(models, func(e *pipeline.Entry) bool { return v == version{e.Name(), e.Description().Version} })
	})
}

// of finds or begins a model's counts. s.mu is held.
func (s *Statistics) of(v version) *counts {
	c := s.all[v]
	if c == nil {
		if s.all == nil {
			s.all = map[version]*counts{}
		}
		c = new(counts)
		s.all[v] = c
	}
	return c
}

// modelStatistics is a model's entry in the answer.
type modelStatistics struct {
	Name       string          `json:"name"`
	Version    string          `json:"version"`
	Last       int64           `json:"last_inference"` // ms since 1970
	Inferences uint64          `json:"inference_count"`
	Executions uint64          `json:"execution_count"`
	Inference  inferenceStages `json:"inference_stats"`
	Batches    []batch         `json:"batch_stats"`
}

type inferenceStages struct {
	Success duration `json:"success"`
	Fail    duration `json:"fail"`
	Queue   duration `json:"queue"`
	stages
	CacheHit  duration `json:"cache_hit"`
	CacheMiss duration `json:"cache_miss"`
}

type stages struct {
	Input  duration `json:"compute_input"`
	Infer  duration `json:"compute_infer"`
	Output duration `json:"compute_output"`
}

type batch struct {
	Size int `json:"batch_size"`
	stages
}

func (s *Statistics) report(models ...*pipeline.Entry) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []modelStatistics{}
	for _, e := range models {
		d := e.Description()
		c := s.of(version{d.Name, d.Version})
		took := stages{Input: c.input, Infer: c.inference, Output: duration{Count: c.inference.Count}}
		m := modelStatistics{
			Name: d.Name, Version: d.Version, Inferences: c.success.Count, Executions: c.success.Count,
			Inference: inferenceStages{Success: c.success, Fail: c.fail, Queue: c.queue, stages: took},
			Batches:   []batch{},
		}
		if !c.last.IsZero() {
			m.Last = c.last.UnixMilli()
		}
		if c.success.Count > 0 { // pictures are computed one by one
			m.Batches = append(m.Batches, batch{1, took})
		}
		list = append(list, m)
	}
	return map[string]any{"model_stats": list}
}

func (h *Handler) statistics(w http.ResponseWriter, _ *http.Request, e *pipeline.Entry) error {
	write(w, http.StatusOK, h.Statistics.report(e))
	return nil
}

func (h *Handler) allStatistics(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, h.Statistics.report(h.Service.Models()...))
	return nil
}
