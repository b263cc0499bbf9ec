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
// of it. So channels lie in the order of the contrast that they need, and in each tile the last pairs of registers, in which no neuron can have
// a current that makes it fire, are left out.
type vnniDriver struct {
	conv      *vnniInt8
	pairs     int       // of registers of 16 channels
	order     []uint8   // [maxDriven]: where a channel lies
	weights   []int8    // [pair][group][2][16][4]
	scaleBias []float32 // [pair][2][2][16]
	bounds    []float32 // [register][3][16], see driveChannel
	inputs    uint64    // of two pixels, a bit each
	most      float32   // that a current can be
}

// maxDriven is how many channels can be put in order at once.
const maxDriven = 128

// drivenPixels is how many pixels a tile has.
const drivenPixels = 8

// noCurrent is the bias of channels that there are not: their neurons stay below any threshold.
const noCurrent = -1e30

// driveChannel is one of a driver's channels. Its currents are above the silent ones only if ofHighest times the highest and ofLowest times the
// lowest input under a window are together above enough.
type driveChannel struct {
	from                int
	ofHighest, ofLowest int
	enough              int
	contrast            float64 // between these two that is needed, where the lowest is middling
	most                float32 // that a current can be
}

const middling = 100

// newDriveChannel is for the weights of channel o and currents that are silent up to some, or says that they cannot be bounded exactly.
func newDriveChannel(c *Int8Conv, weights []int8, o int, silent float32) (d driveChannel, ok bool) {
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
	d.enough = first - 1 + sort.Search(last-first+1, func(i int) bool { return current(first+i) > silent })
	d.contrast = math.Inf(1)
	if need := float64(d.enough - (d.ofHighest+d.ofLowest)*middling); d.ofHighest > 0 {
		d.contrast = need / float64(d.ofHighest)
	} else if need < 0 {
		d.contrast = math.Inf(-1)
	}
	return d, true
}

// newDriver is nil for all but first layers, which have nearly all of the neurons, and where it would not be exact.
func (p *vnniInt8) newDriver(silent float32) *vnniDriver {
	c, l, weights := p.Int8Conv, &p.layout, p.first
	out := c.window.Out.C
	if weights == nil || out > maxDriven {
		return nil
	}
	d := &vnniDriver{conv: p, pairs: (out + 31) / 32, order: make([]uint8, maxDriven), inputs: (1<<l.run - 1) * (1 + 1<<gatherStride)}
	channels := make([]driveChannel, out)
	for o := range channels {
		var ok bool
		if channels[o], ok = newDriveChannel(c, weights, o, silent); !ok {
			return nil
		}
		d.most = max(d.most, channels[o].most)
	}
	slices.SortStableFunc(channels, func(a, b driveChannel) int { return cmp.Compare(a.contrast, b.contrast) })
	n := 32 * d.pairs
	d.weights, d.scaleBias, d.bounds = aligned[int8](n*l.groups*4), aligned[float32](2*n), aligned[float32](3*n)
	for at := range n {
		pair, register, lane := at/32, at/16, at%16
		scale, bounds := d.scaleBias[64*pair+16*(register%2)+lane:], d.bounds[48*register+lane:]
		if at >= out {
			scale[32] = noCurrent
			continue
		}
		channel := &channels[at]
		o := channel.from
		d.order[o] = uint8(at)
		for i := range l.run {
			d.weights[((pair*l.groups+i/4)*2+register%2)*64+4*lane+i%4] = weights[i*out+o]
		}
		scale[0], scale[32] = c.scale[o], c.bias[o]
		bounds[0], bounds[16], bounds[32] = float32(channel.ofHighest), float32(channel.ofLowest), float32(channel.enough)
	}
	return d
}

// tiles of a row.
func (d *vnniDriver) tiles() int { return (d.conv.window.Out.W + drivenPixels - 1) / drivenPixels }

// stride is how many neurons a pixel has.
func (d *vnniDriver) stride() int { return 32 * d.pairs }

// row is how many neurons a row has, with those of pixels that fill its last tile.
func (d *vnniDriver) row() int { return d.tiles() * drivenPixels * d.stride() }

// awake gathers the inputs of row y, and finds for each tile how many pairs may fire.
func (d *vnniDriver) awake(pairs []uint8, src []uint8, y int, ws *Workspace) (from []uint8) {
	from = d.conv.layout.open(&d.conv.window, src, y, ws).src
	_ = from[d.tiles()*drivenPixels*gatherStride-1]
	tilesAwakeAVX512(&pairs[0], &from[0], d.inputs, d.tiles(), &d.bounds[0], d.pairs)
	return from
}

// beyond calls f for what the pixels beyond the row in its last tile have, whose inputs are what there was in memory.
func (d *vnniDriver) beyond(row []uint8, pairs uint8, f func(neurons []uint8)) {
	for x := d.conv.window.Out.W; x < d.tiles()*drivenPixels; x++ {
		f(row[x*d.stride():][:32*int(pairs)])
	}
}

// vnniDriven is for neurons along rows.
type vnniDriven struct {
	*vnniDriver
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
	if !(dt > 0) || len(start) > maxNeurons {
		return nil
	}
	d, c := p.newDriver(0), p.window.Out.C
	if d == nil || !(float32(d.most*dt) < MaxCount-1) {
		return nil
	}
	s := &vnniDriven{d, dt, aligned[float32](d.row())}
	for i, v := range start {
		if !(v >= 0 && v < 1) {
			return nil
		}
		s.start[i/c*d.stride()+int(d.order[i%c])] = v
	}
	return s
}

// drive keeps the voltages of neurons without a current: they are silent.
func (d *vnniDriven) drive(dst []uint8, src []uint8, y, rows int, ws *Workspace) (spikes uint64) {
	w, tiles, stride, size := &d.conv.window, d.tiles(), d.stride(), d.row()
	r, ok := ws.driving.(*drivenRoom)
	if !ok || len(r.v) != size || len(r.awake) != 2*tiles {
		r = &drivenRoom{aligned[float32](size), aligned[uint8](2 * size), make([]uint8, 2*tiles), aligned[int32](32 * drivenPixels)}
		ws.driving = r
	}
	if y == 0 {
		copy(r.v, d.start)
	}
	for i := range rows {
		awake, counts := r.awake[i*tiles:][:tiles], r.counts[i*size:][:size]
		from := d.awake(awake, src, y+i, ws)
		spikes += uint64(driveTilesVNNI(&counts[0], &r.v[0], &awake[0], &from[0], &d.weights[0], &d.scaleBias[0], &r.sums[0], 4*stride, stride, d.conv.layout.groups, tiles, d.dt))
		d.beyond(counts, awake[tiles-1], func(neurons []uint8) {
			for _, n := range neurons {
				spikes -= uint64(n)
			}
		})
	}
	if pooled := w.Out.W / 2; rows == 2 && pooled > 0 {
		_ = dst[pooled*w.Out.C-1]
		poolCountsAVX512(&dst[0], &r.counts[0], &r.awake[0], &d.order[0], w.Out.C, stride, size, tiles, pooled)
	}
	return spikes
}
