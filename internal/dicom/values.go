package dicom

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// Strings are the values of a text element, without padding and in UTF-8. An element that is absent or of binary numbers
// has none.
func (d *Dataset) Strings(tag Tag) []string {
	e := d.Get(tag)
	if e == nil || len(e.Value) == 0 || kinds[e.VR].unit > 0 {
		return nil
	}
	if e.VR == LT || e.VR == ST || e.VR == UT || e.VR == UR {
		return []string{strings.TrimRight(d.text(e), " \x00")} // leading blanks mean something (PS3.5, 6.2)
	}
	values := strings.Split(d.text(e), `\`)
	for i, v := range values {
		values[i] = trim(v)
	}
	return values
}

// String is the first value of a text element, "" where there is none.
func (d *Dataset) String(tag Tag) string {
	if values := d.Strings(tag); len(values) > 0 {
		return values[0]
	}
	return ""
}

func trim(s string) string { return strings.Trim(s, " \x00") }

// Ints are the values of an element of whole numbers, in binary (US, SS, UL, SL, AT, and OW, OB or UN as far as they are as
// long as the dictionary's representation) or in text (IS). ok is false for a value that is not one.
func (d *Dataset) Ints(tag Tag) (values []int, ok bool) {
	e := d.Get(tag)
	if e == nil || len(e.Value) == 0 {
		return nil, false
	}
	switch vr := e.numberVR(); vr {
	case US, SS, OW:
		if len(e.Value)%2 != 0 {
			return nil, false
		}
		for v := e.Value; len(v) > 0; v = v[2:] {
			n := int(binary.LittleEndian.Uint16(v))
			if vr == SS {
				n = int(int16(n))
			}
			values = append(values, n)
		}
	case UL, SL:
		if len(e.Value)%4 != 0 {
			return nil, false
		}
		for v := e.Value; len(v) > 0; v = v[4:] {
			n := int(binary.LittleEndian.Uint32(v))
			if vr == SL {
				n = int(int32(n))
			}
			values = append(values, n)
		}
	case AT:
		if len(e.Value)%4 != 0 {
			return nil, false
		}
		for v := e.Value; len(v) > 0; v = v[4:] {
			values = append(values, int(NewTag(binary.LittleEndian.Uint16(v), binary.LittleEndian.Uint16(v[2:]))))
		}
	case IS, DS:
		for _, s := range d.Strings(tag) {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, false
			}
			values = append(values, n)
		}
	default:
		return nil, false
	}
	return values, true
}

// numberVR is the representation by which numbers are read: a tag that was stored as unknown is what the dictionary says.
func (e *Element) numberVR() VR {
	if e.VR == UN || e.VR == OB {
		return dictionaryVR(e.Tag)
	}
	return e.VR
}

// Int is the first of Ints.
func (d *Dataset) Int(tag Tag) (int, bool) {
	if values, ok := d.Ints(tag); ok && len(values) > 0 {
		return values[0], true
	}
	return 0, false
}

// Floats are the values of an element of numbers, in binary (FL, FD, and those of Ints) or in text (DS, IS). ok is false for
// a value that is not a finite number.
func (d *Dataset) Floats(tag Tag) (values []float64, ok bool) {
	e := d.Get(tag)
	if e == nil || len(e.Value) == 0 {
		return nil, false
	}
	switch e.numberVR() {
	case FL:
		if len(e.Value)%4 != 0 {
			return nil, false
		}
		for v := e.Value; len(v) > 0; v = v[4:] {
			values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(v))))
		}
	case FD:
		if len(e.Value)%8 != 0 {
			return nil, false
		}
		for v := e.Value; len(v) > 0; v = v[8:] {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(v)))
		}
	case DS, IS:
		for _, s := range d.Strings(tag) {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, false
			}
			values = append(values, f)
		}
	default:
		whole, ok := d.Ints(tag)
		if !ok {
			return nil, false
		}
		for _, n := range whole {
			values = append(values, float64(n))
		}
	}
	for _, f := range values {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, false
		}
	}
	return values, true
}

// Float is the first of Floats.
func (d *Dataset) Float(tag Tag) (float64, bool) {
	if values, ok := d.Floats(tag); ok && len(values) > 0 {
		return values[0], true
	}
	return 0, false
}

// Items are those of a sequence, nil where there is none.
func (d *Dataset) Items(tag Tag) []*Dataset {
	if e := d.Get(tag); e != nil {
		return e.Items
	}
	return nil
}

// SetStrings sets a text element of a tag that is in the dictionary; no values make it empty. Text is written as it is: a
// data set with characters beyond ASCII must say ISO_IR 192 (UTF-8) in its SpecificCharacterSet.
func (d *Dataset) SetStrings(tag Tag, values ...string) {
	vr := mustVR(tag)
	value := []byte(strings.Join(values, `\`))
	if len(value)%2 == 1 {
		value = append(value, kinds[vr].pad)
	}
	d.Set(Element{Tag: tag, VR: vr, Value: value})
}

// SetInts sets an element of binary whole numbers (US, SS, UL, SL) or of IS whose tag is in the dictionary.
func (d *Dataset) SetInts(tag Tag, values ...int) {
	vr := mustVR(tag)
	if vr == IS {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = strconv.Itoa(v)
		}
		d.SetStrings(tag, texts...)
		return
	}
	var value []byte
	for _, v := range values {
		switch kinds[vr].unit {
		case 2:
			value = binary.LittleEndian.AppendUint16(value, uint16(v))
		case 4:
			value = binary.LittleEndian.AppendUint32(value, uint32(v))
		default:
			panic("dicom: " + tag.String() + " does not hold whole numbers")
		}
	}
	d.Set(Element{Tag: tag, VR: vr, Value: value})
}

// SetFloats sets an element of FD, FL or DS whose tag is in the dictionary. A DS has at most 16 characters, so the number
// is rounded to what fits.
func (d *Dataset) SetFloats(tag Tag, values ...float64) {
	vr := mustVR(tag)
	var value []byte
	switch vr {
	case FD:
		for _, v := range values {
			value = binary.LittleEndian.AppendUint64(value, math.Float64bits(v))
		}
	case FL:
		for _, v := range values {
			value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(v)))
		}
	case DS:
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = DecimalString(v)
		}
		d.SetStrings(tag, texts...)
		return
	default:
		panic("dicom: " + tag.String() + " does not hold numbers")
	}
	d.Set(Element{Tag: tag, VR: vr, Value: value})
}

// DecimalString writes a number in at most the 16 characters of a DS.
func DecimalString(v float64) string {
	for digits := 17; ; digits-- {
		if s := strconv.FormatFloat(v, 'g', digits, 64); len(s) <= 16 {
			return s
		}
	}
}

// SetItems sets a sequence.
func (d *Dataset) SetItems(tag Tag, items ...*Dataset) {
	d.Set(Element{Tag: tag, VR: SQ, Items: items})
}

// SetBytes sets an element of bytes, such as native pixel data (OW in little endian, or OB); an odd length is padded.
func (d *Dataset) SetBytes(tag Tag, vr VR, value []byte) {
	if len(value)%2 == 1 {
		value = append(value[:len(value):len(value)], 0)
	}
	d.Set(Element{Tag: tag, VR: vr, Value: value})
}

// Copy copies elements of another data set as they are, with the representation that they have there. Absent ones are left
// out. Text keeps its bytes, so the character set has to be copied too.
func (d *Dataset) Copy(from *Dataset, tags ...Tag) {
	for _, tag := range tags {
		if e := from.Get(tag); e != nil {
			d.Set(*e)
		}
	}
}
