package dicom

import "encoding/binary"

// Sniff recognises a DICOM file: by the mark after its preamble or, where the preamble was left out or a data set was sent
// bare, by its first three data elements. Few other files are taken for one.
func Sniff(data []byte) bool {
	if len(data) >= preamble+len(magic) && string(data[preamble:preamble+len(magic)]) == magic {
		return true
	}
	if len(data) >= len(magic) && string(data[:len(magic)]) == magic {
		return true
	}
	return startsWithElements(data, binary.LittleEndian) || startsWithElements(data, binary.BigEndian)
}

// startsWithElements tells whether data begins with three data elements in the order of their tags, the first of them of the
// groups that a file or a data set starts with, each of an even length within the data.
func startsWithElements(data []byte, order binary.ByteOrder) bool {
	const enough = 3
	previous := Tag(0)
	for n := range enough {
		if len(data) < 8 {
			return false
		}
		tag := NewTag(order.Uint16(data), order.Uint16(data[2:]))
		if group := tag.Group(); n == 0 && group != 2 && group != 8 || n > 0 && tag <= previous {
			return false
		}
		previous = tag
		var length, header int64
		switch known := byLetters[[2]byte(data[4:])]; {
		case known == nil: // implicit VR
			length, header = int64(order.Uint32(data[4:])), 8
		case !known.long:
			length, header = int64(order.Uint16(data[6:])), 8
		case len(data) < 12:
			return false
		default:
			length, header = int64(order.Uint32(data[8:])), 12
		}
		if length == undefinedLength && header == 12 {
			return n > 0 // a sequence after an element
		}
		if length%2 != 0 || length > int64(len(data))-header {
			return false
		}
		data = data[header+length:]
	}
	return true
}
