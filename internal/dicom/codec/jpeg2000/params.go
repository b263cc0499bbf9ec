package jpeg2000

import (
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

const (
	maxComponents = 4
	maxLevels     = 32
	maxBands      = 3*maxLevels + 1
	maxSide       = 65535 // Rows and Columns of DICOM are 16 bits
	// maxProgressions bounds the changes of progression order of a tile, which cost time but hardly bytes.
	maxProgressions = 32
)

// size is what the SIZ marker segment says, A.5.1: the picture and the tiles on the reference grid.
type size struct {
	x0, y0, x1, y1         int64 // the picture, from its first to behind its last point
	tileX, tileY           int64 // where the first tile begins
	tileWidth, tileHeight  int64
	stepX, stepY           int64 // points between samples, the same for all components
	tilesAcross, tilesDown int64
	width, height          int // in samples
	components, bits       int
	signed                 bool
}

// coding is how a component is transformed and cut into code-blocks, table A.20.
type coding struct {
	levels         int
	blockX, blockY uint8 // sizes are powers of two; these are the exponents
	style          uint8
	reversible     bool
	precincts      [maxLevels + 1]uint8 // of each resolution: exponent of the width, and of the height in the high bits
}

// quantization is what QCD and QCC say, A.6.4.
type quantization struct {
	steps      uint8 // 0 none, 1 derived from the first step, 2 a step for each sub-band
	guard      int
	count      int
	exponents  [maxBands]uint8
	mantissas  [maxBands]uint16
	everything bool // set
}

// component is how a component of a tile is coded.
type component struct {
	coding
	quantization
	shift int // of the region of interest
	// ownCoding and ownQuantization say that this header has a COC or QCC for the component, which beat COD and QCD
	// wherever they stand.
	ownCoding, ownQuantization bool
}

// progression is a volume of packets and their order, A.6.6.
type progression struct {
	order                            uint8
	firstResolution, afterResolution int
	firstComponent, afterComponent   int
	afterLayer                       int
}

// Orders of progression, table A.16.
const (
	orderLRCP = iota
	orderRLCP
	orderRPCL
	orderPCRL
	orderCPRL
)

// params are what headers say of how tiles are coded: those of the main header hold for all, unless a tile's say otherwise.
type params struct {
	coded      bool // there was a COD
	order      uint8
	layers     int
	mix        bool // there is a component transform
	eph        bool // EPH markers end packet headers
	components [maxComponents]component
	changes    []progression
}

// fields reads the parameters of a marker segment.
type fields struct {
	data  []byte
	short bool
}

func (f *fields) u8() int { return int(f.uint(1)) }

func (f *fields) u16() int { return int(f.uint(2)) }

func (f *fields) u32() int64 { return f.uint(4) }

func (f *fields) uint(n int) (v int64) {
	if len(f.data) < n {
		f.short, f.data = true, nil
		return 0
	}
	for _, b := range f.data[:n] {
		v = v<<8 | int64(b)
	}
	f.data = f.data[n:]
	return v
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("jpeg2000: "+format+": %w", append(args, codec.ErrDamaged)...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("jpeg2000: "+format+": %w", append(args, codec.ErrUnsupported)...)
}

// readSize reads a SIZ marker segment.
func readSize(f fields) (s size, err error) {
	capabilities := f.u16()
	s.x1, s.y1, s.x0, s.y0 = f.u32(), f.u32(), f.u32(), f.u32()
	s.tileWidth, s.tileHeight, s.tileX, s.tileY = f.u32(), f.u32(), f.u32(), f.u32()
	s.components = f.u16()
	switch {
	case f.short:
		return s, damaged("the SIZ marker segment is too short")
	case capabilities&0x8000 != 0:
		return s, unsupported("the extensions of JPEG 2000 Part 2 (ITU-T T.801)")
	case s.components == 0 || s.components > 16384 || s.x0 >= s.x1 || s.y0 >= s.y1:
		return s, damaged("the SIZ marker segment has a picture without samples")
	case s.tileWidth == 0 || s.tileHeight == 0 || s.tileX > s.x0 || s.tileY > s.y0 ||
		s.tileX+s.tileWidth <= s.x0 || s.tileY+s.tileHeight <= s.y0:
		return s, damaged("the first tile does not have the picture's first sample")
	case s.components > maxComponents:
		return s, unsupported("%d components, more than %d", s.components, maxComponents)
	}
	for i := range s.components {
		depth, stepX, stepY := f.u8(), int64(f.u8()), int64(f.u8())
		if f.short || stepX == 0 || stepY == 0 {
			return s, damaged("the SIZ marker segment does not describe component %d", i)
		}
		bits, signed := depth&0x7F+1, depth&0x80 != 0
		if bits > 38 {
			return s, damaged("samples of %d bits", bits)
		}
		if bits > 16 {
			return s, unsupported("samples of %d bits, more than 16", bits)
		}
		if i == 0 {
			s.bits, s.signed, s.stepX, s.stepY = bits, signed, stepX, stepY
		}
		if stepX != s.stepX || stepY != s.stepY {
			return s, unsupported("components that are sub-sampled unlike the first")
		}
		if bits != s.bits || signed != s.signed {
			return s, unsupported("components of different depths")
		}
	}
	width, height := ceilDiv(s.x1, s.stepX)-ceilDiv(s.x0, s.stepX), ceilDiv(s.y1, s.stepY)-ceilDiv(s.y0, s.stepY)
	if width < 1 || height < 1 {
		return s, damaged("the SIZ marker segment has a picture without samples")
	}
	if width > maxSide || height > maxSide {
		return s, unsupported("a picture of %d x %d samples, more than %d a side", width, height, maxSide)
	}
	s.width, s.height = int(width), int(height)
	s.tilesAcross, s.tilesDown = ceilDiv(s.x1-s.tileX, s.tileWidth), ceilDiv(s.y1-s.tileY, s.tileHeight)
	if s.tilesAcross*s.tilesDown > 65535 {
		return s, damaged("%d tiles, more than 65535", s.tilesAcross*s.tilesDown)
	}
	return s, nil
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

// ceilShift is a / 2^n, rounded up, for negative a too.
func ceilShift(a int64, n int) int64 { return (a + 1<<n - 1) >> n }

// readCOD reads a COD marker segment, A.6.1.
func (p *params) readCOD(f fields) error {
	style := f.u8()
	p.order, p.layers = uint8(f.u8()), f.u16()
	mix := f.u8()
	c, err := readCoding(&f, style&1 != 0)
	if err != nil {
		return err
	}
	switch {
	case p.order > orderCPRL:
		return damaged("a progression order of %d", p.order)
	case p.layers == 0:
		return damaged("a picture of no layers")
	case mix > 1:
		return unsupported("the component transforms of JPEG 2000 Part 2 (ITU-T T.801)")
	}
	p.coded, p.mix, p.eph = true, mix == 1, style&4 != 0
	for i := range p.components {
		if !p.components[i].ownCoding {
			p.components[i].coding = c
		}
	}
	return nil
}

// readCOC reads a COC marker segment, A.6.2.
func (p *params) readCOC(f fields, components int) error {
	i, style := f.u8(), f.u8()
	c, err := readCoding(&f, style&1 != 0)
	if err != nil {
		return err
	}
	if i >= components {
		return damaged("a COC marker segment for component %d of %d", i, components)
	}
	p.components[i].coding, p.components[i].ownCoding = c, true
	return nil
}

// readCoding reads the parameters that COD and COC share, tables A.20 and A.21.
func readCoding(f *fields, precincts bool) (c coding, err error) {
	c.levels = f.u8()
	c.blockX, c.blockY = uint8(f.u8())&15+2, uint8(f.u8())&15+2
	style, transform := f.u8(), f.u8()
	c.style, c.reversible = uint8(style), transform == 1
	switch {
	case f.short:
		return c, damaged("a COD or COC marker segment is too short")
	case style&0x40 != 0:
		return c, unsupported("high-throughput code-blocks (HTJ2K, ITU-T T.814)")
	case style&0x80 != 0 || transform > 1:
		return c, unsupported("the code-blocks or wavelets of JPEG 2000 Part 2 (ITU-T T.801)")
	case c.levels > maxLevels:
		return c, damaged("%d levels of decomposition, more than %d", c.levels, maxLevels)
	case c.blockX > 10 || c.blockY > 10 || c.blockX+c.blockY > 12:
		return c, damaged("code-blocks of 2^%d x 2^%d samples", c.blockX, c.blockY)
	}
	for r := range c.precincts[:c.levels+1] {
		c.precincts[r] = 0xFF
		if precincts {
			c.precincts[r] = uint8(f.u8())
		}
		if r > 0 && (c.precincts[r]&15 == 0 || c.precincts[r]>>4 == 0) {
			return c, damaged("precincts of one sample at a resolution above the lowest")
		}
	}
	if f.short {
		return c, damaged("a COD or COC marker segment has fewer precinct sizes than resolutions")
	}
	return c, nil
}

// readQCD reads a QCD marker segment, A.6.4.
func (p *params) readQCD(f fields) error {
	q, err := readQuantization(f)
	if err != nil {
		return err
	}
	for i := range p.components {
		if !p.components[i].ownQuantization {
			p.components[i].quantization = q
		}
	}
	return nil
}

// readQCC reads a QCC marker segment, A.6.5.
func (p *params) readQCC(f fields, components int) error {
	i := f.u8()
	q, err := readQuantization(f)
	if err != nil {
		return err
	}
	if i >= components {
		return damaged("a QCC marker segment for component %d of %d", i, components)
	}
	p.components[i].quantization, p.components[i].ownQuantization = q, true
	return nil
}

func readQuantization(f fields) (q quantization, err error) {
	style := f.u8()
	q.steps, q.guard, q.everything = uint8(style&31), style>>5, true
	if f.short || q.steps > 2 {
		return q, damaged("a QCD or QCC marker segment with a quantization style of %d", q.steps)
	}
	for ; len(f.data) > 0 && q.count < maxBands && (q.steps != 1 || q.count == 0); q.count++ {
		if q.steps == 0 {
			q.exponents[q.count] = uint8(f.u8() >> 3)
		} else {
			v := f.u16()
			q.exponents[q.count], q.mantissas[q.count] = uint8(v>>11), uint16(v&0x7FF)
		}
	}
	if f.short || q.count == 0 {
		return q, damaged("a QCD or QCC marker segment is too short")
	}
	return q, nil
}

// step is the exponent and mantissa of a sub-band, which are numbered from LL on, equation E-5.
func (q *quantization) step(band, resolution int) (exponent, mantissa int, ok bool) {
	if q.steps == 1 {
		return max(int(q.exponents[0])-max(resolution-1, 0), 0), int(q.mantissas[0]), true
	}
	if band >= q.count {
		return 0, 0, false
	}
	return int(q.exponents[band]), int(q.mantissas[band]), true
}

// readRGN reads an RGN marker segment, A.6.3.
func (p *params) readRGN(f fields, components int) error {
	i, style, shift := f.u8(), f.u8(), f.u8()
	if f.short || i >= components {
		return damaged("an RGN marker segment for component %d of %d", i, components)
	}
	if style != 0 {
		return unsupported("the regions of interest of JPEG 2000 Part 2 (ITU-T T.801)")
	}
	p.components[i].shift = shift
	return nil
}

// readPOC reads a POC marker segment, A.6.6, and appends its changes.
func (p *params) readPOC(f fields, components int) error {
	for len(f.data) > 0 {
		var c progression
		c.firstResolution, c.firstComponent, c.afterLayer = f.u8(), f.u8(), f.u16()
		c.afterResolution, c.afterComponent = f.u8(), f.u8()
		c.order = uint8(f.u8())
		if c.afterComponent == 0 {
			c.afterComponent = 256
		}
		if f.short || c.order > orderCPRL || c.firstResolution >= c.afterResolution || c.firstComponent >= c.afterComponent {
			return damaged("a POC marker segment that is no volume of packets")
		}
		if len(p.changes) == maxProgressions {
			return unsupported("more than %d changes of progression order", maxProgressions)
		}
		c.afterComponent = min(c.afterComponent, components)
		p.changes = append(p.changes, c)
	}
	return nil
}
