package lumajpeg

// quantizer is a quantisation table in zigzag order.
type quantizer struct {
	defined bool
	step    [64]uint16
}

// tables are the tables of a file as they were defined last.
type tables struct {
	quantizers [4]quantizer
	// Huffman tables: 16 counts of codes by their length, then the symbols.
	dc, ac   [4][]byte
	interval int // MCUs between restart markers, 0 without them
}

// segment takes in a table's definition.
func (t *tables) segment(marker byte, body []byte) error {
	switch marker {
	case markerDQT:
		return t.quantization(body)
	case markerDHT:
		return t.huffman(body)
	case markerDRI:
		if len(body) != 2 {
			return damaged("restart interval of %d bytes", len(body))
		}
		t.interval = int(body[0])<<8 | int(body[1])
	}
	return nil
}

func (t *tables) quantization(body []byte) error {
	for len(body) > 0 {
		bytes := 1 + int(body[0]>>4)
		if bytes > 2 || body[0]&15 > 3 || len(body) < 1+64*bytes {
			return damaged("quantization table %#x in %d bytes", body[0], len(body))
		}
		q := &t.quantizers[body[0]&3]
		q.defined = true
		for k := range q.step {
			if bytes == 1 {
				q.step[k] = uint16(body[1+k])
			} else {
				q.step[k] = uint16(body[1+2*k])<<8 | uint16(body[2+2*k])
			}
		}
		body = body[1+64*bytes:]
	}
	return nil
}

func (t *tables) huffman(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 {
			return damaged("Huffman table in %d bytes", len(body))
		}
		class, destination := body[0]>>4, body[0]&15
		if class > 1 || destination > 3 {
			return damaged("Huffman table %#x", body[0])
		}
		length := 17
		for _, n := range body[1:17] {
			length += int(n)
		}
		if length > len(body) || length > 17+256 {
			return damaged("Huffman table of %d bytes", length)
		}
		if class == 0 {
			for _, symbol := range body[17:length] {
				if symbol > 15 {
					return damaged("Huffman table %#x has a difference of %d bits", body[0], symbol)
				}
			}
			t.dc[destination] = body[1:length]
		} else {
			t.ac[destination] = body[1:length]
		}
		body = body[length:]
	}
	return nil
}

// assume gives a sequential file that defines no Huffman tables before its first scan
// those of ITU-T T.81 section K.3.3, as libjpeg-turbo does: frames of Motion JPEG
// leave them out.
func (t *tables) assume() {
	for i, s := range [2][2]string{{lumaDC, lumaAC}, {chromaDC, chromaAC}} {
		if t.dc[i] == nil {
			t.dc[i] = []byte(s[0])
		}
		if t.ac[i] == nil {
			t.ac[i] = []byte(s[1])
		}
	}
}

// Tables K.3 to K.6.
const (
	lumaDC = "\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"
	chromaDC = "\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00" +
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"
	lumaAC = "\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d" +
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1" +
		"\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37" +
		"\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a" +
		"\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3" +
		"\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3" +
		"\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa"
	chromaAC = "\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77" +
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1" +
		"\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36" +
		"\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69" +
		"\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a" +
		"\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca" +
		"\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa"
)
