package lumajpeg

// maxBlocks is how many blocks an MCU can have, ITU-T T.81 section B.2.3.
const maxBlocks = 10

// colourModel says what the components are.
type colourModel byte

const (
	undecided colourModel = iota
	grey
	ycc
	rgb
	cmyk
	ycck
)

// frame reads the frame header (SOF).
func (f *File) frame(marker byte, body []byte) error {
	if f.count != 0 {
		return damaged("two frames")
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) || body[5] == 0 {
		return damaged("frame header of %d bytes", len(body))
	}
	if body[0] != 8 {
		return unsupported("%d bits a sample, must be 8", body[0])
	}
	n := int(body[5])
	if n != 1 && n != 3 && n != 4 {
		return unsupported("%d components", n)
	}
	f.progressive = marker == markerSOF2
	f.Height = int(body[1])<<8 | int(body[2])
	f.Width = int(body[3])<<8 | int(body[4])
	if f.Width == 0 {
		return damaged("no pixels wide")
	}
	if f.Height == 0 {
		return unsupported("the height follows the scan (DNL)")
	}
	f.count, f.hMax, f.vMax = n, 1, 1
	for i := range f.components[:n] {
		c := &f.components[i]
		c.id, c.h, c.v, c.quantizer = body[6+3*i], int(body[7+3*i]>>4), int(body[7+3*i]&15), body[8+3*i]
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return damaged("sampling factors %d x %d", c.h, c.v)
		}
		if n == 1 {
			// A single component is never interleaved, so its factors mean nothing.
			c.h, c.v = 1, 1
		}
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
		for k := range c.precision {
			c.precision[k] = unsent
		}
	}
	f.mcusAcross, f.mcusDown = ceilDiv(f.Width, 8*f.hMax), ceilDiv(f.Height, 8*f.vMax)
	for i := range f.components[:n] {
		c := &f.components[i]
		c.width, c.height = ceilDiv(f.Width*c.h, f.hMax), ceilDiv(f.Height*c.v, f.vMax)
		c.across, c.down = ceilDiv(c.width, 8), ceilDiv(c.height, 8)
		c.stride, c.rows = f.mcusAcross*c.h, f.mcusDown*c.v
	}
	return nil
}

// decide finds out what the components are when the first scan begins, as libjpeg
// does, and which of them the grey needs.
func (f *File) decide() error {
	if f.model != undecided {
		return nil
	}
	switch {
	case f.count == 1:
		f.model = grey
	case f.count == 4 && (!f.adobe || f.transform == 0):
		f.model = cmyk
	case f.count == 4:
		f.model = ycck
	case f.jfif || f.adobe && f.transform != 0:
		f.model = ycc
	case f.adobe, f.components[0].id == 'R' && f.components[1].id == 'G' && f.components[2].id == 'B':
		f.model = rgb
	default:
		f.model = ycc
	}
	f.buffered = f.progressive
	for i := range f.components[:f.count] {
		c := &f.components[i]
		c.needed = i == 0 || f.model > ycc
		if c.needed && (f.hMax%c.h != 0 || f.vMax%c.v != 0) {
			return unsupported("component %d sampled %d x %d of %d x %d", i, c.h, c.v, f.hMax, f.vMax)
		}
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
