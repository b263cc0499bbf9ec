package lumajpeg

import "bytes"

// Markers, ITU-T T.81 table B.1.
const (
	markerTEM   = 0x01
	markerSOF0  = 0xc0
	markerSOF2  = 0xc2
	markerSOF3  = 0xc3
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerSOF9  = 0xc9
	markerSOF11 = 0xcb
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerDHP   = 0xde
	markerEXP   = 0xdf
	markerAPP0  = 0xe0
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
	markerJPG0  = 0xf0
	markerSOF55 = 0xf7
	markerCOM   = 0xfe
)

// walker goes from marker to marker.
type walker struct {
	data []byte
	at   int // of the next byte to look at
}

// next takes the next marker and its segment's body; SOI and EOI have none. As
// libjpeg does, it passes over fill bytes, markers that stand alone, and bytes that
// belong to no segment, entropy-coded data included. stray counts the last.
func (w *walker) next() (marker byte, body []byte, stray int64, err error) {
	for {
		i := bytes.IndexByte(w.data[w.at:], 0xff)
		if i < 0 {
			return 0, nil, stray, damaged("truncated: no EOI marker")
		}
		stray += int64(i)
		w.at += i + 1
		for w.at < len(w.data) && w.data[w.at] == 0xff {
			w.at++
		}
		if w.at == len(w.data) {
			return 0, nil, stray, damaged("truncated: no EOI marker")
		}
		marker = w.data[w.at]
		w.at++
		switch {
		case marker == 0:
			stray += 2
		case marker == markerTEM || marker >= markerRST0 && marker <= markerRST7:
		case marker == markerSOI || marker == markerEOI:
			return marker, nil, stray, nil
		default:
			rest := w.data[w.at:]
			if len(rest) < 2 {
				return 0, nil, stray, damaged("truncated in a marker segment")
			}
			length := int(rest[0])<<8 | int(rest[1])
			if length < 2 || length > len(rest) {
				return 0, nil, stray, damaged("truncated in a marker segment")
			}
			w.at += length
			return marker, rest[2:length], stray, nil
		}
	}
}
