package radiograph

import (
	"bytes"
	"encoding/binary"
	"image"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// exifPrefix starts the EXIF data of a JPEG's APP1 segment, and of some programs' PNG and WebP files.
var exifPrefix = []byte("Exif\x00\x00")

// exifOrientation reads the orientation, 1 to 8, from EXIF data or a TIFF file,
// which begin alike: a header and then a directory of 12-byte entries. It
// returns 0 if there is none or if it cannot be read: a picture is not refused for
// its metadata.
func exifOrientation(tiff []byte) int {
	const (
		tagOrientation = 0x0112
		typeShort      = 3
		typeLong       = 4 // no writer should use it, some do
		entryBytes     = 12
	)
	var order binary.ByteOrder
	tiff = bytes.TrimPrefix(tiff, exifPrefix)
	switch {
	case len(tiff) < 8:
		return 0
	case string(tiff[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(tiff[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entryBytes {
			return 0
		}
		if order.Uint16(entries) == tagOrientation {
			var v uint32
			switch order.Uint16(entries[2:]) {
			case typeShort:
				v = uint32(order.Uint16(entries[8:]))
			case typeLong:
				v = order.Uint32(entries[8:])
			}
			if v < 1 || v > 8 {
				return 0
			}
			return int(v)
		}
		entries = entries[entryBytes:]
	}
	return 0
}

// upright returns the picture turned and mirrored as EXIF's orientation asks, or itself. Pixels
// are moved, never changed.
func upright(picture image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return picture
	}
	switch p := picture.(type) {
	case *image.Gray:
		size := turned(p.Rect.Size(), orientation)
		out := pixels.Gray(size.X, size.Y)
		turn(out.Pix, out.Stride, p.Pix, p.Stride, p.Rect.Size(), 1, orientation)
		return out
	case *image.Gray16:
		size := turned(p.Rect.Size(), orientation)
		out := pixels.Gray16(size.X, size.Y)
		turn(out.Pix, out.Stride, p.Pix, p.Stride, p.Rect.Size(), 2, orientation)
		return out
	}
	return picture
}

// swapsAxes tells the orientations whose rows are the upright picture's columns.
func swapsAxes(orientation int) bool { return orientation >= 5 }

func turned(size image.Point, orientation int) image.Point {
	if swapsAxes(orientation) {
		return image.Pt(size.Y, size.X)
	}
	return size
}

// turn copies pixels of n bytes. It works out where the stored picture's first pixel
// goes in dst, and how far from it the next in a row and in a column.
func turn(dst []byte, dstStride int, src []byte, srcStride int, size image.Point, n, orientation int) {
	right, down := size.X-1, size.Y-1
	var start, alongRow, alongColumn int
	switch orientation {
	case 2: // mirrored left to right
		start, alongRow, alongColumn = right*n, -n, dstStride
	case 3: // turned by 180 degrees
		start, alongRow, alongColumn = down*dstStride+right*n, -n, -dstStride
	case 4: // mirrored top to bottom
		start, alongRow, alongColumn = down*dstStride, n, -dstStride
	case 5: // mirrored along the falling diagonal
		start, alongRow, alongColumn = 0, dstStride, n
	case 6: // to be turned clockwise
		start, alongRow, alongColumn = down*n, dstStride, -n
	case 7: // mirrored along the rising diagonal
		start, alongRow, alongColumn = right*dstStride+down*n, -dstStride, -n
	case 8: // to be turned anticlockwise
		start, alongRow, alongColumn = right*dstStride, -dstStride, n
	}
	for y := range size.Y {
		row := src[y*srcStride:][:size.X*n]
		to := start + y*alongColumn
		for x := range size.X {
			copy(dst[to:to+n], row[x*n:x*n+n])
			to += alongRow
		}
	}
}
