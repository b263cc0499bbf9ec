package radiograph

import (
	"context"
	"fmt"
	"image"
	"math/bits"
	"sync"
)

const (
	sampleValues = 1 << 16
	// few is the share of samples, as a divisor, that either half of the range must hold for 16 bits to be taken for
	// granted. Of 76 chest X-rays the darkest has 1/21 in the upper half; of 5635, two have less than 1/64 in the lower one. A
	// marker burned into a picture of 12 bits is far less.
	few = 64
	// manyLevels is how many different samples must all be 8-bit levels scaled to a depth for that depth to be certain: of
	// the values of 10 bits, the fewest, one in four is such a level.
	manyLevels = 24
)

// depth is how 16-bit samples hold a number: shifted down by shift, it has this many bits.
type depth struct{ bits, shift int }

func (d depth) white() int { return 1<<d.bits - 1 }

// told is what is known of the significant bits of a picture's samples; 0 is unknown.
type told struct {
	caller int // Limits.Bits
	stored int // bits of a sample in the file where these are fewer than 16, and all there can be
	file   int // the file's own word on 16-bit samples, such as PNG's sBIT chunk
}

// bits is what samples are taken to have until they prove otherwise, 0 without a word.
func (t told) bits() int {
	switch {
	case t.caller > 0:
		return t.caller
	case t.stored > 0:
		return t.stored
	case t.file >= 8 && t.file < 16:
		return t.file
	}
	return 0
}

// histogram counts the samples of a picture.
type histogram struct {
	count                        [sampleValues]uint32
	total                        int
	darkest, brightest, distinct int
}

// histogramBytes is its size.
const histogramBytes = 4 * sampleValues

var histograms = sync.Pool{New: func() any { return new(histogram) }}

// settleDepth brings a picture of 16-bit samples, as stored, to the full range: 65535 is white. A picture whose samples are
// all levels of 8 bits, scaled to the depth, becomes that 8-bit picture. It works in the picture's own memory. The warning is
// empty where there is nothing to say.
//
// Whether a picture that leaves the upper half of the range empty is dark or has fewer bits cannot be seen in it, nor whether
// one that leaves the lower half empty is bright or holds signed numbers moved up, and the difference decides the answer. So it
// is refused until somebody says which, but for two cases: samples that are all 8-bit levels, which give away the depth that
// they were scaled to, and a file that says it itself.
func settleDepth(ctx context.Context, p *image.Gray16, t told) (image.Image, string, error) {
	h := histograms.Get().(*histogram)
	defer histograms.Put(h)
	if err := h.of(ctx, p); err != nil {
		return nil, "", err
	}
	if h.brightest-h.darkest <= flat {
		return p, "", nil // all one grey at any depth, which the caller refuses
	}
	d, warning, err := h.depth(t)
	if err != nil {
		return nil, "", err
	}
	if form := h.form(d); form != nil {
		grey, err := narrow(ctx, p, d, form)
		return grey, warning, err
	}
	if d.bits < 16 {
		err = h.scale(ctx, p, d)
	}
	return p, warning, err
}

// of counts a picture's samples.
func (h *histogram) of(ctx context.Context, p *image.Gray16) error {
	*h = histogram{darkest: sampleValues, total: p.Rect.Dx() * p.Rect.Dy()}
	for y := range p.Rect.Dy() {
		if y%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row := p.Pix[y*p.Stride:][:2*p.Rect.Dx()]
		for ; len(row) >= 2; row = row[2:] {
			h.count[uint16(row[0])<<8|uint16(row[1])]++
		}
	}
	for v, n := range h.count {
		if n > 0 {
			h.darkest, h.brightest = min(h.darkest, v), v
			h.distinct++
		}
	}
	return nil
}

func (h *histogram) depth(t told) (depth, string, error) {
	switch {
	case t.stored > 0 && t.caller > t.stored:
		return depth{}, "", fmt.Errorf("%w: bits=%d, but the file's samples have %d", ErrDepth, t.caller, t.stored)
	case t.stored > 0 && t.caller == 0:
		return depth{t.stored, 0}, "", nil
	case t.caller > 0:
		d, ok := h.fits(t.caller)
		if !ok {
			return d, "", fmt.Errorf("%w: there is a sample of %d, and bits=%d allows at most %d", ErrDepth, h.brightest, t.caller, 1<<t.caller-1)
		}
		return d, "", nil
	}
	// A file whose samples have more bits than it says is read as if it said nothing.
	if t.file >= 8 && t.file < 16 {
		switch d, ok := h.fits(t.file); {
		case ok && d.shift == 0:
			return d, fmt.Sprintf("depth: the file says that its samples have %d bits, and they are in the low bits; scaled to the full range", t.file), nil
		case ok:
			return d, "", nil
		}
	}
	full := depth{16, 0}
	enough := max(h.total/few, 1)
	switch {
	case h.allOf(full, scaled[0]), h.brightest >= sampleValues/2 && h.allOf(full, scaled[shifted]):
		return full, "", nil
	case h.bright() >= enough && h.dark() >= enough:
		return h.spread(), "", nil
	case h.bright() >= enough:
		return depth{}, "", fmt.Errorf("%w: %.2g%% of the 16-bit samples lie in the lower half of their range, as where signed numbers were moved up; "+
			"say bits=16 for a bright picture, or move black to 0", ErrDepth, 100*float64(h.dark())/float64(h.total))
	}
	if d, ok := h.found(); ok {
		return d, fmt.Sprintf("depth: the samples are 8-bit levels scaled to %d bits, and were read as 8 bits", d.bits), nil
	}
	return depth{}, "", fmt.Errorf("%w: %.2g%% of the 16-bit samples lie in the upper half of their range, and nothing says how many bits are significant; "+
		"say it with bits=%d, or bits=16 for a dark picture, or in the file (PNG's sBIT chunk)",
		ErrDepth, 100*float64(h.bright())/float64(h.total), h.likely())
}

// spread is the depth of samples that are spread over the range. Where many have none of the lowest bits, they are numbers of
// fewer bits that were moved up.
func (h *histogram) spread() depth {
	if h.distinct < manyLevels {
		return depth{16, 0}
	}
	set := uint(0)
	for s, n := range h.count {
		if n > 0 {
			set |= uint(s)
		}
	}
	shift := min(bits.TrailingZeros(set), 8)
	return depth{16 - shift, shift}
}

// fits tells whether the samples can be numbers of so many bits, in the low bits or else in the high ones.
func (h *histogram) fits(n int) (depth, bool) {
	if h.brightest < 1<<n {
		return depth{n, 0}, true
	}
	d := depth{n, 16 - n}
	for s, count := range h.count {
		if count == 0 {
			continue
		}
		// Below the significant bits stand zeros, the highest bits again, or what scaling by division left.
		v := s >> d.shift
		if zeros := v << d.shift; s != zeros && s != zeros|v>>max(2*n-16, 0) && s != (v*65535+d.white()/2)/d.white() {
			return d, false
		}
	}
	return d, true
}

// bright counts the samples in the upper half of the range, but for the brightest value, which may be a marker's.
func (h *histogram) bright() int {
	n := 0
	for s := sampleValues / 2; s < h.brightest; s++ {
		n += int(h.count[s])
	}
	return n
}

// dark counts the samples in the lower half of the range, but for the darkest value, which may be a border's.
func (h *histogram) dark() int {
	n := 0
	for s := h.darkest + 1; s < sampleValues/2; s++ {
		n += int(h.count[s])
	}
	return n
}

// likely is the least number of bits, from 8, that hold nearly all samples, but for the brightest value.
func (h *histogram) likely() int {
	above := h.total - int(h.count[h.brightest])
	for s, n := range h.count[:h.brightest] {
		if above -= int(n); above < h.total/few {
			return max(bits.Len(uint(s)), 8)
		}
	}
	return 16
}

// found looks for the one depth below 16 to which all samples are 8-bit levels scaled.
func (h *histogram) found() (found depth, ok bool) {
	if h.distinct < manyLevels {
		return found, false
	}
	for n := 10; n < 16; n++ {
		d := depth{n, 0}
		for i, form := range scaled {
			// Levels shifted up are also levels shifted up further, of a darker picture.
			if i == shifted && h.brightest < 1<<(n-1) {
				continue
			}
			if h.allOf(d, form) {
				if ok && found != d {
					return found, false
				}
				found, ok = d, true
			}
		}
	}
	return found, ok
}

// scaled are the ways in which 8-bit levels are brought to more bits: rounded, cut off, with the highest bits again below,
// and with zeros below.
var scaled = [4]func(level, bits int) int{
	func(level, bits int) int { return (level*(1<<bits-1) + 127) / 255 },
	func(level, bits int) int { return level * (1<<bits - 1) / 255 },
	func(level, bits int) int { return level<<(bits-8) | level>>(16-bits) },
	func(level, bits int) int { return level << (bits - 8) },
}

const shifted = len(scaled) - 1

func (h *histogram) allOf(d depth, form func(level, bits int) int) bool {
	n := 0
	for level := range 256 {
		v := form(level, d.bits)
		for s := v << d.shift; s < (v+1)<<d.shift; s++ {
			n += int(h.count[s])
		}
	}
	return n == h.total
}

// form is the way in which all samples were made of 8-bit levels, nil if there is none.
func (h *histogram) form(d depth) func(level, bits int) int {
	for _, form := range scaled {
		if h.allOf(d, form) {
			return form
		}
	}
	return nil
}

// narrow makes a picture whose samples were all made of 8-bit levels one of these levels, in the memory that it has.
func narrow(ctx context.Context, p *image.Gray16, d depth, form func(level, bits int) int) (*image.Gray, error) {
	var table [sampleValues]uint8
	for level := range 256 {
		v := form(level, d.bits)
		for s := v << d.shift; s < (v+1)<<d.shift; s++ {
			table[s] = uint8(level)
		}
	}
	w := p.Rect.Dx()
	for y := range p.Rect.Dy() {
		if y%64 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		row, out := p.Pix[y*p.Stride:][:2*w], p.Pix[y*w:][:w]
		for x := range out {
			out[x] = table[uint16(row[2*x])<<8|uint16(row[2*x+1])]
		}
	}
	return &image.Gray{Pix: p.Pix[: w*p.Rect.Dy() : w*p.Rect.Dy()], Stride: w, Rect: origin(p.Rect)}, nil
}

// scale brings samples to the range of 16 bits, rounded. The counts are lost.
func (h *histogram) scale(ctx context.Context, p *image.Gray16, d depth) error {
	table := &h.count
	for s := range table {
		table[s] = uint32((min(s>>d.shift, d.white())*65535 + d.white()/2) / d.white())
	}
	for y := range p.Rect.Dy() {
		if y%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row := p.Pix[y*p.Stride:][:2*p.Rect.Dx()]
		for ; len(row) >= 2; row = row[2:] {
			v := table[uint16(row[0])<<8|uint16(row[1])]
			row[0], row[1] = uint8(v>>8), uint8(v)
		}
	}
	return nil
}
