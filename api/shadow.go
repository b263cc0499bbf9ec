package api

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
)

// What waits for a shadow at most.
const (
	shadowPlaces = 16
	shadowWait   = 5 * time.Second // for a free worker, and for the answer
)

// Reasons for which a shadow leaves a picture out.
const (
	shadowBusy    = "busy"    // too many wait, or no worker was free in time, or for long enough
	shadowMemory  = "memory"  // what waits holds all the memory that it may
	shadowOptions = "options" // what the request asked for does not apply to the shadow
	shadowSwapped = "swapped" // a model was swapped meanwhile
	shadowFailed  = "failed"  // an error
)

var shadowReasons = []string{shadowBusy, shadowMemory, shadowOptions, shadowSwapped, shadowFailed}

// shadow has a second model answer pictures that the default model has answered. Its answers are compared with those and go nowhere
// else. A nil shadow does nothing.
type shadow struct {
	server  *Server
	metrics *telemetry.Shadow
	pair    atomic.Pointer[shadowPair]
	turn    sync.Mutex // one answers at a time

	mu      sync.Mutex
	waiting int
	held    int64 // bytes of pictures that wait
}

// shadowPair is a shadow and the default model that it is compared with.
type shadowPair struct{ shadow, with *pipeline.Entry }

func newShadow(s *Server) *shadow {
	if s.config.ShadowShare <= 0 {
		return nil
	}
	d := &shadow{server: s, metrics: s.config.Metrics.Shadow(shadowReasons)}
	d.pair.Store(&shadowPair{})
	return d
}

// Accompany has a model answer along from now on, nil for none. It is for a server with a ShadowShare.
func (s *Server) Accompany(e *pipeline.Entry) {
	if s.shadow != nil {
		s.announcing.Lock()
		defer s.announcing.Unlock()
		s.shadow.compare(shadowPair{e, s.shadow.pair.Load().with})
	}
}

// compare has a pair compared from now on.
func (d *shadow) compare(p shadowPair) {
	if *d.pair.Load() == p {
		return
	}
	d.pair.Store(&p)
	if p.shadow == nil || p.with == nil {
		d.metrics.Pair("", "", "", "")
		return
	}
	a, b := p.shadow.Reference(), p.with.Reference()
	d.metrics.Pair(a.Name, a.Version, b.Name, b.Version)
}

// comparison is a picture that the shadow is to answer.
type comparison struct {
	shadow  *shadow
	pair    *shadowPair
	options pipeline.Options
	ended   <-chan struct{} // once the request's answer is written
	pixels  []uint8         // the prepared picture, where the shadow takes the same
	upload  []byte          // else the picture as it came; the request's until it is offered
}

// sample decides whether the shadow is to answer an upload of a question, and has it keep the picture; nil if not. ctx ends when the
// request does.
func (d *shadow) sample(ctx context.Context, q question, data []byte, options *pipeline.Options) *comparison {
	if d == nil || q.explain != nil {
		return nil
	}
	p := d.pair.Load()
	if p.shadow == nil || q.model != p.with || rand.Float64() >= d.server.config.ShadowShare {
		return nil
	}
	c := &comparison{shadow: d, pair: p, ended: ctx.Done()}
	c.options = q.options
	c.options.Gate, c.options.Prevalence, c.options.Echo, c.options.Decoded = pipeline.GateOff, nil, false, nil
	c.options.Fit = nil // it has time, and is compared with answers of all steps only
	if c.options.Check(p.shadow.Description()) != nil {
		d.metrics.Skipped(shadowOptions)
		return nil
	}
	if !samePicture(p.shadow, p.with) {
		c.upload = data
		return c
	}
	options.Prepared = func(pixels []uint8) { c.pixels = slices.Clone(pixels) }
	return c
}

// samePicture tells that two models take the same prepared picture.
func samePicture(a, b *pipeline.Entry) bool {
	p, q := a.Description().Preparation, b.Description().Preparation
	return p.Width == q.Width && p.Height == q.Height && p.Resize == q.Resize && p.ReducedDecoding == q.ReducedDecoding
}

// offer has the shadow answer the picture once its request has ended, if it has room for it.
func (c *comparison) offer(p pipeline.Prediction) {
	if c != nil && p.Label != "" && !p.Shortened {
		c.later(p)
	}
}

// later is a function of its own since its argument goes to the heap, which offer's need not where there is no shadow.
func (c *comparison) later(p pipeline.Prediction) {
	d := c.shadow
	size := int64(len(c.pixels) + len(c.upload))
	if reason := d.enter(size); reason != "" {
		d.metrics.Skipped(reason)
		return
	}
	c.upload = slices.Clone(c.upload)
	go func() {
		defer d.leave(size)
		<-c.ended
		if reason := c.run(p); reason != "" {
			d.metrics.Skipped(reason)
		}
	}()
}

// enter takes a place for a picture of so many bytes, or says why there is none.
func (d *shadow) enter(size int64) (reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch limit := d.server.config.ShadowMemory; {
	case d.waiting == shadowPlaces:
		return shadowBusy
	case limit > 0 && d.held+size > limit:
		return shadowMemory
	}
	d.waiting++
	d.held += size
	return ""
}

func (d *shadow) leave(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting--
	d.held -= size
}

// run has the shadow answer the picture and compares; a reason says why it could not.
func (c *comparison) run(with pipeline.Prediction) (reason string) {
	d := c.shadow
	ctx, cancel := context.WithTimeout(context.Background(), shadowWait)
	defer cancel()
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.pair.Load() != c.pair {
		return shadowSwapped
	}
	var own pipeline.Prediction
	answer, needs, err := c.answer()
	if err == nil {
		err = d.server.config.Queue.Spare(ctx, needs, func(ctx context.Context) (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = &PanicError{Value: v, Stack: debug.Stack()}
				}
			}()
			own, err = answer(ctx)
			return err
		})
	}
	switch panicked := (*PanicError)(nil); {
	case errors.As(err, &panicked):
		d.server.config.Metrics.Panic()
		d.server.config.Log.Error("panic in the shadow", "error", err, "stack", string(panicked.Stack))
		return shadowFailed
	case errors.Is(err, errPreempted), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrQueueClosed):
		return shadowBusy
	case err != nil:
		if missed, ok := d.server.lines.allow("shadow"); ok {
			d.server.config.Log.Warn("the shadow gave no answer", "model", c.pair.shadow.Name(), "error", err, "not_logged", missed)
		}
		return shadowFailed
	case d.pair.Load() != c.pair:
		return shadowSwapped
	}
	d.metrics.Answered(own.Label == with.Label, math.Abs(own.Probability-with.Probability))
	return ""
}

// answer is what gives the shadow's answer, and the bytes that it takes.
func (c *comparison) answer() (answer func(context.Context) (pipeline.Prediction, error), needs int64, err error) {
	m := c.pair.shadow.Model
	if c.pixels != nil {
		return func(ctx context.Context) (pipeline.Prediction, error) {
			return pipeline.PredictAlong(ctx, m, c.pixels, c.options)
		}, memory.Task, nil
	}
	header, err := pipeline.Inspect(m, c.upload, c.shadow.server.config.Limits, c.options)
	if err != nil {
		return nil, 0, err
	}
	return func(ctx context.Context) (pipeline.Prediction, error) {
		return pipeline.PredictInspected(ctx, m, c.upload, header, c.options)
	}, header.Memory + memory.Task, nil
}
