package jpeg

import (
	"bytes"
	"encoding/binary"

	"github.com/spikeray/spikeray/internal/dct"
)

// Markers (T.81, table B.1).
const (
	sof0 = 0xc0 // baseline
	sof1 = 0xc1 // extended sequential, Huffman
	sof3 = 0xc3 // lossless, Huffman
	dht  = 0xc4
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	dqt  = 0xdb
	dnl  = 0xdc
	dri  = 0xdd
	tem  = 0x01
)

// decoder goes through a stream.
type decoder struct {
	data  []byte
	at    int // what comes next
	frame *frame
	scan  []byte // the header of the scan that comes next

	dc, ac       [4]specification
	quantisation [4][64]uint16 // without an entry of 0 where there is one
	interval     int           // of restarts, in MCUs; 0 for none
}

// marker reads a marker and what it bears. Any number of fill bytes may come before it (T.81, B.1.1.2).
func (d *decoder) marker() (marker byte, body []byte, err error) {
	start := d.at
	for d.at < len(d.data) && d.data[d.at] == 0xff {
		d.at++
	}
	switch {
	case d.at >= len(d.data):
		return 0, nil, damaged("it ends at byte %d, where a marker is due", len(d.data))
	case d.at == start || d.data[d.at] == 0:
		return 0, nil, damaged("no marker at byte %d", start)
	}
	marker = d.data[d.at]
	d.at++
	if marker == soi || marker == eoi || marker == tem || marker >= rst0 && marker <= rst7 {
		return marker, nil, nil
	}
	rest := d.data[d.at:]
	if len(rest) < 2 {
		return 0, nil, damaged("it ends within the segment at byte %d", start)
	}
	n := int(binary.BigEndian.Uint16(rest))
	if n < 2 || n > len(rest) {
		return 0, nil, damaged("the segment at byte %d says it has %d bytes; %d are left", start, n, len(rest))
	}
	d.at += n
	return marker, rest[2:n], nil
}

// headers reads up to the header of the first scan.
func (d *decoder) headers() error {
	if !bytes.HasPrefix(d.data, []byte{0xff, soi}) {
		return damaged("it does not begin with SOI")
	}
	d.at = 2
	if err := d.toScan(); err != nil {
		return err
	}
	if d.frame == nil {
		return damaged("a scan comes before the frame header")
	}
	if d.frame.height == 0 {
		d.frame.height = linesAfter(d.data[d.at:])
		if d.frame.height == 0 {
			return damaged("the height is 0, and no DNL follows the first scan")
		}
	}
	d.frame.size()
	if least := d.frame.header().LeastBytes; int64(len(d.data)) < least {
		return damaged("%d bytes; a picture of %d x %d pixels has at least %d", len(d.data), d.frame.width, d.frame.height, least)
	}
	return nil
}

// toScan reads segments up to the header of a scan.
func (d *decoder) toScan() error {
	for {
		marker, body, err := d.marker()
		if err != nil {
			return err
		}
		switch marker {
		case sos:
			d.scan = body
			return nil
		case sof0, sof1, sof3:
			if d.frame != nil {
				return damaged("there are two frame headers")
			}
			d.frame, err = parseFrame(marker, body)
		case dht:
			err = d.huffmanTables(body)
		case dqt:
			err = d.quantisationTables(body)
		case dri:
			if len(body) != 2 {
				return damaged("a restart interval of %d bytes; it has 2", len(body))
			}
			d.interval = int(binary.BigEndian.Uint16(body))
		default:
			if marker == soi || marker == eoi || marker >= rst0 && marker <= rst7 {
				return damaged("marker %#x before the last scan", marker)
			}
			if name := processes[marker]; name != "" {
				return unsupported("%s", name)
			}
		}
		if err != nil {
			return err
		}
	}
}

// linesAfter finds the number of lines that DNL tells after a scan (T.81, B.2.5), or 0.
func linesAfter(data []byte) int {
	for {
		i := bytes.IndexByte(data, 0xff)
		if i < 0 || i+1 >= len(data) {
			return 0
		}
		data = data[i+1:]
		switch m := data[0]; {
		case m == 0xff || m == 0 || m >= rst0 && m <= rst7:
		case m == dnl && len(data) >= 5 && binary.BigEndian.Uint16(data[1:]) == 4:
			return int(binary.BigEndian.Uint16(data[3:]))
		default:
			return 0
		}
	}
}

// quantisationTables reads a DQT segment (T.81, B.2.4.1).
func (d *decoder) quantisationTables(body []byte) error {
	for len(body) > 0 {
		precision, name := int(body[0]>>4), body[0]&15
		size := 64 * (1 + precision)
		if precision > 1 || name > 3 || len(body) < 1+size {
			return damaged("quantisation table %d of precision %d in %d bytes", name, precision, len(body))
		}
		table := &d.quantisation[name]
		for k := range table {
			v := uint16(body[1+k])
			if precision == 1 {
				v = binary.BigEndian.Uint16(body[1+2*k:])
			}
			if v == 0 {
				return damaged("quantisation table %d has a 0", name)
			}
			table[dct.Zigzag[k]] = v
		}
		body = body[1+size:]
	}
	return nil
}
