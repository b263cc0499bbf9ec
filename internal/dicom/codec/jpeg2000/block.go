package jpeg2000

import "math/bits"

// Styles of code-blocks, table A.19.
const (
	styleBypass      = 1 << iota // significance and refinement passes are raw from the fifth bit-plane on
	styleReset                   // contexts are reset after each pass
	styleTerminate               // each pass ends its segment
	styleCausal                  // samples of the next stripe count as insignificant
	stylePredictable             // how the encoder ends segments, which a decoder need not know
	styleSymbols                 // four symbols end each cleanup pass
)

// The state of a column of four samples, one above the other, is a word of 64 bits. Those of the four samples are three
// bits apart, so that a shift by 3j brings sample j where sample 0 is.
//
// Bits 0 to 17 say which of 6 rows of 3 samples are significant: the four rows of the column, the one above and the one
// below, each with its neighbours left and right. After the shift, bits 0 to 8 are the 3 by 3 samples around the sample
// and bit 4 is the sample itself. Bits 32 to 49 say which of those are negative.
const (
	self    = 1 << 4
	visited = 1 << 18 // by the significance pass of this bit-plane
	refined = 1 << 19 // at least once
	absent  = 1 << 20 // below the code-block's last row

	column     = 1<<0 | 1<<3 | 1<<6 | 1<<9 // the four samples' first bits
	neighbours = 0x1FF &^ self
	anyRow     = 1<<18 - 1
	signs      = 32
)

// maxPlanes is how many bit-planes fit the decoded samples, beside their sign and half a unit.
const maxPlanes = 30

// blockDecoder decodes code-blocks, T.800 annex D, one after the other with the same memory.
type blockDecoder struct {
	arithmetic
	contexts contexts
	zero     *[512]uint8

	width, stripes int
	causal         bool
	// states has the words of the columns, [stripes+2][width+2], with an empty border.
	states []uint64
	// samples has the magnitudes, in half units, with the sign in the highest bit: [stripes][width][4].
	samples []uint32
}

// prepare makes an empty code-block.
func (d *blockDecoder) prepare(width, height int, style uint8, orientation int) {
	d.width, d.stripes = width, (height+3)/4
	d.causal = style&styleCausal != 0
	d.zero = &zeroCoding[orientation]
	d.states = cleared(d.states, (d.stripes+2)*(width+2))
	d.samples = cleared(d.samples, 4*d.stripes*width)
	if rows := height & 3; rows != 0 {
		mask := uint64(column) << (3 * rows) & column * absent
		last := d.states[d.stripes*(width+2)+1:][:width]
		for i := range last {
			last[i] = mask
		}
	}
	d.contexts.reset()
}

// decode decodes the passes of a code-block, one or more, whose first bit-plane is planes-1. Chunks gives the bytes of its
// codeword segments, chunk by chunk, with how many passes each is of.
func (d *blockDecoder) decode(passes, planes int, style uint8, chunks func() (data []byte, passes int)) error {
	if planes < 1 || passes > 3*planes-2 {
		return damaged("a code-block has %d coding passes for %d bit-planes", passes, planes)
	}
	if planes > maxPlanes {
		return unsupported("code-blocks of %d bit-planes, more than %d", planes, maxPlanes)
	}
	for pass := 0; pass < passes; {
		most := segmentPasses(style, pass)
		d.segment.reset()
		end := pass
		for end-pass < most && end < passes {
			data, n := chunks()
			if !d.segment.add(data) {
				return damaged("a code-block of more than %d bytes", 4*maxSegmentWords)
			}
			end += n
		}
		d.segment.end()
		raw := rawPass(style, pass)
		if !raw {
			d.arithmetic.start()
		}
		for ; pass < end; pass++ {
			// The first pass is a cleanup pass, then come three for each bit-plane.
			if err := d.pass((pass+2)%3, uint(planes-1-(pass+2)/3), raw, style); err != nil {
				return err
			}
		}
	}
	return nil
}

// segmentPasses is how many passes share a codeword segment that begins with a pass, D.6 and D.4.2.
func segmentPasses(style uint8, pass int) int {
	switch {
	case style&styleTerminate != 0:
		return 1
	case style&styleBypass == 0:
		return 3 * maxPlanes * 2
	case pass < 10:
		return 10 - pass
	case pass%3 == 1: // a significance pass, and the refinement after it
		return 2
	}
	return 1
}

// rawPass tells whether a pass is not arithmetically coded, table D.9.
func rawPass(style uint8, pass int) bool {
	return style&styleBypass != 0 && pass >= 10 && (pass+2)%3 != 2
}

func (d *blockDecoder) pass(kind int, plane uint, raw bool, style uint8) error {
	switch {
	case kind == 0 && raw:
		d.rawSignificance(plane)
	case kind == 0:
		d.significance(plane)
	case kind == 1 && raw:
		d.rawRefinement(plane)
	case kind == 1:
		d.refinement(plane)
	default:
		d.cleanup(plane)
		if style&styleSymbols != 0 {
			if symbols := d.uniform()<<3 | d.uniform()<<2 | d.uniform()<<1 | d.uniform(); symbols != 0xA {
				return damaged("a code-block's segmentation symbol is %X, not A", symbols)
			}
		}
	}
	if style&styleReset != 0 {
		d.contexts.reset()
	}
	return nil
}

// symbol decodes one symbol.
func (d *blockDecoder) symbol(context *probability) uint32 {
	d.spare -= context.qe
	symbol := context.mps
	if d.spare < 0 {
		d.spare, symbol = d.settle(context, d.spare)
	}
	return symbol
}

func (d *blockDecoder) uniform() uint32 { return d.symbol(&d.contexts[uniform]) }

// significance is the significance propagation pass, D.3.1.
func (d *blockDecoder) significance(plane uint) {
	spare, zero, value := d.spare, d.zero, uint32(3)<<plane
	for stripe := range d.stripes {
		at := (stripe+1)*(d.width+2) + 1
		for x := range d.width {
			f := d.states[at+x]
			if f&anyRow == 0 {
				continue
			}
			samples := d.at(stripe, x)
			// Rows with a significant sample among three, then three rows of those.
			low := uint32(f)
			rows := low | low>>1 | low>>2
			open := ^(low>>4 | low>>20) & column
			todo := (rows | rows>>3 | rows>>6) & open
			for todo != 0 {
				t := uint(bits.TrailingZeros32(todo)) & 31
				todo &= todo - 1
				context := &d.contexts[zero[uint32(f>>t)&0x1FF]&31]
				spare -= context.qe
				symbol := context.mps
				if spare < 0 {
					spare, symbol = d.settle(context, spare)
				}
				f |= visited << t
				if symbol != 0 {
					spare, f = d.appear(spare, at+x, samples, t, f, value)
					todo |= 8 << t & open
				}
			}
			d.states[at+x] = f
		}
	}
	d.spare = spare
}

// refinement is the magnitude refinement pass, D.3.3.
func (d *blockDecoder) refinement(plane uint) {
	spare, half := d.spare, uint32(1)<<plane
	for stripe := range d.stripes {
		at := (stripe+1)*(d.width+2) + 1
		for x, f := range d.states[at:][:d.width] {
			todo := uint32(f>>4&^(f>>18)) & column
			if todo == 0 {
				continue
			}
			samples := d.at(stripe, x)
			for todo != 0 {
				t := uint(bits.TrailingZeros32(todo)) & 31
				todo &= todo - 1
				n := uint32(f >> t)
				which := uint32(firstRefinement)
				if n&neighbours != 0 {
					which = firstRefinement + 1
				}
				if n&refined != 0 {
					which = firstRefinement + 2
				}
				context := &d.contexts[which&31]
				spare -= context.qe
				symbol := context.mps
				if spare < 0 {
					spare, symbol = d.settle(context, spare)
				}
				f |= refined << t
				samples[row(t)] += 2*half*symbol - half
			}
			d.states[at+x] = f
		}
	}
	d.spare = spare
}

// cleanup is the cleanup pass, D.3.4.
func (d *blockDecoder) cleanup(plane uint) {
	spare, zero, value := d.spare, d.zero, uint32(3)<<plane
	for stripe := range d.stripes {
		at := (stripe+1)*(d.width+2) + 1
		for x := range d.width {
			f, samples := d.states[at+x], d.at(stripe, x)
			low := uint32(f)
			todo := ^(low>>4 | low>>18 | low>>20) & column
			if f == 0 {
				context := &d.contexts[runLength]
				spare -= context.qe
				symbol := context.mps
				if spare < 0 {
					spare, symbol = d.settle(context, spare)
				}
				if symbol == 0 {
					continue
				}
				d.spare = spare
				t := uint(3 * (d.uniform()<<1 | d.uniform()))
				spare, f = d.appear(d.spare, at+x, samples, t, f, value)
				todo &= ^uint32(0) << (t + 1)
			}
			for todo != 0 {
				t := uint(bits.TrailingZeros32(todo)) & 31
				todo &= todo - 1
				context := &d.contexts[zero[uint32(f>>t)&0x1FF]&31]
				spare -= context.qe
				symbol := context.mps
				if spare < 0 {
					spare, symbol = d.settle(context, spare)
				}
				if symbol != 0 {
					spare, f = d.appear(spare, at+x, samples, t, f, value)
				}
			}
			d.states[at+x] = f &^ (column * visited)
		}
	}
	d.spare = spare
}

// at is the samples of a column.
func (d *blockDecoder) at(stripe, x int) *[4]uint32 {
	return (*[4]uint32)(d.samples[4*(stripe*d.width+x):])
}

// row is t/3.
func row(t uint) uint { return t * 11 >> 5 & 3 }

// appear decodes the sign of the sample at shift t of a column, D.3.2, and makes it significant.
func (d *blockDecoder) appear(spare int64, at int, samples *[4]uint32, t uint, f uint64, value uint32) (int64, uint64) {
	code := signCoding[f>>t&0xAA|f>>(t+signs)&0xAA>>1]
	context := &d.contexts[code&31]
	spare -= context.qe
	symbol := context.mps
	if spare < 0 {
		spare, symbol = d.settle(context, spare)
	}
	return spare, d.set(at, samples, t, f, value, symbol^uint32(code>>7))
}

// set makes a sample significant, and known to its neighbours. The column's word is returned, not stored.
func (d *blockDecoder) set(at int, samples *[4]uint32, t uint, f uint64, value, negative uint32) uint64 {
	stride := d.width + 2
	samples[row(t)] = value | negative<<31
	one := 1 | uint64(negative)<<signs
	here := one << (t & 31)
	d.states[at-1] |= here << 5
	d.states[at+1] |= here << 3
	if t == 0 && !d.causal {
		above := d.states[at-stride-1:][:3]
		above[0] |= one << 17
		above[1] |= one << 16
		above[2] |= one << 15
	}
	if t == 9 {
		below := d.states[at+stride-1:][:3]
		below[0] |= one << 2
		below[1] |= one << 1
		below[2] |= one
	}
	return f | here<<4
}
