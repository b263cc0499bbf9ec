//go:build !purego

package kernel

import (
	"sync"
	"sync/atomic"
)

// listedSteps are the maps of several steps by the lists of a vnniKept, each map with its own.
type listedSteps struct {
	kept      vnniKept
	steps     int
	workspace Workspace
}

// maxListed bounds what is kept of the maps of all steps, and their lists, in bytes.
const maxListed = 4 << 20

// open lists the maps of all steps, or says that this would not pay. The work is about how many multiplications rows then does.
func (e *listedSteps) open(p *vnniInt8, src []uint8, steps int) (work int, pays bool) {
	w := &p.window
	if e.steps = steps; !e.kept.choose(w, src, steps) {
		return 0, false
	}
	var lists groupLists
	rows, n := (w.Out.H-1)*w.SH+w.KH, len(e.kept.kept)
	if !lists.fit(w, n) || steps*(w.In.H*w.In.W*n+2*rows*lists.tiles*lists.stride) > maxListed {
		return 0, false
	}
	for t := range steps {
		work += e.kept.arrange(w, t, src[t*w.In.Len():][:w.In.Len()])
	}
	e.kept.take(p)
	registers := 0
	for _, b := range p.blocks {
		registers += b.registers
	}
	// The narrow channels take all inputs, a register of them at a time.
	narrow := steps * w.Out.H * w.Out.W * e.kept.dense.around.rows * e.kept.dense.around.groups * p.narrow.registers
	return work*w.KH/w.SH*pixelsListed*registers + narrow, true
}

func (e *listedSteps) rows(dst []float32, y int) {
	k := &e.kept
	w := &k.conv.window
	n := w.Out.W * w.Out.C
	for t := range e.steps {
		m, row := &k.maps[t], dst[t*n:][:n]
		if m.listed {
			k.byLists(row, m.counts, &m.lists, y, &e.workspace)
		} else {
			k.dense.row(row, m.counts, y, &e.workspace)
		}
	}
}

func (e *listedSteps) fire([]uint8, Graded, float32) (uint64, bool) { return 0, false }

// ways are how a layer's steps are taken: by events, by lists, which order the channels first, or step by step. The channels of a network
// that was trained for it lie so that groups are silent together, and then events are fewer; otherwise lists are. A picture is now and then
// tried both ways: the first, the second, the fourth and so on, and later one in many.
type ways struct {
	pictures atomic.Uint32
	lists    atomic.Bool
}

// trialEvery is after how many pictures the ways are compared again at the latest. A trial takes a fifth of an answer of spikeray.
const trialEvery = 1024

// trial says whether to try both ways for the next picture.
func (w *ways) trial() bool {
	n := w.pictures.Add(1)
	return n&(n-1) == 0 || n%trialEvery == 0
}

// listings are for trials: what loses one need not be kept beside every memory.
var listings = sync.Pool{New: func() any { return new(listedSteps) }}

func (p *vnniInt8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	if p.events == nil || !p.lists() {
		return p.events.listen(src, steps, memory)
	}
	if !p.ways.trial() {
		if !p.ways.lists.Load() {
			return p.events.listen(src, steps, memory)
		}
		lists, ok := memory.lists.(*listedSteps)
		if !ok {
			lists = new(listedSteps)
			memory.lists = lists
		}
		if _, pays := lists.open(p, src, steps); pays {
			return lists, p.messages(src, steps)
		}
		return nil, 0
	}
	w := &p.window
	found, messages := p.events.listen(src, steps, memory)
	lists, kept := memory.lists.(*listedSteps)
	if !kept {
		lists = listings.Get().(*listedSteps)
	}
	work, pays := lists.open(p, src, steps)
	least := int(denseWorth * float64(steps*w.In.H*w.In.W*((w.In.C+3)/4))) // events, where they are too many
	if found != nil {
		least = found.(*opened512).events()
	}
	better := pays && work < p.events.work(least)
	p.ways.lists.Store(better)
	if better {
		memory.lists = lists
		if found == nil {
			messages = p.messages(src, steps)
		}
		return lists, messages
	}
	if !kept {
		listings.Put(lists)
	}
	return found, messages
}

// events are those of all steps: an event of a pair is one of each.
func (e *opened512) events() (n int) {
	for i, events := range e.zeros {
		n += events * min(2, e.steps-2*i)
	}
	return n
}

// work is about how many multiplications so many events are.
func (p *events512) work(events int) int {
	w := &p.conv.window
	return events * w.KH * w.KW / (w.SH * w.SW) * p.all.registers
}

// messages are those of maps of several steps, as Open has them.
func (p *vnniInt8) messages(src []uint8, steps int) (sum uint64) {
	w := &p.window
	row := w.In.W * w.In.C
	for range steps {
		for _, fan := range p.cover.rows {
			sum += messagesOf(nonzero512, src[:row], w.In.C, p.cover.columns) * uint64(fan)
			src = src[row:]
		}
	}
	return sum
}
