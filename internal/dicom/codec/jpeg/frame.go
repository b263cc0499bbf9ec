package jpeg

import "encoding/binary"

// frame is what a frame header says (T.81, B.2.2).
type frame struct {
	process       byte // the marker, SOF0, SOF1 or SOF3
	bits          int
	width, height int
	components    []component
	hMax, vMax    int // the largest sampling factors
}

// component is one of a frame's.
type component struct {
	index         int
	id            byte
	h, v          int // sampling factors
	quantisation  byte
	width, height int // of its own samples
}

func (f *frame) lossless() bool { return f.process == sof3 }

// subsampled tells components of fewer samples than the picture has pixels.
func (f *frame) subsampled(c *component) bool { return c.h < f.hMax || c.v < f.vMax }

const maxComponents = 3

// processes are names of what is not decoded, by the frame's marker (T.81, table B.1).
var processes = map[byte]string{
	0xc2: "progressive JPEG",
	0xc5: "hierarchical JPEG", 0xc6: "hierarchical progressive JPEG", 0xc7: "hierarchical lossless JPEG",
	0xc8: "JPEG of the reserved process SOF8",
	0xc9: "JPEG with arithmetic coding", 0xca: "progressive JPEG with arithmetic coding",
	0xcb: "lossless JPEG with arithmetic coding", 0xcc: "JPEG with arithmetic coding",
	0xcd: "hierarchical JPEG with arithmetic coding", 0xce: "hierarchical progressive JPEG with arithmetic coding",
	0xcf: "hierarchical lossless JPEG with arithmetic coding", 0xde: "hierarchical JPEG", 0xf7: "JPEG-LS",
}

// parseFrame reads a frame header. A height of 0 is left for DNL to say.
func parseFrame(process byte, body []byte) (*frame, error) {
	if len(body) < 6 || len(body) != 6+3*int(body[5]) {
		return nil, damaged("the frame header has %d bytes", len(body))
	}
	f := &frame{
		process: process,
		bits:    int(body[0]),
		height:  int(binary.BigEndian.Uint16(body[1:])),
		width:   int(binary.BigEndian.Uint16(body[3:])),
	}
	n := int(body[5])
	switch {
	case n == 0 || f.width == 0:
		return nil, damaged("a picture of %d x %d pixels of %d samples", f.width, f.height, n)
	case n > maxComponents:
		return nil, unsupported("%d components; up to %d are", n, maxComponents)
	case f.lossless() && (f.bits < 2 || f.bits > 16):
		return nil, damaged("lossless JPEG of %d bits; 2 to 16 are possible", f.bits)
	case !f.lossless() && f.bits != 8 && f.bits != 12:
		return nil, damaged("sequential JPEG of %d bits; 8 and 12 are possible", f.bits)
	}
	for i := range n {
		b := body[6+3*i:]
		c := component{index: i, id: b[0], h: int(b[1] >> 4), v: int(b[1] & 15), quantisation: b[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return nil, damaged("sampling factors %d and %d; 1 to 4 are possible", c.h, c.v)
		}
		if c.quantisation > 3 && !f.lossless() {
			return nil, damaged("quantisation table %d; 0 to 3 are possible", c.quantisation)
		}
		if n == 1 {
			c.h, c.v = 1, 1 // the scan of one component takes no notice of them (T.81, A.2.2)
		}
		for j := range f.components {
			if f.components[j].id == c.id {
				return nil, damaged("two components are called %d", c.id)
			}
		}
		f.components = append(f.components, c)
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
	}
	for i := range f.components {
		c := &f.components[i]
		if f.lossless() && (c.h > 1 || c.v > 1) {
			return nil, unsupported("lossless JPEG with sampling factors %d and %d", c.h, c.v)
		}
		if f.hMax%c.h != 0 || f.vMax%c.v != 0 {
			return nil, unsupported("components sampled %d to %d by %d to %d", c.h, f.hMax, c.v, f.vMax)
		}
	}
	return f, nil
}

// size sets the components' sizes when the height is known (T.81, A.1.1).
func (f *frame) size() {
	for i := range f.components {
		c := &f.components[i]
		c.width = (f.width*c.h + f.hMax - 1) / f.hMax
		c.height = (f.height*c.v + f.vMax - 1) / f.vMax
	}
}
