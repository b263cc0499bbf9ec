package lumajpeg

// Markers, ITU-T T.81 table B.1.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerDHT   = 0xc4
	markerRST0  = 0xd0
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP14 = 0xee
	markerAPP15 = 0xef
	markerCOM   = 0xfe
)

// headers reads all segments up to and including the scan header.
func (d *decoder) headers() error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != markerSOI {
		return fallback("no SOI marker")
	}
	d.at = 2
	for {
		rest := d.data[d.at:]
		if len(rest) < 4 || rest[0] != 0xff {
			return fallback("no marker segment at byte %d", d.at)
		}
		marker, length := rest[1], int(rest[2])<<8|int(rest[3])
		if length < 2 || length > len(rest)-2 {
			return fallback("segment %#x of %d bytes", marker, length)
		}
		body := rest[4 : length+2]
		d.at += length + 2
		var err error
		switch {
		case marker == markerSOF0 || marker == markerSOF1:
			err = d.frame(body)
		case marker == markerDHT:
			err = d.huffmanTables(body)
		case marker == markerDQT:
			err = d.quantizationTables(body)
		case marker == markerDRI:
			if len(body) != 2 {
				return fallback("restart interval of %d bytes", len(body))
			}
			d.interval = int(body[0])<<8 | int(body[1])
		case marker == markerSOS:
			return d.scanHeader(body)
		case marker == markerAPP0:
			// As image/jpeg reads it: the last segment long enough decides.
			if len(body) >= 5 {
				d.jfif = string(body[:5]) == "JFIF\x00"
			}
		case marker == markerAPP14:
			if len(body) >= 12 && string(body[:5]) == "Adobe" {
				d.rgb = body[11] == 0
			}
		case marker > markerAPP0 && marker <= markerAPP15 || marker == markerCOM:
		default:
			return fallback("marker %#x", marker)
		}
		if err != nil {
			return err
		}
	}
}

// frame reads the frame header: one component, or three of which the last two are
// sampled as often as or less than the first.
func (d *decoder) frame(body []byte) error {
	if d.count != 0 {
		return fallback("two frames")
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) || body[5] != 1 && body[5] != 3 {
		return fallback("frame header of %d bytes", len(body))
	}
	if body[0] != 8 {
		return fallback("%d bits a sample", body[0])
	}
	d.height = int(body[1])<<8 | int(body[2])
	d.width = int(body[3])<<8 | int(body[4])
	if d.width == 0 || d.height == 0 {
		return fallback("%d x %d pixels", d.width, d.height)
	}
	d.count = int(body[5])
	for i := range d.components[:d.count] {
		spec := body[6+3*i:][:3]
		c := component{id: spec[0], h: int(spec[1] >> 4), v: int(spec[1] & 15), quantizer: spec[2]}
		luma := i == 0 && (c.h == 1 || c.h == 2 || c.h == 4) && (c.v == 1 || c.v == 2)
		if !luma && (c.h != 1 || c.v != 1) || c.quantizer > 3 {
			return fallback("component sampled %d x %d with quantizer %d", c.h, c.v, c.quantizer)
		}
		for _, other := range d.components[:i] {
			if other.id == c.id {
				return fallback("two components of one name")
			}
		}
		d.components[i] = c
	}
	if d.count == 1 {
		// A single component is never interleaved, so its factors mean nothing.
		d.components[0].h, d.components[0].v = 1, 1
	}
	return nil
}

func (d *decoder) quantizationTables(body []byte) error {
	for len(body) > 0 {
		if len(body) < 65 || body[0] > 3 {
			return fallback("quantization table %#x in %d bytes", body[0], len(body))
		}
		q := &d.quantizers[body[0]]
		q.defined = true
		for k, step := range body[1:65] {
			q.step[k] = int32(step)
		}
		body = body[65:]
	}
	return nil
}

func (d *decoder) huffmanTables(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 {
			return fallback("Huffman table in %d bytes", len(body))
		}
		class, destination := body[0]>>4, body[0]&15
		if class > 1 || destination > 1 {
			return fallback("Huffman table %#x", body[0])
		}
		length := 17
		for _, n := range body[1:17] {
			length += int(n)
		}
		if length > len(body) || length > 17+256 {
			return fallback("Huffman table of %d bytes", length)
		}
		table := &d.dc[destination]
		if class == 1 {
			table = &d.ac[destination]
		}
		if !table.define(body[1:length], class == 1) {
			return fallback("Huffman table %#x is no prefix code", body[0])
		}
		body = body[length:]
	}
	return nil
}

// scanHeader reads the header of the one scan there must be, of all components in
// the frame's order, and checks that everything it needs has been defined.
func (d *decoder) scanHeader(body []byte) error {
	if d.count == 0 {
		return fallback("scan before the frame header")
	}
	if len(body) != 4+2*d.count || int(body[0]) != d.count {
		return fallback("scan of some of the components")
	}
	if spectrum := body[1+2*d.count:]; spectrum[0] != 0 || spectrum[1] != 63 || spectrum[2] != 0 {
		return fallback("scan of some of the coefficients")
	}
	if d.count == 3 && !d.jfif {
		named := d.components[0].id == 'R' && d.components[1].id == 'G' && d.components[2].id == 'B'
		if d.rgb || named {
			return fallback("RGB, not YCbCr")
		}
	}
	for i := range d.components[:d.count] {
		c := &d.components[i]
		c.dcTo, c.acTo = body[2+2*i]>>4, body[2+2*i]&15
		if body[1+2*i] != c.id || c.dcTo > 1 || c.acTo > 1 || !d.dc[c.dcTo].defined || !d.ac[c.acTo].defined {
			return fallback("component %d has no Huffman tables", i)
		}
		if !d.quantizers[c.quantizer].defined {
			return fallback("component %d has no quantizer", i)
		}
	}
	return nil
}
