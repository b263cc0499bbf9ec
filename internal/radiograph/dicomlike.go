package radiograph

import (
	"encoding/binary"
	"slices"
)

// isDICOM recognises a DICOM file: by the mark after its preamble, or, where the
// preamble was left out or a data set was sent bare, by its first data elements.
func isDICOM(data []byte) bool {
	if len(data) >= 132 && string(data[128:132]) == "DICM" {
		return true
	}
	if len(data) >= 4 && string(data[:4]) == "DICM" {
		return true
	}
	return startsWithElements(data, binary.LittleEndian) || startsWithElements(data, binary.BigEndian)
}

// shortVRs are the value representations whose length has 16 bits in explicit VR,
// longVRs those whose length has 32 bits after two bytes of zero (PS3.5, 7.1.2).
var (
	shortVRs = []string{"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
	longVRs  = []string{"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)

// startsWithElements tells whether data begins with three data elements in the order
// of their tags, the first of them of the groups that a file or a data set starts
// with, each of an even length within the data.
func startsWithElements(data []byte, order binary.ByteOrder) bool {
	const enough = 3
	previous := uint32(0)
	for n := range enough {
		if len(data) < 8 {
			return false
		}
		tag := uint32(order.Uint16(data))<<16 | uint32(order.Uint16(data[2:]))
		if group := tag >> 16; n == 0 && group != 2 && group != 8 || n > 0 && tag <= previous {
			return false
		}
		previous = tag
		var length, header int64
		switch vr := string(data[4:6]); {
		case slices.Contains(shortVRs, vr):
			length, header = int64(order.Uint16(data[6:])), 8
		case slices.Contains(longVRs, vr):
			if len(data) < 12 {
				return false
			}
			length, header = int64(order.Uint32(data[8:])), 12
		default: // implicit VR
			length, header = int64(order.Uint32(data[4:])), 8
		}
		if length%2 != 0 || length > int64(len(data))-header {
			return false
		}
		data = data[header+length:]
	}
	return true
}
