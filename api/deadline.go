package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// timeoutHeader tells how many milliseconds a request may take. It is Envoy's, which sets it for what is behind it, and so Istio's
// and KServe's.
const timeoutHeader = "X-Envoy-Expected-Rq-Timeout-Ms"

// readDeadline reads how long an answer may take.
func readDeadline(text string) (time.Duration, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > int64(v2.MaxDeadline/time.Millisecond) {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, true
}

// answerWithin sets the question's deadline, from the request's beginning: that of within, 0 for none, or that of the request's header, if
// that is sooner.
func (q *question) answerWithin(r *http.Request, within time.Duration) {
	// A header with another text is a proxy's, and no reason to refuse what is behind it.
	if h := r.Header[timeoutHeader]; len(h) > 0 {
		if stated, ok := readDeadline(h[0]); ok && (within == 0 || stated < within) {
			within = stated
		}
	}
	if within > 0 {
		q.deadline = exchangeOf(r.Context()).began.Add(within)
	}
}

// inTime is the context of answering what has been read.
func (s *Server) inTime(ctx context.Context, q question) (context.Context, context.CancelFunc) {
	if at := time.Now().Add(s.config.PredictTimeout); q.deadline.IsZero() || at.Before(q.deadline) {
		return context.WithDeadlineCause(ctx, at, errPredictTimeout)
	}
	return context.WithDeadlineCause(ctx, q.deadline, ErrDeadline)
}

// takes estimates how long a model takes for so many steps. What was not seen yet is half of what all steps take, for the gate and
// the layers in front, and the rest by steps.
func takes(m *pipeline.Entry, steps int) time.Duration {
	all, most := m.Took(0).Value(), m.MaxSteps()
	if steps == 0 || steps >= most {
		return all
	}
	if seen := m.Took(steps).Value(); seen > 0 {
		return min(seen, all)
	}
	return all/2 + all/2*time.Duration(steps)/time.Duration(most)
}

// doubt tells now and then that an estimate of [takes] is out of date, or not known, and is to be found out.
func doubt(m *pipeline.Entry, steps int) bool {
	seen := m.Took(steps)
	if seen.Value() == 0 {
		seen = m.Took(0)
	}
	return seen.Doubt()
}

// learn takes note of how long an answer took.
func learn(m *pipeline.Entry, p pipeline.Prediction) {
	took := p.Timing.Prepare + p.Timing.Infer
	m.Took(p.Steps).Learn(took)
	// All steps take no longer than as many times these. While every answer is shortened, nothing else tells that an estimate of all steps
	// is too long.
	if most := m.MaxSteps(); 0 < p.Steps && p.Steps < most {
		if all := took * time.Duration(most) / time.Duration(p.Steps); all < m.Took(0).Value() {
			m.Took(0).Learn(all)
		}
	}
}

// begun tells how many steps an answer by these options is begun with, once it is.
func begun(o *pipeline.Options) *int {
	steps := o.Steps
	if fit := o.Fit; fit != nil {
		o.Fit = func() (n int, err error) {
			steps, err = fit()
			return steps, err
		}
	}
	return &steps
}

// missed takes note of an answer that was given up at its deadline, begun with so many steps.
func missed(ctx context.Context, m *pipeline.Entry, p pipeline.Prediction, steps int) {
	if p.Timing.Infer > 0 && errors.Is(context.Cause(ctx), ErrDeadline) {
		m.Took(steps).AtLeast(p.Timing.Prepare + p.Timing.Infer)
	}
}

// computedBy is when a question's answer must have been computed: what recording it takes is left for that.
func (s *Server) computedBy(q question) time.Time {
	if s.config.Journal == nil || s.recorded.Doubt() {
		return q.deadline
	}
	return q.deadline.Add(-s.recorded.Value())
}

// shortens tells questions whose answers may come after fewer steps than all.
func (q question) shortens() bool {
	return !q.deadline.IsZero() && q.explain == nil && q.model.MaxSteps() > 0
}

// leastSteps is the smallest number of steps that a question is answered after.
func (q question) leastSteps() int {
	if q.shortens() {
		return 1
	}
	return q.options.Steps
}

// slack is how much longer than estimated a step count may take, as a divisor: a quarter.
const slack = 4

// fit tells a question's answer how many steps fit before a deadline, once the picture is prepared. One that is to find out how long
// steps take has one where none seems to fit.
func fit(m *pipeline.Entry, most int, deadline time.Time, try bool) func() (int, error) {
	if most == 0 {
		most = m.MaxSteps()
	}
	return func() (int, error) {
		left := time.Until(deadline)
		for steps := most; steps > 0; steps-- {
			if took := takes(m, steps); took+took/slack <= left {
				return steps, nil
			}
		}
		if try {
			return 1, nil
		}
		return 0, ErrDeadline
	}
}
