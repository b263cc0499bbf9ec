package lumajpeg

import (
	"context"
	"fmt"
	"image"
	"sync"
	"unsafe"

	"github.com/spikeray/spikeray/internal/dct"
)

// Picture is the grey of a decoded file.
type Picture struct {
	// Gray holds the grey, in memory of package pixels. Its bounds start at the origin; its stride may be wider.
	// When reduced, a pixel is the mean of a square of pixels, and the last of a row
	// or column may reach beyond the picture's edge.
	Gray *image.Gray
	// Of how many samples Coloured are visibly not grey: blocks of 8 x 8 samples of
	// chroma, or pixels of RGB and CMYK.
	Coloured, Of int64
	// Damage says what the file has that it should not, though all coefficients could be
	// read; libjpeg warns of it. The picture may be wrong. It is empty for a sound file.
	Damage string
}

// Decode decodes the picture. The result is reduced to 1/reduce of its width and
// height, rounded up; reduce is 1, 2, 4 or 8, and only 1 for files that Luma does not
// tell. Samples count as coloured if their channels differ by more than visible levels
// of 255.
//
// At reduce 1 the luma of grey and YCbCr files is that of libjpeg's grey output, and
// the grey of the others Pillow's convert("L").
//
// It stops soon after ctx is done, with its error; other errors wrap ErrDamaged or
// ErrUnsupported.
func (f *File) Decode(ctx context.Context, reduce, visible int) (*Picture, error) {
	if reduce != 1 && reduce != 2 && reduce != 4 && reduce != 8 || reduce != 1 && !f.Luma() {
		return nil, fmt.Errorf("lumajpeg: cannot reduce to 1/%d", reduce)
	}
	d := pool.Get().(*decoder)
	defer func() {
		d.forget()
		pool.Put(d)
	}()
	d.ctx, d.file, d.reduce, d.visible = ctx, *f, reduce, visible
	d.size, d.transform, d.quick = 8/reduce, quickTransforms[reduce&15], hasQuickBlock && reduce != 8
	d.beside = nil
	if reduce == 1 && !f.Generic {
		d.beside = quickBeside
	}
	if f.Generic {
		d.transform, d.quick = genericTransforms[reduce&15], false
	}
	for i := range d.file.components[:f.count] {
		for k := range d.file.components[i].precision {
			d.file.components[i].precision[k] = unsent
		}
	}
	return d.decode()
}

var pool = sync.Pool{New: func() any { return new(decoder) }}

// decoderBytes is what a decoder takes at most, without a picture.
const decoderBytes = int64(unsafe.Sizeof(decoder{})) + 8*int64(unsafe.Sizeof(huffman{})) + 8*int64(unsafe.Sizeof(runs{})) + chunk + overrun

// decoder is a file and the memory to decode it with.
type decoder struct {
	ctx             context.Context
	file            File
	reduce, visible int
	size            int // samples a block's side
	transform       transform
	beside          transformBeside // nil if blocks are taken one by one
	quick           bool            // coefficients are taken by assembly
	tables          tables
	stream          stream

	// Tables that were made last, which the next file is likely to define alike.
	sequentialDC, sequentialAC   [4]*huffman
	progressiveDC, progressiveAC [4]*runs

	parts   [4]part
	ahead   [16]block // decoded before any is transformed, see run
	picture Picture
	damage  damage
}

// part is what decoding a component takes.
type part struct {
	latched   bool // the quantisation table of its first scan is known
	steps     steps
	blocks    [2]block     // of even and of odd columns
	brightest int64        // the square of the largest mean that is not suspect
	samples   samples      // where its samples go, if it is needed
	store     coefficients // where its coefficients are kept, if they are

	band     []byte // samples of a row of MCUs, below the last row of those before
	enlarged []byte // a row at the picture's size
}

// damage counts what a file has that it should not.
type damage struct {
	stray int64 // bytes between or after the data of scans and segments
	odd   bool  // a scan header that is not as it should be
	loud  int64 // blocks of coefficients that no picture has
}

func (d damage) String() string {
	switch {
	case d.stray > 0:
		return fmt.Sprintf("%d bytes left over in or between the compressed data", d.stray)
	case d.loud > 0:
		return fmt.Sprintf("%d blocks brighter or darker than a picture can be", d.loud)
	case d.odd:
		return "a sequential file with the scan header of a progressive one"
	}
	return ""
}

// forget drops the file and what belongs to it.
func (d *decoder) forget() {
	d.ctx, d.file, d.picture, d.damage, d.tables = nil, File{}, Picture{}, damage{}, tables{}
	d.stream.data = nil
	for i := range d.parts {
		p := &d.parts[i]
		p.latched, p.samples, p.store, p.band, p.enlarged = false, samples{}, coefficients{}, nil, nil
	}
}

// decode walks the file again, and decodes its scans.
func (d *decoder) decode() (*Picture, error) {
	f := &d.file
	d.allocate()
	w := walker{data: f.data, at: 2}
	first := true
	for {
		marker, body, stray, err := w.next()
		if err != nil {
			return nil, err
		}
		d.damage.stray += stray
		if marker == markerEOI {
			break
		}
		if marker != markerSOS {
			if err := d.tables.segment(marker, body); err != nil {
				return nil, err
			}
			continue
		}
		s, err := f.scanHeader(body)
		if err != nil {
			return nil, err
		}
		if err := f.turn(&s); err != nil {
			return nil, err
		}
		f.account(&s)
		d.damage.odd = d.damage.odd || s.odd
		if first && !f.progressive {
			d.tables.assume()
		}
		first = false
		if err := d.latch(&s); err != nil {
			return nil, err
		}
		decode := d.sequential
		if f.progressive {
			decode = d.progressive
		}
		if w.at, err = decode(&s, w.at); err != nil {
			return nil, err
		}
	}
	if f.buffered {
		if err := d.transformStored(); err != nil {
			return nil, err
		}
	}
	return d.finish(), nil
}

// latch notes the quantisation tables of components whose first scan this is.
func (d *decoder) latch(s *scan) error {
	for _, i := range s.component[:s.n] {
		p, c := &d.parts[i], &d.file.components[i]
		if p.latched {
			continue
		}
		if c.quantizer > 3 || !d.tables.quantizers[c.quantizer].defined {
			return damaged("component %d has no quantization table", i)
		}
		p.latched = true
		for k, step := range d.tables.quantizers[c.quantizer].step {
			p.steps[dct.Zigzag[k]] = step
		}
		limit := min(brightest+int64(p.steps[0]), 2*brightest)
		p.brightest = limit * limit
	}
	return nil
}
