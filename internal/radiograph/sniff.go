package radiograph

import (
	"bytes"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom"
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
	{signature{0, "II+\x00", "BigTIFF"}, &tiffCodec},
	{signature{0, "MM\x00+", "BigTIFF"}, &tiffCodec},
	{signature{8, "WEBP", "WebP"}, &webpCodec},
}

func (s signature) matches(data []byte) bool {
	return len(data) >= s.offset && bytes.HasPrefix(data[s.offset:], []byte(s.magic))
}

// isSupported tells the formats that are decoded, switched on or not.
func isSupported(data []byte) bool {
	for _, s := range supported {
		if s.matches(data) {
			return true
		}
	}
	return false
}

// switchedOff says how to have the formats decoded that are off unless asked for.
var switchedOff = map[*codec]string{
	&tiffCodec: "TIFF is switched off: --tiff or SPIKERAY_TIFF=true takes it",
	&webpCodec: "WebP is switched off: --webp or SPIKERAY_WEBP=true takes it",
}

// sniff tells the format of a file by its content. A file's name and the type that
// its sender claims are never asked.
func sniff(data []byte, limits Limits) (*codec, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: no bytes", ErrNotPicture)
	}
	// DICOM first: its preamble of 128 bytes may imitate another format.
	if dicom.Sniff(data) {
		return &dicomCodec, nil
	}
	if name := foreignFormat(data); name != "" {
		return nil, fmt.Errorf("%w: this is %s", ErrUnknownFormat, name)
	}
	for _, s := range supported {
		if !s.matches(data) {
			continue
		}
		if s.codec == &tiffCodec && !limits.TIFF || s.codec == &webpCodec && !limits.WebP {
			return nil, fmt.Errorf("%w: %s", ErrUnknownFormat, switchedOff[s.codec])
		}
		return s.codec, nil
	}
	for _, s := range supported {
		if at := bytes.Index(data[:min(len(data), nearStart)], []byte(s.magic)); s.offset == 0 && len(s.magic) > 2 && at > 0 {
			return nil, fmt.Errorf("%w: %s begins at byte %d only; what is before it does not belong there", ErrNotPicture, s.format, at)
		}
	}
	if isText(data[:min(len(data), nearStart)]) {
		return nil, fmt.Errorf("%w: this is text, %s", ErrNotPicture, limits.none())
	}
	return nil, fmt.Errorf("%w: %s by its first bytes", ErrNotPicture, limits.none())
}

// nearStart is how far from a file's first byte a picture is looked for, to name it.
const nearStart = 64

// none says that a file is of none of the formats that are decoded.
func (l Limits) none() string {
	formats := "neither DICOM, JPEG, PNG"
	if l.TIFF {
		formats += ", TIFF"
	}
	if l.WebP {
		formats += ", WebP"
	}
	return formats + " nor BMP"
}
