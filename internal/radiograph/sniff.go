package radiograph

import (
	"bytes"
	"fmt"
)

// signature recognises a format by bytes at a fixed place.
type signature struct {
	offset int
	magic  string
	format string
}

// Formats that are decoded, by the first bytes of a file.
var supported = []struct {
	signature
	codec *codec
}{
	{signature{0, "\xff\xd8\xff", "JPEG"}, &jpegCodec},
	{signature{0, pngMagic, "PNG"}, &pngCodec},
	{signature{0, "BM", "BMP"}, &bmpCodec},
	{signature{0, "II*\x00", "TIFF"}, &tiffCodec},
	{signature{0, "MM\x00*", "TIFF"}, &tiffCodec},
	{signature{8, "WEBP", "WebP"}, &webpCodec},
}

// Formats that people may well send but that are not decoded. Naming them makes
// for an answer that can be acted on.
var unsupported = []signature{
	{128, "DICM", "DICOM"},
	{0, "GIF87a", "GIF"},
	{0, "GIF89a", "GIF"},
	{0, "%PDF-", "PDF"},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"},
	{0, "\xff\x4f\xff\x51", "JPEG 2000 codestream"},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"},
	{0, "\xff\x0a", "JPEG XL"},
	{4, "ftypheic", "HEIC"},
	{4, "ftypheix", "HEIC"},
	{4, "ftypmif1", "HEIF"},
	{4, "ftypavif", "AVIF"},
	{0, "II+\x00", "BigTIFF"},
	{0, "MM\x00+", "BigTIFF"},
	{0, "8BPS", "Photoshop"},
	{0, "\x00\x00\x01\x00", "ICO"},
	{0, "\x76\x2f\x31\x01", "OpenEXR"},
	{0, "NRRD", "NRRD"},
	{344, "n+1\x00", "NIfTI"},
	{0, "P5\n", "PGM"},
	{0, "P6\n", "PPM"},
	{0, "PK\x03\x04", "ZIP archive"},
	{0, "\x1f\x8b", "gzip archive"},
}

func (s signature) matches(data []byte) bool {
	return len(data) >= s.offset && bytes.HasPrefix(data[s.offset:], []byte(s.magic))
}

// sniff tells the format of a file by its content. A file's name and the type that
// its sender claims are never asked.
func sniff(data []byte, limits Limits) (*codec, error) {
	// DICOM first: its preamble of 128 bytes may imitate another format.
	for _, s := range unsupported {
		if s.matches(data) {
			return nil, fmt.Errorf("%w: %s", ErrUnknownFormat, s.format)
		}
	}
	for _, s := range supported {
		if !s.matches(data) {
			continue
		}
		if s.codec == &tiffCodec && !limits.TIFF || s.codec == &webpCodec && !limits.WebP {
			return nil, fmt.Errorf("%w: %s is switched off", ErrUnknownFormat, s.format)
		}
		return s.codec, nil
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no bytes", ErrNotPicture)
	}
	return nil, fmt.Errorf("%w: neither JPEG, PNG nor BMP by its first bytes", ErrNotPicture)
}
