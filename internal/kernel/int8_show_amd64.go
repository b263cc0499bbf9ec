//go:build !purego

package kernel

import (
	"math"
	"math/bits"
	"sort"
)

// vnniShown is for neurons that are shown the same currents for some steps.
type vnniShown struct {
	*vnniDriver
	n     LIF
	start float32
}

// shownRoom is the memory of a run.
type shownRoom struct {
	bits   []uint8 // [plane][2 rows][W][pair][2][16]: 8 steps' spikes
	awake  []uint8 // by row and tile: pairs
	steps  int
	silent float32 // up to which current no neuron fires in so many steps
	of     *vnniShown
}

func (p *vnniInt8) shower(n LIF, start float32, steps int) shown {
	if !(n.Decay > 0 && n.Decay <= 1) || !(start < n.Threshold) || steps < 1 || steps*p.window.Out.W*p.window.Out.C > maxNeurons {
		return nil
	}
	d := p.newDriver(n.silent(start, steps))
	if d == nil {
		return nil
	}
	return &vnniShown{d, n, start}
}

// silent is the highest current in which a neuron does not fire in so many steps.
func (n LIF) silent(start float32, steps int) float32 {
	fires := func(current float32) bool {
		u := start
		for range steps {
			if u = float32(n.Decay*u) + current; u >= n.Threshold {
				return true
			}
		}
		return false
	}
	// In the order of finite numbers, of which those below zero come first.
	number := func(i int) float32 {
		if i -= 1<<31 - 1<<23; i < 0 {
			return -math.Float32frombits(uint32(-i))
		}
		return math.Float32frombits(uint32(i))
	}
	return number(sort.Search(1<<32-2<<23, func(i int) bool { return fires(number(i)) }) - 1)
}

func (d *vnniShown) show(dst []uint8, src []uint8, y, rows, steps int, ws *Workspace) (spikes uint64) {
	w, tiles, stride, size := &d.conv.window, d.tiles(), d.stride(), d.row()
	planes := (steps + 7) / 8
	r, ok := ws.driving.(*shownRoom)
	if !ok || len(r.bits) < 2*planes*size || len(r.awake) != 2*tiles {
		r = &shownRoom{bits: aligned[uint8](2 * planes * size), awake: make([]uint8, 2*tiles)}
		ws.driving = r
	}
	if r.of != d || r.steps != steps {
		r.of, r.steps, r.silent = d, steps, d.n.silent(d.start, steps)
	}
	run := driveStepsSubtractVNNI
	if d.n.ResetToZero {
		run = driveStepsZeroVNNI
	}
	for i := range rows {
		awake := r.awake[i*tiles:][:tiles]
		from := d.awake(awake, src, y+i, ws)
		spikes += uint64(run(&r.bits[i*size], &awake[0], &from[0], &d.weights[0], &d.scaleBias[0], stride, 2*size, d.conv.layout.groups, tiles, steps, d.n.Decay, d.n.Threshold, d.start, r.silent))
		for plane := range planes {
			d.beyond(r.bits[(2*plane+i)*size:][:size], awake[tiles-1], func(neurons []uint8) {
				for _, fired := range neurons {
					spikes -= uint64(bits.OnesCount8(fired))
				}
			})
		}
	}
	if pooled := w.Out.W / 2; rows == 2 && pooled > 0 {
		whole := w.Out.H / 2 * pooled * w.Out.C
		at := y / 2 * pooled * w.Out.C
		_ = dst[steps*whole-1]
		for plane := range planes {
			poolStepsAVX512(&dst[8*plane*whole+at], &r.bits[2*plane*size], &r.awake[0], &d.order[0], w.Out.C, stride, size, tiles, pooled, min(8, steps-8*plane), whole)
		}
	}
	return spikes
}
