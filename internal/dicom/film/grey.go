package film

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"math"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// white is the grey that a film's whitest pixel can have.
const white = math.MaxUint16

// transformation takes samples to greys, in the order of PS3.4, N.2: modality, then values of interest, then presentation.
type transformation struct {
	image            imageModule
	slope, intercept float64
	modality         *table
	window           *Window // or
	interest         *table  // , which goes before the window
	inverted         bool
	padding          *padding
	warnings         []string
}

// padding is the range of samples that fill up what was not exposed (PS3.3, C.7.5.1.1.2).
type padding struct{ low, high int }

func (t *transformation) warn(format string, args ...any) {
	t.warnings = append(t.warnings, fmt.Sprintf(format, args...))
}

func readTransformation(d *dicom.Dataset, m imageModule) (transformation, error) {
	t := transformation{image: m, slope: 1}
	var err error
	if t.modality, err = readTable(d, dicom.ModalityLUTSequence, m.signed); err != nil {
		return t, fail(ErrDamaged, "%v: %v", dicom.ModalityLUTSequence, err)
	}
	if t.modality == nil {
		t.readRescale(d)
	}
	if t.interest, err = readTable(d, dicom.VOILUTSequence, t.modality == nil && t.negative()); err != nil {
		t.interest = nil
		t.warn("window: %v: %v; it was not used", dicom.VOILUTSequence, err)
	}
	if t.interest == nil {
		var warning string
		if t.window, warning = readWindow(d); warning != "" {
			t.warnings = append(t.warnings, warning)
		}
	}
	t.readPolarity(d)
	t.readPadding(d)
	return t, nil
}

// readRescale reads the slope and intercept of the modality, which go together.
func (t *transformation) readRescale(d *dicom.Dataset) {
	if !d.Has(dicom.RescaleSlope) || !d.Has(dicom.RescaleIntercept) {
		return
	}
	slope, ok := d.Float(dicom.RescaleSlope)
	intercept, okIntercept := d.Float(dicom.RescaleIntercept)
	if !ok || !okIntercept || slope == 0 {
		t.warn("window: %v or %v is no number or 0; they were not used", dicom.RescaleSlope, dicom.RescaleIntercept)
		return
	}
	t.slope, t.intercept = slope, intercept
	if low, high := t.extent(); low == high || math.IsInf(high-low, 0) || math.IsInf(low+high, 0) {
		t.slope, t.intercept = 1, 0
		t.warn("window: %v or %v is too large or too small to tell the samples apart; they were not used", dicom.RescaleSlope, dicom.RescaleIntercept)
	}
}

// negative tells whether values of the modality may be below 0.
func (t *transformation) negative() bool {
	low, high := t.extent()
	return min(low, high) < 0
}

// extent is the values of the modality for the smallest and the largest sample.
func (t *transformation) extent() (float64, float64) {
	if t.modality != nil {
		return 0, t.modality.white
	}
	low, high := 0, t.image.values()-1
	if t.image.signed {
		low, high = -t.image.values()/2, t.image.values()/2-1
	}
	return t.value(low), t.value(high)
}

// value is a sample's value in units of the modality.
func (t *transformation) value(sample int) float64 {
	if t.modality != nil {
		return t.modality.of(float64(sample))
	}
	return float64(float64(sample)*t.slope) + t.intercept // not fused, so the same on every processor
}

// readPolarity reads whether the smallest value is white. The shape of the presentation LUT says the same once more (PS3.3,
// C.8.11.3.1), so that INVERSE and MONOCHROME1 together turn a film over once.
func (t *transformation) readPolarity(d *dicom.Dataset) {
	t.inverted = t.image.white0
	switch shape := d.String(dicom.PresentationLUTShape); {
	case shape == "INVERSE" && !t.inverted:
		t.inverted = true
		t.warn("polarity: the presentation LUT shape is INVERSE and the photometric interpretation MONOCHROME2, which contradict each other; the picture was inverted")
	case shape == "IDENTITY" && t.inverted:
		t.warn("polarity: the presentation LUT shape is IDENTITY and the photometric interpretation MONOCHROME1, which contradict each other; the picture was inverted")
	}
}

func (t *transformation) readPadding(d *dicom.Dataset) {
	low, ok := d.Int(dicom.PixelPaddingValue)
	if !ok {
		return
	}
	high := low
	if limit, ok := d.Int(dicom.PixelPaddingRangeLimit); ok {
		high = limit
	}
	low, high = t.image.cell(low), t.image.cell(high)
	t.padding = &padding{min(low, high), max(low, high)}
}

// cell reads a number of 16 bits as the samples are read, signed or not, whatever its representation was.
func (m imageModule) cell(n int) int {
	if m.signed {
		return int(int16(n))
	}
	return int(uint16(n))
}

func (t *transformation) padded(sample int) bool {
	return t.padding != nil && sample >= t.padding.low && sample <= t.padding.high
}

// of is where a value of the modality lies between black, 0, and white, 1.
func (t *transformation) of(v float64, w Window) float64 {
	if t.interest != nil {
		return min(t.interest.of(v)/t.interest.white, 1)
	}
	return w.of(v)
}

// choose is the window that applies to samples of which there are so many each.
func (t *transformation) choose(counts *histogram) Window {
	switch {
	case t.interest != nil:
		return Window{Function: LUT}
	case t.window != nil:
		return *t.window
	case t.image.stored <= 8:
		low, high := t.extent()
		return between(Full, min(low, high), max(low, high))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for bits, n := range counts {
		if sample := t.image.value(bits); n > 0 && !t.padded(sample) {
			v := t.value(sample)
			low, high = min(low, v), max(high, v)
		}
	}
	if high <= low {
		return Window{Function: Data, Center: low, Width: 1}
	}
	t.warn("window: the object has %d-bit samples and no window; its smallest value was shown as black and its largest as white, or the other way round", t.image.stored)
	return between(Data, low, high)
}

// histogram counts samples by their bits. It has room for any of 16 bits, which spares a check for each.
type histogram [1 << 16]uint32

// greys is the grey of each sample, by its bits.
func (t *transformation) greys(w Window) *[1 << 16]uint16 {
	greys := new([1 << 16]uint16)
	for bits := range t.image.values() {
		sample := t.image.value(bits)
		if t.padded(sample) {
			continue // black
		}
		grey := uint16(math.Round(t.of(t.value(sample), w) * white))
		if t.inverted {
			grey = white - grey
		}
		greys[bits] = grey
	}
	return greys
}

// Shown is a film as a viewer would show it.
type Shown struct {
	// Image is an *image.Gray where all of its greys are those of 8 bits, else an *image.Gray16 on the full range. It is as
	// stored, not turned; see [Film.Orientation].
	Image image.Image
	// Window is what decided on the greys.
	Window Window
	// Inverted tells whether the smallest value is white.
	Inverted bool
	// Warnings say what was unusual in it, each a code, a colon and a sentence.
	Warnings []string
}

// Decode decodes the pixels and applies what the object says of how to show them. It stops within milliseconds when ctx
// ends, with its cause. Other errors wrap one of this package's.
func (f *Film) Decode(ctx context.Context) (*Shown, error) {
	t, err := readTransformation(f.Dataset, f.image)
	if err != nil {
		return nil, err
	}
	fr := f.frame
	if f.deflated != nil {
		if fr, err = f.inflate(); err != nil {
			return nil, err
		}
	}
	c, err := fr.samples(ctx, f.image)
	if err != nil {
		return nil, err
	}
	counts, err := c.count(ctx)
	if err != nil {
		return nil, err
	}
	window := t.choose(counts)
	greys := t.greys(window)
	t.judge(counts, greys, f.image.pixels())
	if fr.more > 0 {
		t.warn("damaged: %v holds %d bytes more than the picture; the picture may not be the one that was sent", dicom.PixelData, fr.more)
	}
	picture, err := c.paint(ctx, counts, greys)
	return &Shown{picture, window, t.inverted, t.warnings}, err
}

// count counts the samples by their bits.
func (c *cells) count(ctx context.Context) (*histogram, error) {
	counts := new(histogram)
	row := make([]uint16, c.image.columns)
	for y := range c.image.rows {
		if y%64 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.row(y, row)
		for _, bits := range row {
			counts[bits]++
		}
	}
	return counts, nil
}

// paint makes the picture.
func (c *cells) paint(ctx context.Context, counts *histogram, greys *[1 << 16]uint16) (image.Image, error) {
	if levels := levels(counts, greys); levels != nil {
		out := pixels.Gray(c.image.columns, c.image.rows)
		return out, c.each(ctx, func(y int, row []uint16) {
			to := out.Pix[y*out.Stride:][:len(row)]
			for x, bits := range row {
				to[x] = levels[bits]
			}
		})
	}
	out := pixels.Gray16(c.image.columns, c.image.rows)
	return out, c.each(ctx, func(y int, row []uint16) {
		to := out.Pix[y*out.Stride:][:2*len(row)]
		for _, bits := range row {
			binary.BigEndian.PutUint16(to, greys[bits])
			to = to[2:]
		}
	})
}

// each hands over row by row.
func (c *cells) each(ctx context.Context, do func(y int, row []uint16)) error {
	row := make([]uint16, c.image.columns)
	for y := range c.image.rows {
		if y%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.row(y, row)
		do(y, row)
	}
	return nil
}

// levels is the greys in 8 bits, nil where a grey that occurs is none of those.
func levels(counts *histogram, greys *[1 << 16]uint16) *[1 << 16]uint8 {
	levels := new([1 << 16]uint8)
	for bits, grey := range greys {
		if counts[bits] > 0 && grey%257 != 0 {
			return nil
		}
		levels[bits] = uint8(grey >> 8)
	}
	return levels
}

// judge warns about pictures that the window leaves little of, and about padding.
func (t *transformation) judge(counts *histogram, greys *[1 << 16]uint16, total int64) {
	var padded, black, bright int64
	for bits, n := range counts {
		switch {
		case n == 0:
		case t.padded(t.image.value(bits)):
			padded += int64(n)
		case greys[bits] == 0:
			black += int64(n)
		case greys[bits] == white:
			bright += int64(n)
		}
	}
	shown := total - padded
	if padded > 0 {
		t.warn("padding: %.2g%% of the pixels are padding and were shown black", 100*float64(padded)/float64(total))
	}
	switch {
	case shown > 0 && black*10 >= shown*9:
		t.warn("window: %.3g%% of the pixels are black in the object's window", 100*float64(black)/float64(shown))
	case shown > 0 && bright*10 >= shown*9:
		t.warn("window: %.3g%% of the pixels are white in the object's window", 100*float64(bright)/float64(shown))
	}
}
