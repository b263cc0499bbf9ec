//go:build !purego

package kernel

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hasBytes says that bytes can be moved freely within a register.
var hasBytes = cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2

// vnniKept is a vnniInt8 over those of its input channels that are not silent, made anew for every input, which is one map or those of
// several steps. The channels that are active at most pixels come first. So a group of four has channels that are alike in this, and those that
// are active at few pixels are silent together nearly everywhere: there the group is left out as well.
type vnniKept struct {
	conv    Int8Conv
	dense   vnniInt8 // takes all that is kept
	active  []uint16 // by channel: the pixels at which it is not zero
	kept    []int32  // channels as they lie in counts, -1 for one that is always zero
	pieces  keptPieces
	inputs  []int32  // of a kernel row, those that are kept
	weights []int8   // of all blocks
	begins  []uint16 // [piece][KW][16]: where the groups of a kernel row begin
	masks   []uint16 // of a row, [piece][columns]
	maps    []keptMap
}

// keptMap is what is kept of a map, and the lists of its groups, where they leave enough out.
type keptMap struct {
	counts []uint8
	lists  groupLists
	listed bool
}

// So much must be left out, as an estimate, for leaving it out to pay.
const (
	silentWorth   = 1. / 8 // of the channels, or else:
	zeroWorth     = 2. / 3 // of the inputs
	unlistedWorth = 1. / 8 // of the groups
)

func (p *vnniInt8) withoutSilent(src []uint8, ws *Workspace) (*Int8Conv, []uint8) {
	if !p.lists() {
		return p.Int8Conv, src
	}
	w := &p.window
	k, ok := ws.kept.(*vnniKept)
	if !ok {
		k = new(vnniKept)
		ws.kept = k
	}
	if !k.choose(w, src, 1) {
		return p.Int8Conv, src
	}
	k.arrange(w, 0, src)
	k.take(p)
	if k.maps[0].listed {
		k.conv.rows = k
	}
	return &k.conv, k.maps[0].counts
}

// lists says whether something may be left out: many windows must read it, or leaving it out takes longer.
func (p *vnniInt8) lists() bool {
	w := &p.window
	return hasBytes && !p.layout.gathered && w.KH*w.KW >= 4 && w.Out.H*w.Out.W >= 64
}

// choose finds the channels that are kept of some maps, and reports whether it pays.
func (k *vnniKept) choose(w *Window, src []uint8, maps int) bool {
	c, pixels := w.In.C, w.In.H*w.In.W*maps
	k.active = scratch(&k.active, (c+63)/64*64)
	activeChannelsAVX512(&k.active[0], &src[0], c, pixels)
	k.kept, k.pieces = k.kept[:0], keptPieces{places: k.pieces.places[:0], bounds: k.pieces.bounds[:0]}
	loud, sum := 0, 0
	for first := 0; first < c; first += sectionChannels {
		section, start := k.active[first:min(first+sectionChannels, c)], len(k.kept)
		k.kept = byActivity(k.kept, section, int32(first), pixels)
		loud += len(k.kept) - start
		for _, active := range section {
			sum += int(active)
		}
		// A kernel row must be longer than those that are gathered.
		for len(k.kept)%4 != 0 || len(k.kept) < 12 {
			k.kept = append(k.kept, -1)
		}
		k.pieces.add(k.kept[start:], section, first, start)
	}
	if len(k.kept) > (c+3)/4*4 {
		return false
	}
	all := c * min(pixels, maxActive)
	return float64(c-loud) >= silentWorth*float64(c) || float64(all-sum) >= zeroWorth*float64(all)
}

// byActivity appends the channels of a section from the first on that are active at any of the pixels: roughly in order, those that are at most first.
func byActivity(kept []int32, active []uint16, first int32, pixels int) []int32 {
	const classes = 64
	shift := max(0, bits.Len(uint(min(pixels, maxActive)))-bits.Len(classes-1))
	var at [classes + 1]int
	for _, n := range active {
		if n > 0 {
			at[classes-n>>shift]++
		}
	}
	end := len(kept)
	for i, n := range at {
		at[i] = end
		end += n
	}
	kept = append(kept, make([]int32, end-len(kept))...)
	for i, n := range active {
		if n > 0 {
			to := &at[classes-n>>shift]
			kept[*to] = first + int32(i)
			*to++
		}
	}
	return kept
}

// maxActive is up to how many pixels a channel's activity is counted.
const maxActive = 1<<16 - 1

// sectionChannels is how many channels are put in order together: as many as an instruction can choose from.
const sectionChannels = 128

// keptPieces are how arrangeChannelsAVX512 gets the channels that are kept, up to 64 at a time.
type keptPieces struct {
	places []uint8  // [piece][64]
	bounds []uint64 // [piece][6]
}

func (p *keptPieces) n() int { return len(p.places) / 64 }

// add is for what is kept of a section that begins with channel first and is kept from start on.
func (p *keptPieces) add(kept []int32, section []uint16, first, start int) {
	mask := func(n int) uint64 { return 1<<max(n, 0) - 1 }
	silent := sectionChannels - 1 // there is none, and none is read as zero
	if len(section) == sectionChannels {
		for silent > 0 && section[silent] > 0 {
			silent--
		}
	}
	for at := 0; at < len(kept); at += 64 {
		n := min(len(kept)-at, 64)
		for i := range 64 {
			place := silent
			if i < n && kept[at+i] >= 0 {
				place = int(kept[at+i]) - first
			}
			p.places = append(p.places, uint8(place))
		}
		p.bounds = append(p.bounds, mask(len(section)), mask(len(section)-64), mask(n/4), uint64(first), uint64(start+at), mask(n))
	}
}

// groupLists tell for each row of inputs, of padding too, and each tile of pixelsListed outputs which inputs of a kernel row begin a group that is not zero
// under every window of the tile.
type groupLists struct {
	tiles, stride int // of a row; elements of a list
	lists         []uint16
}

const pixelsListed = 6

// fit lays out the lists of a window over n channels, unless they would take more than twice the input, and a little.
func (l *groupLists) fit(w *Window, n int) bool {
	rows := (w.Out.H-1)*w.SH + w.KH
	l.tiles = (w.Out.W + pixelsListed - 1) / pixelsListed
	l.stride = 1 + w.KW*n/4 + 16
	return w.KW*n <= 1<<16 && 2*rows*l.tiles*l.stride <= 2*w.In.H*w.In.W*n+4096
}

// row is the lists of row y of inputs.
func (l *groupLists) row(y int) []uint16 { return l.lists[y*l.tiles*l.stride:][:l.tiles*l.stride] }

// arrange copies the channels that are kept of the t-th map, lists their groups, and returns how many there are to multiply with, once for
// each row of a kernel and tile.
func (k *vnniKept) arrange(w *Window, t int, src []uint8) (found int) {
	for len(k.maps) <= t {
		k.maps = append(k.maps, keptMap{})
	}
	m, n := &k.maps[t], len(k.kept)
	l, dst := &m.lists, scratch(&m.counts, w.In.H*w.In.W*n)
	m.counts = dst
	pieces, groups := k.pieces.n(), w.KW*n/4
	rows, columns := (w.Out.H-1)*w.SH+w.KH, (pixelsListed-1)*w.SW+1
	fits := l.fit(w, n)
	if fits {
		l.lists = scratch(&l.lists, rows*l.tiles*l.stride)
	}
	width := ((l.tiles-1)*pixelsListed*w.SW + w.KW + 31) / 32 * 32
	stride := max(width+columns+31, w.PadLeft+w.In.W)
	k.masks = scratch(&k.masks, pieces*stride)
	clear(k.masks)
	k.begins = k.begins[:0]
	for i := range pieces {
		for x := range w.KW {
			for g := range 16 {
				k.begins = append(k.begins, uint16(x*n+int(k.pieces.bounds[6*i+4])+4*g))
			}
		}
	}

	all := 0
	for y := range w.In.H {
		arrangeChannelsAVX512(&dst[y*w.In.W*n], &src[y*w.In.W*w.In.C], &k.masks[w.PadLeft], &k.pieces.places[0], &k.pieces.bounds[0], pieces, 2*stride, n, w.In.C, w.In.W)
		if y+w.PadTop >= rows || !fits {
			continue
		}
		lists := l.row(y + w.PadTop)
		listGroupsAVX512(&lists[0], &k.masks[0], &k.begins[0], pieces, 2*stride, w.KW, l.tiles, 2*l.stride, 2*pixelsListed*w.SW, columns, width)
		for i := range pieces {
			clear(k.masks[i*stride:][:w.PadLeft])
		}
		for i := range l.tiles {
			found += int(lists[i*l.stride])
		}
		all += l.tiles * groups
	}
	if m.listed = fits && float64(all-found) >= unlistedWorth*float64(all); !m.listed {
		return rows * l.tiles * groups
	}
	for y := range rows {
		if inside := y >= w.PadTop && y < w.PadTop+w.In.H; !inside {
			for lists := l.row(y); len(lists) > 0; lists = lists[l.stride:] {
				lists[0] = 0
			}
		}
	}
	return found
}

// take makes the convolution over the channels that are kept. Scales and biases are p's.
func (k *vnniKept) take(p *vnniInt8) {
	n := len(k.kept)
	k.conv = *p.Int8Conv
	w := &k.conv.window
	w.In.C = n
	k.conv.rows = &k.dense
	rows := &k.dense
	rows.Int8Conv = &k.conv
	rows.packed512 = packed512[uint8, int8]{
		layout: newInt8Layout(w, 4), around: newInt8Layout(w, 64),
		blocks: append(rows.blocks[:0], p.blocks...), narrow: p.narrow, spans: p.spans,
	}
	k.inputs = k.inputs[:0]
	for first := 0; first < w.KW*p.window.In.C; first += p.window.In.C {
		for _, channel := range k.kept {
			k.inputs = append(k.inputs, int32(first)+max(channel, 0))
		}
	}
	registers := 0
	for _, b := range p.blocks {
		registers += b.registers
	}
	need := 64 * w.KH * (rows.layout.groups*registers + rows.around.groups*p.narrow.registers)
	if len(k.weights) < need {
		k.weights = aligned[int8](need)
	}
	free := k.weights
	take := func(n int) []int8 {
		taken := free[:n]
		free = free[n:]
		return taken
	}
	for i := range rows.blocks {
		b := &rows.blocks[i]
		all, group := b.weights, 64*b.registers
		b.weights = take(rows.layout.rows * rows.layout.groups * group)
		for r := range w.KH {
			to, from := b.weights[r*rows.layout.groups*group:], all[r*p.layout.groups*group:]
			keepInputsAVX512(&to[0], &from[0], &k.inputs[0], rows.layout.groups, b.registers)
		}
	}
	if b := &rows.narrow; b.registers > 0 {
		rows.layout.slack = max(rows.layout.slack, rows.around.slack)
		all := b.weights
		b.weights = take(rows.around.rows * rows.around.groups * 64 * b.registers)
		clear(b.weights)
		for r := range w.KH {
			for j := range b.registers {
				for to, from := range k.inputs {
					b.weights[b.narrowAt(&rows.around, r, j, to)] = all[b.narrowAt(&p.around, r, j, int(from))]
				}
			}
		}
	}
}

// narrowAt is where the weight of an input of kernel row r lies for the j-th narrow channel.
func (b *int8Block[W]) narrowAt(l *int8Layout, r, j, input int) int {
	return ((r*l.groups+input/64)*b.registers+j)*64 + input%64
}

// listedSpan computes some pixels of a block from the inputs that are listed; strides are in bytes.
type listedSpan func(dst *float32, dstStride int, src *uint8, pixelStride, rowStride int, weights *int8, weightStride int, scale, bias *float32, rows int, lists *uint16, listStride, tileStride, pixels int, tail uint32)

var vnniListed = [...]listedSpan{1: int8ListedVNNI1, 2: int8ListedVNNI2, 3: int8ListedVNNI3, 4: int8ListedVNNI4}

// row is of the first map.
func (k *vnniKept) row(dst []float32, src []uint8, y int, ws *Workspace) {
	k.byLists(dst, src, &k.maps[0].lists, y, ws)
}

// byLists computes row y of the outputs from the groups that are listed.
func (k *vnniKept) byLists(dst []float32, src []uint8, groups *groupLists, y int, ws *Workspace) {
	w, l := &k.conv.window, &k.dense.layout
	v := l.open(w, src, y, ws)
	from, lists := v.src[:l.extent(v.rowStride, w.Out.W)], groups.row(y*w.SH)
	for i := range k.dense.blocks {
		b := &k.dense.blocks[i]
		vnniListed[b.registers](&dst[b.first], 4*w.Out.C, &from[0], l.pixelStride, v.rowStride, &b.weights[0], l.groups*64*b.registers, &b.scale[0], &b.bias[0],
			w.KH, &lists[0], 2*len(lists), 2*groups.stride, w.Out.W, b.tail)
	}
	k.dense.rowNarrow(dst, v.src, v.rowStride, w.Out.C, w.Out.W)
}
