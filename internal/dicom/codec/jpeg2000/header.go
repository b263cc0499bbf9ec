package jpeg2000

// Markers, table A.2.
const (
	markerSOC = 0xFF4F
	markerCAP = 0xFF50
	markerSIZ = 0xFF51
	markerCOD = 0xFF52
	markerCOC = 0xFF53
	markerQCD = 0xFF5C
	markerQCC = 0xFF5D
	markerRGN = 0xFF5E
	markerPOC = 0xFF5F
	markerPPM = 0xFF60
	markerPPT = 0xFF61
	markerSOT = 0xFF90
	markerSOP = 0xFF91
	markerEPH = 0xFF92
	markerSOD = 0xFF93
	markerEOC = 0xFFD9
)

// header is a main header.
type header struct {
	size
	params
	first  int      // where the first tile-part begins
	packed [][]byte // the PPM marker segments by index, nil if there are none
}

// readHeader reads the main header of a codestream, A.3 and A.4.
func readHeader(data []byte) (*header, error) {
	h := new(header)
	if len(data) < 2 || be16(data) != markerSOC {
		return nil, damaged("there is no SOC marker where a codestream should begin")
	}
	for at := 2; ; {
		code, segment, next, err := marker(data, at, "the main header")
		if err != nil {
			return nil, err
		}
		if at == 2 && code != markerSIZ {
			return nil, damaged("the main header begins with marker %04X, not with SIZ", code)
		}
		switch code {
		case markerSIZ:
			if at != 2 {
				return nil, damaged("there are two SIZ marker segments")
			}
			h.size, err = readSize(fields{data: segment})
		case markerCAP:
			f := fields{data: segment}
			if f.u32()&(1<<(32-15)) != 0 {
				return nil, unsupported("high-throughput code-blocks (HTJ2K, ITU-T T.814)")
			}
			return nil, unsupported("capabilities beyond JPEG 2000 Part 1")
		case markerPPM:
			h.packed, err = appendPacked(h.packed, segment)
		case markerSOT:
			h.first = at
			return h, h.check()
		case markerSOD, markerEOC, markerPPT:
			err = damaged("marker %04X in the main header", code)
		default:
			err = h.params.read(code, segment, h.size.components)
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
}

// check tells whether all that tiles need is there.
func (h *header) check() error {
	if !h.coded {
		return damaged("the main header has no COD marker segment")
	}
	for i := range h.size.components {
		if !h.params.components[i].everything {
			return damaged("the main header has no QCD or QCC marker segment for component %d", i)
		}
	}
	return nil
}

// marker reads the marker at a place of a header, and the parameters of its segment if it has one.
func marker(data []byte, at int, where string) (code int, segment []byte, next int, err error) {
	if len(data)-at < 2 {
		return 0, nil, 0, damaged("%s is cut short at byte %d", where, at)
	}
	code = be16(data[at:])
	switch {
	case code < 0xFF01 || code == 0xFFFF:
		return 0, nil, 0, damaged("%04X at byte %d of %s is no marker", code, at, where)
	case code == markerSOD || code == markerEOC || code == markerEPH || code == markerSOC || code >= 0xFF30 && code <= 0xFF3F:
		return code, nil, at + 2, nil
	}
	if len(data)-at < 4 {
		return 0, nil, 0, damaged("%s is cut short at byte %d", where, at)
	}
	n := be16(data[at+2:])
	if n < 2 || n > len(data)-at-2 {
		return 0, nil, 0, damaged("the segment of marker %04X at byte %d has a length of %d", code, at, n)
	}
	return code, data[at+4 : at+2+n], at + 2 + n, nil
}

// read reads a marker segment that both main and tile-part headers may have.
func (p *params) read(code int, segment []byte, components int) error {
	f := fields{data: segment}
	switch code {
	case markerCOD:
		return p.readCOD(f)
	case markerCOC:
		return p.readCOC(f, components)
	case markerQCD:
		return p.readQCD(f)
	case markerQCC:
		return p.readQCC(f, components)
	case markerRGN:
		return p.readRGN(f, components)
	case markerPOC:
		return p.readPOC(f, components)
	case markerSOC, markerSIZ, markerCAP, markerPPM, markerSOP, markerEPH, markerEOC:
		return damaged("marker %04X in a header", code)
	}
	if code >= 0xFF70 && code <= 0xFF79 {
		return unsupported("marker %04X of JPEG 2000 Part 2 (ITU-T T.801)", code)
	}
	// The rest is lengths of packets and tile-parts, registrations and comments, or of later editions: not needed.
	return nil
}

// appendPacked keeps the PPM or PPT marker segment with its index, which is its first byte.
func appendPacked(list [][]byte, segment []byte) ([][]byte, error) {
	if len(segment) < 1 {
		return nil, damaged("a marker segment of packed packet headers is empty")
	}
	if list == nil {
		list = make([][]byte, 256)
	}
	i := segment[0]
	if list[i] != nil {
		return nil, damaged("two marker segments of packed packet headers have index %d", i)
	}
	list[i] = segment[1:]
	return list, nil
}

func be16(b []byte) int { return int(b[0])<<8 | int(b[1]) }

func be32(b []byte) int64 { return int64(be16(b))<<16 | int64(be16(b[2:])) }
