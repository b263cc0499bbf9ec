package radiograph

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// element is a DICOM data element; an empty vr makes it implicit.
func element(order binary.AppendByteOrder, group, number uint16, vr, value string) []byte {
	out := order.AppendUint16(order.AppendUint16(nil, group), number)
	switch vr {
	case "":
		out = order.AppendUint32(out, uint32(len(value)))
	case "OB", "OW", "SQ", "UN":
		out = order.AppendUint32(append(append(out, vr...), 0, 0), uint32(len(value)))
	default:
		out = order.AppendUint16(append(out, vr...), uint16(len(value)))
	}
	return append(out, value...)
}

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func TestKnowsDICOMHoweverItComes(t *testing.T) {
	little, big := binary.LittleEndian, binary.BigEndian
	const ct, uid = "1.2.840.10008.5.1.4.1.1.1.1\x00", "1.2.3\x00"
	meta := join(element(little, 2, 0, "UL", "\x40\x00\x00\x00"), element(little, 2, 1, "OB", "\x00\x01"), element(little, 2, 2, "UI", ct), element(little, 2, 3, "UI", uid))
	files := map[string][]byte{
		"preamble of zeros":        join(make([]byte, 128), []byte("DICM"), meta),
		"preamble of a TIFF":       join([]byte("II*\x00\x08\x00\x00\x00"), make([]byte, 120), []byte("DICM"), meta),
		"preamble of a PNG":        join(asPNG(t, greyRamp())[:128], []byte("DICM"), meta),
		"mark without preamble":    join([]byte("DICM"), meta),
		"meta header alone":        meta,
		"bare explicit data set":   join(element(little, 8, 5, "CS", "ISO_IR 100"), element(little, 8, 8, "CS", "ORIGINAL\\PRIMARY"), element(little, 8, 0x16, "UI", ct)),
		"bare implicit data set":   join(element(little, 8, 0, "", "\x80\x00\x00\x00"), element(little, 8, 8, "", "ORIGINAL"), element(little, 8, 0x16, "", ct)),
		"bare big-endian data set": join(element(big, 8, 5, "CS", "ISO_IR 100"), element(big, 8, 8, "CS", "ORIGINAL"), element(big, 8, 0x16, "UI", ct)),
		"implicit, an empty value": join(element(little, 8, 5, "", ""), element(little, 8, 8, "", "ORIGINAL"), element(little, 8, 0x18, "", uid)),
		"explicit with a sequence": join(element(little, 8, 5, "CS", "ISO_IR 6"), element(little, 8, 6, "SQ", ""), element(little, 8, 0x16, "UI", ct)),
	}
	for name, data := range files {
		if _, err := Decode(t.Context(), data, everything); err == nil || !strings.HasPrefix(err.Error(), "dicom: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{
		"tags that fall": join(element(little, 8, 8, "CS", "AB"), element(little, 8, 5, "CS", "AB"), element(little, 8, 0x16, "UI", uid)),
		"an odd length":  join(element(little, 8, 5, "CS", "ABC"), element(little, 8, 8, "CS", "AB"), element(little, 8, 0x16, "UI", uid)),
		"another group":  join(element(little, 9, 5, "CS", "AB"), element(little, 9, 8, "CS", "AB"), element(little, 9, 0x16, "UI", uid)),
		"cut short":      element(little, 8, 5, "CS", "ISO_IR 100"),
		"zeros":          make([]byte, 300),
	} {
		if _, err := Decode(t.Context(), data, everything); !errors.Is(err, ErrNotPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesOtherFormatsByContent(t *testing.T) {
	pad := strings.Repeat("\x00", 400)
	nifti := append([]byte{}, pad...)
	copy(nifti[344:], "n+1\x00")
	tar := append([]byte("folder/picture.png"), pad...)
	copy(tar[257:], "ustar")
	ftyp := func(brands string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(brands)))) + "ftyp" + brands + pad
	}
	encoded := base64.StdEncoding.EncodeToString(asPNG(t, greyRamp()))
	for _, c := range []struct{ data, want string }{
		{"%PDF-1.7\n" + pad, "PDF"}, {"\x00\x0d\x0a%PDF-1.4\n" + pad, "PDF"}, {"GIF87a" + pad, "GIF"},
		{ftyp("heic\x00\x00\x00\x00mif1heic"), "HEIC"}, {ftyp("mif1\x00\x00\x00\x00mif1heic"), "HEIC"}, {ftyp("mif1\x00\x00\x00\x00mif1avif"), "AVIF"},
		{ftyp("avif\x00\x00\x00\x00"), "AVIF"}, {ftyp("mif1\x00\x00\x00\x00mif1"), "HEIF"}, {ftyp("isom\x00\x00\x02\x00isom"), "MP4"},
		{"\x00\x00\x00\x0cjP  \r\n\x87\n" + pad, "JPEG 2000"}, {"\xff\x4f\xff\x51" + pad, "JPEG 2000"},
		{"\x00\x00\x00\x0cJXL \r\n\x87\n" + pad, "JPEG XL"}, {"\xff\x0a" + pad, "JPEG XL"}, {"II\xbc\x01" + pad, "JPEG XR"},
		{string(nifti), "NIfTI"}, {"\x5c\x01\x00\x00" + pad, "NIfTI"}, {"PK\x03\x04" + pad, "ZIP"}, {"\x1f\x8b\x08" + pad, "gzip"}, {string(tar), "tar"},
		{"<!DOCTYPE html><html>", "HTML"}, {"\xef\xbb\xbf\r\n<HTML>", "HTML"}, {"<?xml version=\"1.0\"?><svg/>", "SVG"}, {"<?xml version=\"1.0\"?><a/>", "XML"},
		{`{"image": "` + encoded + `"}`, "JSON"}, {`["` + encoded + `"]`, "JSON"}, {encoded, "base64"}, {"data:image/png;base64," + encoded, "data URL"},
		{"https://example.org/chest.png", "URL"}, {"--boundary\r\nContent-Disposition: form-data\r\n", "form"},
		{"P5\n16 16\n255\n" + pad, "Netpbm"}, {"P2 16 16 255 " + pad, "Netpbm"}, {"\x93NUMPY\x01\x00" + pad, "NumPy"}, {"\x89HDF\r\n\x1a\n" + pad, "HDF5"},
	} {
		_, err := Decode(t.Context(), []byte(c.data), everything)
		if !errors.Is(err, ErrUnknownFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %s", c.data, err, c.want)
		}
	}
	for _, c := range []struct{ data, want string }{
		{"", "no bytes"}, {"just a line of text", "text"}, {"\n" + string(asPNG(t, greyRamp())), "PNG begins at byte 1"},
		{"\xef\xbb\xbf" + string(asJPEG(t, greyRamp())), "JPEG begins at byte 3"}, {"\x01\x02\x03\x04", "neither DICOM, JPEG, PNG, TIFF, WebP nor BMP"},
	} {
		_, err := Decode(t.Context(), []byte(c.data), everything)
		if !errors.Is(err, ErrNotPicture) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %s", c.data, err, c.want)
		}
	}
}

func TestSaysHowToSwitchAFormatOn(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want string
	}{{[]byte("II*\x00\x08\x00\x00\x00"), "--tiff or SPIKERAY_TIFF"}, {fixture(t, "lossy.webp"), "--webp or SPIKERAY_WEBP"}} {
		if _, err := Decode(t.Context(), c.data, Limits{}); !errors.Is(err, ErrUnknownFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
