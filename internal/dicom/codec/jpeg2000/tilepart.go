package jpeg2000

import (
	"bytes"
	"cmp"
	"slices"
)

// tilePart is where a tile-part lies, A.4.2.
type tilePart struct {
	header, end          uint32 // from behind its SOT marker segment
	packedFrom, packedTo uint32 // its packet headers, if the main header has them
	tile                 uint16
	part, count          uint8
	open                 bool // the codestream has no EOC marker, so that more may have followed
}

// tilePartSize is what a tilePart takes. It stands for at least 14 bytes of the codestream.
const tilePartSize = 24

// tileParts finds all tile-parts, and sorts them by tile. Packed is their packet headers, if the main header has them.
func (h *header) tileParts(data []byte) (parts []tilePart, packed []byte, err error) {
	n := 0
	ended, err := h.eachTilePart(data, func(tilePart) { n++ })
	if err != nil {
		return nil, nil, err
	}
	parts = make([]tilePart, 0, n)
	if _, err := h.eachTilePart(data, func(p tilePart) { parts = append(parts, p) }); err != nil {
		return nil, nil, err
	}
	for i := range parts {
		parts[i].open = !ended
	}
	if h.packed != nil {
		packed = slices.Concat(h.packed...)
		if err := unpack(packed, parts); err != nil {
			return nil, nil, err
		}
	}
	slices.SortStableFunc(parts, func(a, b tilePart) int { return cmp.Compare(a.tile, b.tile) })
	return parts, packed, complete(parts, int(h.tilesAcross*h.tilesDown))
}

// eachTilePart calls f for each tile-part in the order of the codestream, and tells whether an EOC marker ends it. Streams
// without one are read too, if they are complete.
func (h *header) eachTilePart(data []byte, f func(tilePart)) (ended bool, err error) {
	tiles := h.tilesAcross * h.tilesDown
	for at := h.first; ; {
		rest := data[at:]
		if len(rest) >= 2 && be16(rest) == markerEOC {
			return true, nil
		}
		if len(rest) < 2 || at > h.first && len(bytes.TrimLeft(rest, "\x00")) == 0 {
			return false, nil
		}
		if len(rest) < 12 || be16(rest) != markerSOT || be16(rest[2:]) != 10 {
			return false, damaged("there is no tile-part at byte %d, where one should begin", at)
		}
		p := tilePart{tile: uint16(be16(rest[4:])), part: rest[10], count: rest[11], header: uint32(at + 12)}
		if int64(p.tile) >= tiles {
			return false, damaged("the tile-part at byte %d is of tile %d of %d", at, p.tile, tiles)
		}
		length := be32(rest[6:])
		if length == 0 {
			// It is the last one and reaches to the EOC marker, behind which may be padding.
			end := bytes.LastIndex(rest[12:], []byte{markerEOC >> 8, markerEOC & 0xFF})
			if ended = end >= 0; !ended {
				end = len(rest) - 12
			}
			p.end = uint32(at + 12 + end)
			f(p)
			return ended, nil
		}
		if length < tileBytes || length > int64(len(rest)) {
			return false, damaged("the tile-part at byte %d has a length of %d, with %d bytes left", at, length, len(rest))
		}
		at += int(length)
		p.end = uint32(at)
		f(p)
	}
}

// complete tells whether every tile has its tile-parts.
func complete(parts []tilePart, tiles int) error {
	tile := 0
	for i := 0; i < len(parts); tile++ {
		if int(parts[i].tile) != tile {
			break
		}
		n, count := 0, 0
		for ; i < len(parts) && int(parts[i].tile) == tile; i++ {
			if int(parts[i].part) != n {
				return damaged("tile %d has tile-part %d where %d should be", tile, parts[i].part, n)
			}
			n, count = n+1, max(count, int(parts[i].count))
		}
		if n < count {
			return damaged("tile %d has %d of %d tile-parts", tile, n, count)
		}
	}
	if tile < tiles {
		return damaged("tile %d of %d is missing", tile, tiles)
	}
	return nil
}

// unpack gives the tile-parts, which are in the order of the codestream, their packet headers of PPM marker segments, A.7.4.
func unpack(packed []byte, parts []tilePart) error {
	at := 0
	for i := range parts {
		if len(packed)-at < 4 || be32(packed[at:]) > int64(len(packed)-at-4) {
			return damaged("the packed packet headers are cut short")
		}
		n := int(be32(packed[at:]))
		parts[i].packedFrom, parts[i].packedTo = uint32(at+4), uint32(at+4+n)
		at += 4 + n
	}
	return nil
}

// source is where the packets of a tile come from.
type source struct {
	data    []byte
	bodies  []span // of its tile-parts
	body    int    // the next one
	at, end int    // in the current one
	packed  bool   // packet headers are apart
	headers []byte // those
	open    bool
}

type span struct{ from, to int }

// readTile reads the headers of a tile's tile-parts.
func (h *header) readTile(data, headers []byte, parts []tilePart, p *params, s *source) error {
	*p = h.params
	p.changes = nil
	for i := range p.components {
		p.components[i].ownCoding, p.components[i].ownQuantization = false, false
	}
	*s = source{data: data, bodies: s.bodies[:0], packed: h.packed != nil}
	var packed [][]byte
	for i := range parts {
		part := &parts[i]
		for at, code := int(part.header), 0; code != markerSOD; {
			var segment []byte
			var err error
			if code, segment, at, err = marker(data[:part.end], at, "a tile-part header"); err != nil {
				return err
			}
			switch code {
			case markerSOD:
				s.bodies = append(s.bodies, span{at, int(part.end)})
			case markerPPT:
				packed, err = appendPacked(packed, segment)
			case markerSOT:
				err = damaged("marker %04X in a header", code)
			default:
				err = p.read(code, segment, h.size.components)
			}
			if err != nil {
				return err
			}
		}
		if h.packed != nil {
			s.headers = append(s.headers, headers[part.packedFrom:part.packedTo]...)
		}
		s.open = s.open || part.open
	}
	if packed != nil {
		if h.packed != nil {
			return damaged("packet headers are packed both in the main header and in a tile-part's")
		}
		s.packed, s.headers = true, slices.Concat(packed...)
	}
	if p.changes == nil {
		p.changes = h.params.changes
	}
	return nil
}

// more tells whether there is a further packet.
func (s *source) more() bool {
	for s.at == s.end && s.body < len(s.bodies) {
		s.at, s.end = s.bodies[s.body].from, s.bodies[s.body].to
		s.body++
	}
	if s.packed {
		return len(s.headers) > 0
	}
	return s.at < s.end
}
