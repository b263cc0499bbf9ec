package spinnaker

import (
	"context"
	"fmt"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// run is one picture's.
//
// Step after step, the host sends the spikes of the step and then one to the marker, and sends no more until the board has
// sent the marker's spike back with its time. So no two steps meet, the host keeps the board's time without a clock of
// its own, and the board's time of every step is known. Layer i, from 0, answers i+1 time steps later. A board whose time
// steps are longer than the way there and back takes the steps one right after the other; else it idles in between, which
// is counted.
type run struct {
	*program
	ctx     context.Context
	bound   *binding
	window  *window
	in, out spike.Train
	opt     spike.RunOptions
	steps   int

	times    []uint32 // of the board, a step each, and of those silent ones behind the last
	spikes   [][]event
	echoes   []event // of the source
	back     []bool  // its neurons whose spike of this step has come back
	room     int     // events that can still be kept
	counts   [][]uint8
	told     int // steps whose output is out
	sent     uint64
	entered  uint64 // spikes of the source that the board has had
	received uint64 // packets
	stats    spike.Stats
	seen     hw.Telemetry
	lost     hw.Link
}

// event is a spike of a population at a board's time.
type event struct {
	time uint32
	atom int32
}

// Measure waits for the toolchain's next run and shows the train to the board in it. One picture is shown at a time. A
// run that was broken off leaves the board to the toolchain, which ends its own run in its time.
func (p *program) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	b := p.board
	steps, err := hw.CheckTrains(p.net, p.stages[len(p.stages)-1].Out, in, out)
	switch {
	case b.running.Err() != nil:
		err = hw.ErrClosed
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	if err != nil || steps == 0 {
		return spike.Stats{}, hw.Telemetry{Link: &hw.Link{}}, err
	}
	for i, n := range in.Counts {
		if n > 1 {
			return spike.Stats{}, hw.Telemetry{}, fmt.Errorf("spinnaker: %d spikes at once from neuron %d, must be at most 1", n, i%p.net.Input.Len())
		}
	}
	select {
	case b.owner <- struct{}{}:
		defer func() { <-b.owner }()
	case <-ctx.Done():
		return spike.Stats{}, hw.Telemetry{}, ctx.Err()
	case <-b.running.Done():
		return spike.Stats{}, hw.Telemetry{}, hw.ErrClosed
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.running, cancel)()
	r := &run{program: p, ctx: inner, in: in, out: out, opt: opt, steps: steps}
	err = r.run()
	if err != nil && b.running.Err() != nil && ctx.Err() == nil {
		err = hw.ErrClosed
	}
	r.seen.Link = &r.lost
	return r.stats, r.seen, err
}

func (r *run) run() error {
	before, err := r.open()
	if err != nil {
		return err
	}
	link := r.board.link
	foreign := link.foreign.Load()
	neurons := len(r.bound.source)
	r.back = make([]bool, neurons)
	for _, s := range r.stages {
		r.counts = append(r.counts, make([]uint8, s.Out.Len()))
		neurons += s.Out.Len()
	}
	depth := len(r.stages)
	r.spikes = make([][]event, depth)
	r.room = neurons * (depth + 4)
	for step := 0; r.told < r.steps; step++ {
		if step < r.steps {
			if err := r.send(step); err != nil {
				return err
			}
		}
		if err := r.mark(step); err != nil {
			return err
		}
		for r.told < r.steps && r.told < len(r.times) && r.times[r.told]+uint32(depth) < r.times[step] {
			if err := r.tell(r.told); err != nil {
				return err
			}
			r.told++
		}
	}
	return r.settle(before, foreign)
}

// open has the toolchain start the network, and gives the packets that the boards had sent before.
func (r *run) open() ([]uint32, error) {
	b := r.board
	for {
		a, err := b.toolchain.announced(r.ctx, true)
		if err != nil {
			return nil, err
		}
		if r.bound, err = r.bind(a.mapping); err != nil {
			return nil, err
		}
		b.mu.Lock()
		b.tags = r.bound.tags
		b.mu.Unlock()
		if err := b.link.lead(r.ctx, r.bound.tags); err != nil {
			return nil, err
		}
		before, err := b.link.sent(r.ctx, r.bound.tags)
		if err != nil {
			return nil, err
		}
		b.link.forget()
		if r.window, err = b.toolchain.confirm(a, r.window); err != nil {
			return nil, err
		}
		for again := false; !again; {
			select {
			case <-r.window.started:
				return before, nil
			case <-r.ctx.Done():
				return nil, r.ctx.Err()
			case <-b.toolchain.news: // it did not hear us, and announces itself anew
				again = b.toolchain.waits()
			}
		}
	}
}

// send sends the spikes of a step, packet by packet to the cores that they come from.
func (r *run) send(step int) error {
	packets := 0
	d := dataPacket{Type: key32}
	var to coreAddress
	flush := func() error {
		if len(d.Elements) == 0 {
			return nil
		}
		if o := r.board.opt; o.Burst > 0 && packets > 0 && packets%o.Burst == 0 {
			select {
			case <-time.After(o.Pause):
			case <-r.ctx.Done():
				return r.ctx.Err()
			}
		}
		packets++
		r.sent += uint64(len(d.Elements))
		err := r.board.link.send(to, d.Append(nil))
		d.Elements = d.Elements[:0]
		return err
	}
	for i, n := range r.in.Step(step) {
		if n == 0 {
			continue
		}
		atom := r.bound.source[i]
		if atom.Core != to || len(d.Elements) == key32.MaxElements() {
			if err := flush(); err != nil {
				return err
			}
			to = atom.Core
		}
		d.Elements = append(d.Elements, element{Key: atom.Key})
	}
	return flush()
}

// mark ends a step, and waits until the board has told its time.
func (r *run) mark(step int) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	d := dataPacket{Type: key32, Elements: []element{{Key: r.bound.marker.Key}}}
	if err := r.board.link.send(r.bound.marker.Core, d.Append(nil)); err != nil {
		return err
	}
	late := time.NewTimer(r.board.opt.Timeout)
	defer late.Stop()
	stopped, failure := r.window.stopped, fmt.Errorf("spinnaker: step %d: %w: the marker's spike did not come back", step, ErrSilent)
	for len(r.times) <= step {
		select {
		case packet := <-r.board.link.spikes:
			r.take(packet)
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-stopped: // what it sent before may still be on its way
			stopped, failure = nil, fmt.Errorf("%w in step %d of %d", ErrStopped, step, r.steps)
			late.Reset(min(r.board.opt.Timeout, time.Second))
		case <-late.C:
			return failure
		}
	}
	if step == 0 && int64(r.times[0]) >= int64(r.bound.steps) {
		return fmt.Errorf("%w: its time is %d, but a run has only %d steps", ErrNotReset, r.times[0], r.bound.steps)
	}
	return nil
}

// take reads a packet of spikes.
func (r *run) take(packet []byte) {
	r.received++
	d, err := parseData(packet)
	if err != nil || !d.Time {
		r.lost.Foreign++
		return
	}
	for e := range d.Events() {
		n, ok := r.bound.keys[e.Key]
		if !ok || !e.HasPayload || r.room == 0 {
			r.lost.Foreign++
			continue
		}
		at := event{e.Payload, n.atom}
		switch n.population {
		case marker:
			if last := len(r.times) - 1; last >= 0 && at.time <= r.times[last] {
				r.lost.Foreign++ // the network's way of doubling a packet
				continue
			}
			r.times = append(r.times, at.time)
		case source:
			r.room--
			r.echoes = append(r.echoes, at)
		default:
			r.room--
			r.spikes[n.population] = append(r.spikes[n.population], at)
		}
	}
}

// tell counts what the layers made of a step, and gives out the last one's spikes.
func (r *run) tell(step int) error {
	r.enter(step)
	from := r.in.Step(step)
	for i := range r.stages {
		s, counts := &r.stages[i], r.counts[i]
		operations := s.SynapticOperations(from)
		r.emitted(i, r.times[step]+uint32(i)+1)
		for _, n := range counts {
			r.stats.Spikes += uint64(n)
		}
		r.stats.NeuronSteps += uint64(len(counts))
		r.stats.SynapticOperations += operations
		if r.opt.Recorder != nil {
			r.opt.Recorder.Observe(s.Neurons.LayerName, spike.Steps, s.Out, counts, operations)
		}
		from = counts
	}
	to := r.out.Step(step)
	copy(to, from)
	if r.opt.OnStep != nil {
		return r.opt.OnStep(step, to)
	}
	return nil
}

// emitted takes a layer's spikes of a time. Earlier ones are of a time in which the board idled.
func (r *run) emitted(layer int, time uint32) {
	counts := r.counts[layer]
	clear(counts)
	kept := r.spikes[layer][:0]
	for _, e := range r.spikes[layer] {
		switch {
		case e.time > time:
			kept = append(kept, e)
			continue
		case e.time < time:
			r.lost.Late++
		case counts[e.atom] > 0:
			r.lost.Foreign++
		default:
			counts[e.atom] = 1
		}
		r.room++
	}
	r.spikes[layer] = kept
}

// enter counts which of a step's spikes the board has had, by those that it sent back.
func (r *run) enter(step int) {
	kept := r.echoes[:0]
	clear(r.back)
	for _, e := range r.echoes {
		if e.time > r.times[step] && step < r.steps-1 {
			kept = append(kept, e)
			continue
		}
		r.room++
		mine := r.in.Step(step)[e.atom] > 0
		before := step > 0 && r.in.Step(step - 1)[e.atom] > 0
		if r.back[e.atom] || !mine && !before {
			r.lost.Foreign++
			continue
		}
		r.back[e.atom] = true
		r.entered++
		if !mine || e.time != r.times[step] {
			r.lost.Late++
		}
	}
	r.echoes = kept
}

// settle takes account of what was lost.
func (r *run) settle(before []uint32, foreign uint64) error {
	after, err := r.board.link.sent(r.ctx, r.bound.tags)
	if err != nil {
		return err
	}
	for range len(r.board.link.spikes) { // those that came before the boards' word
		r.take(<-r.board.link.spikes)
	}
	var sent uint64
	for i := range after {
		sent += uint64(after[i] - before[i])
	}
	r.lost.LostOut = sent - min(sent, r.received)
	r.lost.LostIn = r.sent - min(r.sent, r.entered)
	r.lost.Foreign += r.board.link.foreign.Load() - foreign
	r.lost.Idle = uint64(r.times[r.steps-1]) + 1 - uint64(r.steps)
	r.seen.BoardSteps = int(r.times[len(r.times)-1]) + 1
	return nil
}
