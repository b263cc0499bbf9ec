package main

import (
	"encoding/binary"
	"hash/crc32"
)

// withSegment is a JPEG file with a segment of a marker after its beginning.
func withSegment(file []byte, marker byte, content []byte) []byte {
	out := append([]byte{}, file[:2]...)
	out = append(out, 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(len(content)+2))
	return append(append(out, content...), file[2:]...)
}

// exif is the content of an APP1 segment: a TIFF directory with one entry, ImageDescription (0x010e), of text.
func exif(text string) []byte {
	out := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02")
	out = binary.BigEndian.AppendUint32(out, uint32(len(text)+1))
	out = binary.BigEndian.AppendUint32(out, 26) // the text follows the directory
	out = binary.BigEndian.AppendUint32(out, 0)  // which is the last
	return append(append(out, text...), 0)
}

// withText is a PNG file with a tEXt chunk after its IHDR.
func withText(file []byte, text string) []byte {
	const header = 8 + 12 + 13 // signature, and IHDR with its length, type and checksum
	chunk := append([]byte("tEXtTitle\x00"), text...)
	out := append([]byte{}, file[:header]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4))
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, file[header:]...)
}
