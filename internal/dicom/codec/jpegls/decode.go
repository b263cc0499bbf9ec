package jpegls

import (
	"context"
	"sync"
	"unsafe"
)

// A gradient is a difference of two samples, of 17 bits with its sign.
const regionMask = 1<<17 - 1

// samplesBetweenLooks is how many samples are decoded between looks at the context: less than a millisecond's.
const samplesBetweenLooks = 1 << 14

var pool = sync.Pool{New: func() any { return new(decoder) }}

// decoderBytes is what a decoder takes without its lines.
const decoderBytes = int64(unsafe.Sizeof(decoder{}))

// decoder has the memory that decoding takes.
type decoder struct {
	bits     reader
	coding   coding
	contexts [regularContexts]regularContext
	runs     [2]runContext
	regions  [regionMask + 1]int8 // of gradients, negative ones counted from the end
	made     coding               // what regions was made for

	lines  []uint16 // of all components, the line above and the one that is decoded
	across int      // samples of a line, with one more at either end
}

func (d *decoder) allocate(f *frame) {
	d.across = f.width + 2
	if n := 2 * f.count * d.across; cap(d.lines) >= n {
		d.lines = d.lines[:n]
	} else {
		d.lines = make([]uint16, n)
	}
}

// mostKept is how many samples of lines a decoder keeps for the next picture.
const mostKept = 1 << 16

func (d *decoder) release() {
	d.bits = reader{}
	if cap(d.lines) > mostKept {
		d.lines = nil
	}
	pool.Put(d)
}

// prepare makes the regions of gradients. They hardly ever change from one scan to the next.
func (d *decoder) prepare(c *coding) {
	d.coding = *c
	if d.made == *c {
		return
	}
	d.made = *c
	for gradient := -c.maxval; gradient <= c.maxval; gradient++ {
		d.regions[gradient&regionMask] = c.quantize(gradient)
	}
}

// reset is what the beginning of a scan and a restart marker do, T.87, A.2.
func (d *decoder) reset() {
	first := d.coding.newContext()
	for i := range d.contexts {
		d.contexts[i] = first
	}
	d.runs = [2]runContext{{a: d.coding.initial(), n: 1}, {a: d.coding.initial(), n: 1}}
	clear(d.lines)
}

// scan decodes a scan, whose data begin where the parser is, and leaves the parser behind it.
func (d *decoder) scan(ctx context.Context, p *parser, s *scan, to []uint16) error {
	f := &p.frame
	d.prepare(&s.coding)
	d.reset()
	d.bits.begin(p.data, p.at)
	var above, line [maxComponents][]uint16
	for i := range s.count {
		above[i], line[i] = d.lines[2*i*d.across:][:d.across], d.lines[(2*i+1)*d.across:][:d.across]
	}
	var run [maxComponents]int
	looked := samplesBetweenLooks
	for y := range f.height {
		if looked += s.count * f.width; looked >= samplesBetweenLooks {
			looked = 0
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		if f.restart > 0 && y > 0 && y%f.restart == 0 {
			if err := d.restart(p, y/f.restart-1, y); err != nil {
				return err
			}
			run = [maxComponents]int{}
		}
		if !d.lineOf(s, &above, &line, &run) {
			return damaged("the code of line %d cannot be, or the stream ends there", y)
		}
		for i, c := range s.components[:s.count] {
			store(to[y*f.width*f.count:][:f.width*f.count], line[i][1:1+f.width], c, f.count)
		}
		above, line = line, above
	}
	return d.finish(p, f.height)
}

// lineOf decodes a line of all components of the scan.
func (d *decoder) lineOf(s *scan, above, line *[maxComponents][]uint16, run *[maxComponents]int) bool {
	for i := range s.count {
		// Beyond the end of a line its last sample goes on, and before its beginning stands the one above.
		above[i][d.across-1] = above[i][d.across-2]
		line[i][0] = above[i][1]
	}
	if s.interleave == bySample {
		return d.pixelLine(above[:s.count], line[:s.count], &run[0])
	}
	for i := range s.count {
		if !d.line(above[i], line[i], &run[i]) {
			return false
		}
	}
	return true
}

// store puts a component's line among those of the others.
func store(to, line []uint16, component, of int) {
	if of == 1 {
		copy(to, line)
		return
	}
	for x, v := range line {
		to[x*of+component] = v
	}
}

// finish leaves the parser at the end of the entropy-coded segment, which must be where its decoding ended.
func (d *decoder) finish(p *parser, y int) error {
	if !d.bits.finished() {
		return damaged("coded data are left over after line %d", y-1)
	}
	p.at = d.bits.end
	return nil
}

// restart begins the restart interval after the one of that number.
func (d *decoder) restart(p *parser, number, y int) error {
	if err := d.finish(p, y); err != nil {
		return err
	}
	m, err := p.marker()
	if err != nil {
		return err
	}
	if want := byte(markerRST0 + number&7); m != want {
		return damaged("marker ff%02x before line %d, want restart marker ff%02x", m, y, want)
	}
	d.reset()
	d.bits.begin(p.data, p.at)
	return nil
}
