package main

import (
	"math"
	"slices"
	"time"
)

// result is what a run saw.
type result struct {
	connections   int
	took          time.Duration
	latencies     []time.Duration // one a request
	probabilities []float64       // of the first answer about each picture
}

// summary is what is printed.
type summary struct {
	Connections   int       `json:"connections"`
	Requests      int       `json:"requests"`
	Seconds       float64   `json:"seconds"`
	PerSecond     float64   `json:"per_second"`
	P50           float64   `json:"p50_ms"`
	P95           float64   `json:"p95_ms"`
	P99           float64   `json:"p99_ms"`
	Max           float64   `json:"max_ms"`
	Probabilities []float64 `json:"probabilities"`
}

func (r *result) summary() summary {
	sorted := slices.Sorted(slices.Values(r.latencies))
	ms := func(p float64) float64 { return float64(percentile(sorted, p)) / float64(time.Millisecond) }
	return summary{
		Connections: r.connections, Requests: len(sorted), Seconds: r.took.Seconds(), PerSecond: float64(len(sorted)) / r.took.Seconds(),
		P50: ms(50), P95: ms(95), P99: ms(99), Max: ms(100), Probabilities: r.probabilities,
	}
}

// percentile is the smallest of the sorted values that at least p per cent are not above (nearest rank).
func percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}
