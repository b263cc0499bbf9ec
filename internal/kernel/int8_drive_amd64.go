//go:build !purego

package kernel

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// vnniDriver is a first layer that drives spiking neurons.
//
// Most of a picture is nearly even, and there most channels have no current: the lowest and the highest input of a tile bound what comes
// of it. So channels lie in the order of the contrast that they need, and in each tile the last pairs of registers, in which no neuron can have a
// current, are left out. A neuron without one keeps its voltage and is silent.
type vnniDriver struct {
	pairs     int       // of registers of 16 channels
	order     []uint8   // [maxDriven]: where a channel lies
	weights   []int8    // [pair][group][2][16][4]
	scaleBias []float32 // [pair][2][2][16]
	bounds    []float32 // [register][3][16], see driveChannel
	inputs    uint64    // of two pixels, a bit each
	current   float32   // the most that an output can be
}

// maxDriven is how many channels can be put in order at once.
const maxDriven = 128

// drivenPixels is how many pixels a tile has.
const drivenPixels = 8

// driveChannel is one of a driver's channels, of which a current is above 0 only if ofHighest times the highest and ofLowest times the lowest
// input of a window are together above enough.
type driveChannel struct {
	from                int
	ofHighest, ofLowest int
	enough              int
	contrast            float64 // between these two that is needed, where the lowest is middling
	most                float32 // that a current can be
}

const middling = 100

// newDriveChannel is for the weights of channel o, or says that they cannot be bounded exactly.
func newDriveChannel(c *Int8Conv, weights []int8, o int) (d driveChannel, ok bool) {
	d.from = o
	scale, bias := c.scale[o], c.bias[o]
	sign := 1
	if scale < 0 {
		sign = -1
	}
	for i := o; i < len(weights); i += len(c.scale) {
		d.ofHighest += max(sign*int(weights[i]), 0)
		d.ofLowest += min(sign*int(weights[i]), 0)
	}
	current := func(bound int) float32 { return float32(float32(sign*bound)*scale) + bias }
	first, last := MaxCount*d.ofLowest, MaxCount*d.ofHighest
	d.most = current(last)
	// The bounds are computed in float32, which has every whole number up to here.
	if last-first >= 1<<24 || d.most-d.most != 0 || current(first)-current(first) != 0 {
		return d, false
	}
	d.enough = first - 1 + sort.Search(last-first+1, func(i int) bool { return current(first+i) > 0 })
	d.contrast = math.Inf(1)
	if need := float64(d.enough - (d.ofHighest+d.ofLowest)*middling); d.ofHighest > 0 {
		d.contrast = need / float64(d.ofHighest)
	} else if need < 0 {
		d.contrast = math.Inf(-1)
	}
	return d, true
}

// newVNNIDriver is nil for all but first layers, which have nearly all of the neurons.
func newVNNIDriver(c *Int8Conv, l *int8Layout, weights []int8) *vnniDriver {
	out := c.window.Out.C
	if l.gatherer == nil || out > maxDriven {
		return nil
	}
	d := &vnniDriver{pairs: (out + 31) / 32, order: make([]uint8, maxDriven), inputs: (1<<l.run - 1) * (1 + 1<<gatherStride)}
	channels := make([]driveChannel, out)
	for o := range channels {
		var ok bool
		if channels[o], ok = newDriveChannel(c, weights, o); !ok {
			return nil
		}
		d.current = max(d.current, channels[o].most)
	}
	slices.SortStableFunc(channels, func(a, b driveChannel) int { return cmp.Compare(a.contrast, b.contrast) })
	n := 32 * d.pairs
	d.weights, d.scaleBias, d.bounds = aligned[int8](n*l.groups*4), aligned[float32](2*n), aligned[float32](3*n)
	for at, channel := range channels {
		o, pair, register, lane := channel.from, at/32, at/16, at%16
		d.order[o] = uint8(at)
		for i := range l.run {
			d.weights[((pair*l.groups+i/4)*2+register%2)*64+4*lane+i%4] = weights[i*out+o]
		}
		scale := d.scaleBias[64*pair+16*(register%2)+lane:]
		scale[0], scale[32] = c.scale[o], c.bias[o]
		bounds := d.bounds[48*register+lane:]
		bounds[0], bounds[16], bounds[32] = float32(channel.ofHighest), float32(channel.ofLowest), float32(channel.enough)
	}
	return d
}

// vnniDriven is a vnniDriver for neurons with a start.
type vnniDriven struct {
	*vnniDriver
	conv  *vnniInt8
	dt    float32
	start []float32 // [W][pair][2][16]
}

// drivenRoom is the memory of a run.
type drivenRoom struct {
	v      []float32 // [W][pair][2][16]
	counts []uint8   // likewise, of two rows
	awake  []uint8   // by row and tile: pairs
	sums   []int32   // of a pair
}

func (p *vnniInt8) driver(dt float32, start []float32) driven {
	d, c, width := p.drives, p.window.Out.C, p.window.Out.W
	if d == nil || !(dt > 0) || !(float32(d.current*dt) < MaxCount-1) || len(start) > maxNeurons {
		return nil
	}
	n := 32 * d.pairs
	s := &vnniDriven{d, p, dt, aligned[float32]((width + drivenPixels - 1) / drivenPixels * drivenPixels * n)}
	for i, v := range start {
		if !(v >= 0 && v < 1) {
			return nil
		}
		s.start[i/c*n+int(d.order[i%c])] = v
	}
	return s
}

func (d *vnniDriven) drive(dst []uint8, src []uint8, y, rows int, ws *Workspace) (spikes uint64) {
	w, l := &d.conv.window, &d.conv.layout
	tiles, stride, size := (w.Out.W+drivenPixels-1)/drivenPixels, 32*d.pairs, len(d.start)
	r, ok := ws.driving.(*drivenRoom)
	if !ok || len(r.v) != size || len(r.awake) != 2*tiles {
		r = &drivenRoom{aligned[float32](size), aligned[uint8](2 * size), make([]uint8, 2*tiles), aligned[int32](32 * drivenPixels)}
		ws.driving = r
	}
	if y == 0 {
		copy(r.v, d.start)
	}
	for i := range rows {
		awake, counts, from := r.awake[i*tiles:], r.counts[i*size:], l.open(w, src, y+i, ws).src
		_ = from[tiles*drivenPixels*gatherStride-1]
		tilesAwakeAVX512(&awake[0], &from[0], d.inputs, tiles, &d.bounds[0], d.pairs)
		spikes += uint64(driveTilesVNNI(&counts[0], &r.v[0], &awake[0], &from[0], &d.weights[0], &d.scaleBias[0], &r.sums[0], 4*stride, stride, l.groups, tiles, d.dt))
		// A last tile's pixels beyond the row have what there was in memory for inputs.
		for x := w.Out.W; x < tiles*drivenPixels; x++ {
			for _, n := range counts[x*stride:][:32*int(awake[tiles-1])] {
				spikes -= uint64(n)
			}
		}
	}
	if pooled := w.Out.W / 2; rows == 2 && pooled > 0 {
		_ = dst[pooled*w.Out.C-1]
		poolCountsAVX512(&dst[0], &r.counts[0], &r.awake[0], &d.order[0], w.Out.C, stride, size, tiles, pooled)
	}
	return spikes
}
