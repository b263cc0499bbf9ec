package jpegls

import "encoding/binary"

// maxSide is the most rows or columns: DICOM's Rows and Columns have 16 bits.
const maxSide = 1<<16 - 1

// maxComponents is the most components of a scan, T.81 table B.3.
const maxComponents = 4

// How the samples of a scan follow each other, ILV of T.87, C.2.3.
const (
	byComponent = iota
	byLine
	bySample
)

// frame is what the headers say of the picture.
type frame struct {
	width, height int
	bits          int // precision of the samples, P
	count         int // components
	ids           [maxComponents]byte
	decoded       [maxComponents]bool // components whose scan was begun

	wide, high int     // the size in an LSE segment, if there was one
	presets    presets // of the last LSE segment
	restart    int     // lines between restart markers; 0 for none
}

// scan is what a scan header says.
type scan struct {
	components [maxComponents]int // indices
	count      int
	near       int // the most that a sample may differ from the original, NEAR
	interleave int
	coding     coding
}

// parser reads the headers of a stream.
type parser struct {
	data  []byte
	at    int
	begun bool // the start of image was read
	frame frame
}

// scanHeader reads up to the next scan's entropy-coded data.
func (p *parser) scanHeader() (scan, error) {
	if !p.begun {
		if m, err := p.marker(); err != nil || m != markerSOI || p.at != 2 {
			return scan{}, damaged("no start of image (ffd8) at its beginning")
		}
		p.begun = true
	}
	for {
		m, err := p.marker()
		if err != nil {
			return scan{}, err
		}
		if m == markerEOI {
			return scan{}, damaged("the image ends at byte %d, before all of its components came", p.at)
		}
		if m == markerSOI || m >= markerRST0 && m <= markerRST7 {
			return scan{}, damaged("marker ff%02x at byte %d, between segments", m, p.at-2)
		}
		body, err := p.segment()
		if err != nil {
			return scan{}, err
		}
		if m == markerSOS {
			return p.frame.scan(body)
		}
		if err := p.frame.segment(m, body); err != nil {
			return scan{}, err
		}
	}
}

// segment takes up a segment other than a scan header.
func (f *frame) segment(m byte, body []byte) error {
	switch {
	case m == markerSOF:
		return f.start(body)
	case m == markerLSE:
		return f.preset(body)
	case m == markerDRI:
		return f.restartInterval(body)
	case m == markerAPP8:
		// Hewlett-Packard's encoder says here which colour transform to undo; 0 is none.
		if len(body) >= 5 && string(body[:4]) == "mrfx" && body[4] != 0 {
			return unsupported("Hewlett-Packard's colour transform %d", body[4])
		}
		return nil
	case m >= markerAPP0 && m <= markerAPPF, m == markerCOM, m == markerDNL:
		return nil
	case m == markerSOF2:
		return unsupported("a frame of the JPEG-LS extensions (T.870)")
	case m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc:
		return unsupported("a JPEG frame (SOF%d), want JPEG-LS", m-0xc0)
	}
	return damaged("marker ff%02x, which JPEG-LS does not have", m)
}

// start reads a frame header, T.87, C.2.2.
func (f *frame) start(body []byte) error {
	if f.count > 0 {
		return damaged("two frame headers")
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) || body[5] == 0 {
		return damaged("a frame header of %d bytes", len(body))
	}
	f.bits, f.count = int(body[0]), int(body[5])
	f.height, f.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	if f.bits < 2 || f.bits > 16 {
		return damaged("samples of %d bits, want 2 to 16", f.bits)
	}
	if f.count > maxComponents {
		return unsupported("%d components, want at most %d", f.count, maxComponents)
	}
	for i := range f.count {
		id, factors := body[6+3*i], body[7+3*i]
		for _, other := range f.ids[:i] {
			if other == id {
				return damaged("two components %d", id)
			}
		}
		if factors>>4 == 0 || factors&15 == 0 {
			return damaged("component %d has no samples", id)
		}
		// The factors say sizes relative to the largest component.
		if f.count > 1 && factors != 0x11 {
			return unsupported("subsampled components (%d x %d)", factors>>4, factors&15)
		}
		f.ids[i] = id
	}
	return nil
}

// preset reads an LSE segment, T.87, C.2.4.
func (f *frame) preset(body []byte) error {
	if len(body) == 0 {
		return damaged("an empty LSE segment")
	}
	id, body := body[0], body[1:]
	switch id {
	case 1:
		if len(body) != 10 {
			return damaged("preset parameters of %d bytes, want 10", len(body))
		}
		u := func(i int) int { return int(binary.BigEndian.Uint16(body[2*i:])) }
		f.presets = presets{maxval: u(0), t1: u(1), t2: u(2), t3: u(3), reset: u(4)}
		return nil
	case 2, 3:
		return unsupported("mapping tables (palette)")
	case 4:
		return f.size(body)
	}
	if id <= 0x0d {
		return unsupported("LSE segment %d of the JPEG-LS extensions (T.870)", id)
	}
	return damaged("LSE segment %d", id)
}

// size reads the size that a frame header with zeros leaves to an LSE segment, T.87, C.2.4.1.4.
func (f *frame) size(body []byte) error {
	if len(body) == 0 || body[0] < 2 || body[0] > 4 || len(body) != 1+2*int(body[0]) {
		return damaged("a size of %d bytes", len(body))
	}
	n := int(body[0])
	f.high, f.wide = number(body[1:1+n]), number(body[1+n:])
	return nil
}

// restartInterval reads how many lines a restart interval has, T.87, C.2.5: in two to four bytes.
func (f *frame) restartInterval(body []byte) error {
	if len(body) < 2 || len(body) > 4 {
		return damaged("a restart interval of %d bytes, want 2 to 4", len(body))
	}
	f.restart = number(body)
	return nil
}

func number(bytes []byte) (n int) {
	for _, b := range bytes {
		n = n<<8 | int(b)
	}
	return n
}

// complete is called once all headers before the first scan were read.
func (f *frame) complete() error {
	if f.count == 0 {
		return damaged("a scan before the frame header")
	}
	if f.height == 0 && f.high > 0 {
		f.height = f.high
	}
	if f.width == 0 && f.wide > 0 {
		f.width = f.wide
	}
	switch {
	case f.width == 0:
		return damaged("no columns")
	case f.height == 0:
		return unsupported("a number of lines that comes after the scan (DNL)")
	case f.width > maxSide || f.height > maxSide:
		return unsupported("%d x %d samples, want at most %d a side", f.width, f.height, maxSide)
	}
	return nil
}

// scan reads a scan header, T.87, C.2.3.
func (f *frame) scan(body []byte) (scan, error) {
	if err := f.complete(); err != nil {
		return scan{}, err
	}
	if len(body) < 1 || body[0] == 0 || int(body[0]) > f.count || len(body) != 4+2*int(body[0]) {
		return scan{}, damaged("a scan header of %d bytes, for %d components", len(body), f.count)
	}
	s := scan{count: int(body[0])}
	for i := range s.count {
		id, table := body[1+2*i], body[2+2*i]
		if table != 0 {
			return scan{}, unsupported("mapping tables (palette)")
		}
		c := f.component(id)
		if c < 0 || f.decoded[c] {
			return scan{}, damaged("a scan of component %d, which the frame has not or which came before", id)
		}
		f.decoded[c], s.components[i] = true, c
	}
	rest := body[1+2*s.count:]
	s.near, s.interleave = int(rest[0]), int(rest[1])
	if s.interleave > bySample || s.count > 1 && s.interleave == byComponent {
		return scan{}, damaged("interleave mode %d for %d components", s.interleave, s.count)
	}
	if s.count == 1 {
		s.interleave = byComponent
	}
	if rest[2] != 0 {
		return scan{}, unsupported("point transform %d", rest[2]&15)
	}
	var err error
	s.coding, err = f.presets.coding(f.bits, s.near)
	return s, err
}

func (f *frame) component(id byte) int {
	for i, other := range f.ids[:f.count] {
		if other == id {
			return i
		}
	}
	return -1
}

// leastBits is how many bits the picture takes at least, s being its first scan. Nothing takes less than a run, and a bit
// of it stands for 2^15 samples at most, which end with the line.
func (f *frame) leastBits(s *scan) int64 {
	lines := int64(1)
	if s.interleave == byLine {
		lines = int64(s.count)
	}
	if s.count < f.count {
		lines++
	}
	return lines * int64(f.height) * int64((f.width+1<<15-1)>>15)
}
