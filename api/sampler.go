package api

import (
	"sync"

	"golang.org/x/time/rate"
)

const (
	// sampledRate is how many lines a second are logged of one kind, and sampledBurst how many at once.
	sampledRate  = 10
	sampledBurst = 50
)

// sampler keeps what clients can bring about at any rate from filling the log.
type sampler struct {
	count func() // called for each line left out

	mu    sync.Mutex
	kinds map[string]*sampled
}

type sampled struct {
	limit  *rate.Limiter
	missed int64
}

func newSampler(count func()) *sampler {
	return &sampler{count: count, kinds: map[string]*sampled{}}
}

// allow tells whether to log a line of a kind, and if so how many were left out since the last. Kinds must come from a
// bounded set.
func (s *sampler) allow(kind string) (missed int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[kind]
	if k == nil {
		k = &sampled{limit: rate.NewLimiter(sampledRate, sampledBurst)}
		s.kinds[kind] = k
	}
	if !k.limit.Allow() {
		k.missed++
		s.count()
		return 0, false
	}
	missed, k.missed = k.missed, 0
	return missed, true
}
