package radiograph

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Formats that people may well send but that are not decoded. Naming them makes
// for an answer that can be acted on.
var foreign = []signature{
	{0, "GIF87a", "GIF"},
	{0, "GIF89a", "GIF"},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"},
	{0, "\xff\x4f\xff\x51", "a JPEG 2000 codestream"},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"},
	{0, "\xff\x0a", "JPEG XL"},
	{0, "II\xbc\x01", "JPEG XR"},
	{0, "8BPS", "a Photoshop document"},
	{0, "\x00\x00\x01\x00", "ICO"},
	{0, "\x00\x00\x02\x00", "CUR"},
	{0, "\x76\x2f\x31\x01", "OpenEXR"},
	{0, "#?RADIANCE", "Radiance HDR"},
	{0, "qoif", "QOI"},
	{0, "DDS ", "DDS"},
	{0, "SIMPLE  =", "FITS"},
	{0, "NRRD0", "NRRD"},
	{0, "\x5c\x01\x00\x00", "NIfTI"}, // the length of its header, 348
	{0, "\x00\x00\x01\x5c", "NIfTI"},
	{0, "\x1c\x02\x00\x00n+2", "NIfTI-2"},
	{344, "n+1\x00", "NIfTI"},
	{344, "ni1\x00", "NIfTI"},
	{0, "ObjectType =", "MetaImage"},
	{0, "NDims =", "MetaImage"},
	{0, "\x93NUMPY", "a NumPy array"},
	{0, "\x89HDF\r\n\x1a\n", "HDF5"},
	{0, "MATLAB 5.0", "a MATLAB file"},
	{0, "%!PS", "PostScript"},
	{0, "{\\rtf", "RTF"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"},
	{0, "PK\x03\x04", "a ZIP archive (or a document that is one)"},
	{0, "PK\x05\x06", "an empty ZIP archive"},
	{0, "\x1f\x8b", "a gzip archive"},
	{0, "BZh", "a bzip2 archive"},
	{0, "\xfd7zXZ\x00", "an xz archive"},
	{0, "\x28\xb5\x2f\xfd", "a zstd archive"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{0, "Rar!\x1a\x07", "a RAR archive"},
	{257, "ustar", "a tar archive"},
	{0, "\x7fELF", "a program"},
	{8, "WAVE", "WAV"},
	{8, "AVI ", "AVI"},
	{0, "OggS", "Ogg"},
	{0, "ID3", "MP3"},
	{0, "\x1a\x45\xdf\xa3", "Matroska or WebM"},
}

// foreignFormat names what a file is that is not decoded here, or returns "".
func foreignFormat(data []byte) string {
	if brand := isoBrand(data); brand != "" {
		return brand
	}
	// A PDF may begin anywhere in the first kilobyte.
	if bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) && !isSupported(data) {
		return "PDF"
	}
	for _, s := range foreign {
		if s.matches(data) {
			return s.format
		}
	}
	if isNetpbm(data) {
		return "a Netpbm picture (PBM, PGM, PPM or PAM)"
	}
	return textFormat(data)
}

// isoBrand names a file of the ISO base media format by its brands: the major one,
// then the compatible ones.
func isoBrand(data []byte) string {
	if len(data) < 12 || string(data[4:8]) != "ftyp" {
		return ""
	}
	brands := data[8:max(12, min(int64(len(data)), 256, int64(binary.BigEndian.Uint32(data))))]
	found := "an ISO media file (MP4 or the like)"
	for i := 0; i+4 <= len(brands); i += 4 {
		switch string(brands[i : i+4]) {
		case "avif", "avis":
			return "AVIF"
		case "heic", "heix", "heim", "heis", "hevc", "hevx":
			return "HEIC"
		case "mif1", "msf1", "miaf":
			found = "HEIF"
		case "crx ":
			return "Canon CR3"
		case "jp2 ", "jpx ":
			return "JPEG 2000"
		}
	}
	return found
}

// isNetpbm recognises P1 to P7, white space, and a size, comment or keyword.
func isNetpbm(data []byte) bool {
	return len(data) > 4 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' &&
		bytes.IndexByte([]byte(" \t\r\n"), data[2]) >= 0 && bytes.IndexByte([]byte("0123456789# \t\r\nWHD"), data[3]) >= 0
}

// textFormat names text that was sent in the place of a picture.
func textFormat(data []byte) string {
	const look = 512
	start := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf16 := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")); utf16 && len(data) > 2 {
		return "text in UTF-16"
	}
	start = bytes.TrimLeft(start[:min(len(start), look)], " \t\r\n")
	if len(start) < 2 || !isText(start) {
		return ""
	}
	lower := strings.ToLower(string(start))
	switch {
	case strings.HasPrefix(lower, "<!doctype html"), strings.HasPrefix(lower, "<html"), strings.HasPrefix(lower, "<head"), strings.HasPrefix(lower, "<body"):
		return "an HTML page"
	case strings.Contains(lower, "<svg"):
		return "SVG"
	case strings.HasPrefix(lower, "<?xml"), strings.HasPrefix(lower, "<"):
		return "XML"
	case strings.HasPrefix(lower, "data:"):
		return "a data URL; send the bytes that it stands for"
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "file://"):
		return "a URL; send the bytes of the picture"
	case start[0] == '{', start[0] == '[':
		return "JSON; send the bytes of the picture, not base64 inside a document"
	case strings.HasPrefix(lower, "--"):
		return "a form's body without its Content-Type: multipart/form-data"
	}
	for _, prefix := range base64Prefixes {
		if bytes.HasPrefix(start, []byte(prefix)) {
			return "base64; send the bytes that it stands for"
		}
	}
	return ""
}

// base64Prefixes are how the files that are decoded, and DICOM's zeros, begin in base64.
var base64Prefixes = []string{"/9j/", "iVBORw0KGgo", "Qk", "SUkqA", "TU0AK", "UklGR", "AAAAAAAAAAAA"}

// isText tells text in UTF-8 by its first bytes; a character may be cut at the end.
func isText(data []byte) bool {
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n <= 1:
			return len(data) < utf8.UTFMax && !utf8.FullRune(data)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f', r == 0x7f:
			return false
		}
		data = data[n:]
	}
	return true
}
