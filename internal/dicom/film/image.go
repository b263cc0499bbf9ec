package film

import (
	"github.com/spikeray/spikeray/internal/dicom"
)

// imageModule is what an object says of its pixels (PS3.3, C.7.6.3).
type imageModule struct {
	rows, columns     int
	allocated, stored int // bits of a cell, and of the sample in it
	high              int // the sample's highest bit
	signed            bool
	white0            bool // MONOCHROME1: the smallest value is white
}

func (m imageModule) pixels() int64 { return int64(m.rows) * int64(m.columns) }

// bytes is the length of native pixel data, without padding.
func (m imageModule) bytes() int64 { return m.pixels() * int64(m.allocated/8) }

// values is how many different samples there can be.
func (m imageModule) values() int { return 1 << m.stored }

// value is the number that the sample of these bits stands for.
func (m imageModule) value(bits int) int {
	if m.signed && bits >= 1<<(m.stored-1) {
		return bits - 1<<m.stored
	}
	return bits
}

func readImageModule(d *dicom.Dataset) (imageModule, error) {
	var m imageModule
	switch {
	case d.Has(dicom.FloatPixelData) || d.Has(dicom.DoubleFloatPixelData):
		return m, fail(ErrUnsupported, "pixels that are floating-point numbers; send whole numbers of 8 to 16 bits")
	}
	number := func(tag dicom.Tag, to *int) error {
		n, ok := d.Int(tag)
		if !ok {
			return fail(ErrDamaged, "%v is missing or no number", tag)
		}
		*to = n
		return nil
	}
	samples, frames, signed := 1, 1, 0
	if d.Has(dicom.NumberOfFrames) {
		if err := number(dicom.NumberOfFrames, &frames); err != nil {
			return m, err
		}
	}
	if frames > 1 {
		return m, fail(ErrNotRadiograph, "%d frames, expected one film", frames)
	}
	if d.Has(dicom.SamplesPerPixel) {
		if err := number(dicom.SamplesPerPixel, &samples); err != nil {
			return m, err
		}
	}
	photometric, err := photometric(d, samples)
	if err != nil {
		return m, err
	}
	m.white0 = photometric == "MONOCHROME1"
	for tag, to := range map[dicom.Tag]*int{dicom.Rows: &m.rows, dicom.Columns: &m.columns, dicom.BitsAllocated: &m.allocated} {
		if err := number(tag, to); err != nil {
			return m, err
		}
	}
	// What is left out has one sensible value.
	m.stored = m.allocated
	if d.Has(dicom.BitsStored) {
		if err := number(dicom.BitsStored, &m.stored); err != nil {
			return m, err
		}
	}
	m.high = m.stored - 1
	for tag, to := range map[dicom.Tag]*int{dicom.HighBit: &m.high, dicom.PixelRepresentation: &signed} {
		if d.Has(tag) {
			if err := number(tag, to); err != nil {
				return m, err
			}
		}
	}
	m.signed = signed == 1
	return m, m.check()
}

// photometric is the photometric interpretation, which must be one of grey.
func photometric(d *dicom.Dataset, samples int) (string, error) {
	p := d.String(dicom.PhotometricInterpretation)
	switch p {
	case "MONOCHROME1", "MONOCHROME2":
		if samples != 1 {
			return "", fail(ErrDamaged, "%s with %d samples a pixel, expected 1", p, samples)
		}
		return p, nil
	case "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB":
		return "", fail(ErrNotRadiograph, "colour (%s), expected MONOCHROME1 or MONOCHROME2", p)
	case "":
		return "", fail(ErrDamaged, "%v is missing", dicom.PhotometricInterpretation)
	}
	return "", fail(ErrUnsupported, "another photometric interpretation than MONOCHROME1 or MONOCHROME2")
}

func (m imageModule) check() error {
	switch {
	case m.rows < 1 || m.columns < 1:
		return fail(ErrDamaged, "%d rows of %d columns", m.rows, m.columns)
	case m.allocated == 1 || m.allocated == 12:
		return fail(ErrUnsupported, "%d bits allocated, packed; expected 8 or 16", m.allocated)
	case m.allocated != 8 && m.allocated != 16:
		return fail(ErrUnsupported, "%d bits allocated, expected 8 or 16", m.allocated)
	case m.stored < 1 || m.stored > m.allocated:
		return fail(ErrDamaged, "%d bits stored in %d allocated", m.stored, m.allocated)
	case m.high < m.stored-1 || m.high >= m.allocated:
		return fail(ErrDamaged, "high bit %d of %d bits stored in %d allocated", m.high, m.stored, m.allocated)
	}
	return nil
}
