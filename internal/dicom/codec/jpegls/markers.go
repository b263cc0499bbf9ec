package jpegls

import "encoding/binary"

// Second bytes of markers, T.81 table B.1 and T.87 table C.1.
const (
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDNL  = 0xdc
	markerDRI  = 0xdd
	markerAPP0 = 0xe0
	markerAPP8 = 0xe8
	markerAPPF = 0xef
	markerSOF  = 0xf7
	markerLSE  = 0xf8
	markerSOF2 = 0xf9 // of the extensions, T.870
	markerCOM  = 0xfe
)

// marker reads the marker at p.at, and the fill bytes before it, T.81, B.1.1.2.
func (p *parser) marker() (byte, error) {
	if p.at >= len(p.data) {
		return 0, damaged("it ends after %d bytes, where a marker should be", len(p.data))
	}
	if p.data[p.at] != 0xff {
		return 0, damaged("byte %d is %02x, want a marker", p.at, p.data[p.at])
	}
	for p.at < len(p.data) && p.data[p.at] == 0xff {
		p.at++
	}
	if p.at >= len(p.data) {
		return 0, damaged("it ends after %d bytes, within a marker", len(p.data))
	}
	p.at++
	return p.data[p.at-1], nil
}

// segment reads the length of a marker's segment and returns what follows the length.
func (p *parser) segment() ([]byte, error) {
	rest := p.data[p.at:]
	if len(rest) < 2 {
		return nil, damaged("it ends after %d bytes, within a segment", len(p.data))
	}
	length := int(binary.BigEndian.Uint16(rest))
	if length < 2 || length > len(rest) {
		return nil, damaged("a segment of %d bytes at byte %d, %d bytes before the end", length, p.at, len(rest))
	}
	p.at += length
	return rest[2:length], nil
}
