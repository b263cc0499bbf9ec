package dicom

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MarshalJSON writes the data set in the DICOM JSON model (PS3.18, F). Text is in UTF-8, and a SpecificCharacterSet says so.
// The lengths of groups are left out. Encapsulated pixel data, for which the model has no form, is an error.
func (d *Dataset) MarshalJSON() ([]byte, error) {
	to := []byte{'{'}
	for i := range d.elements {
		e := &d.elements[i]
		if e.Tag.Element() == 0 {
			continue
		}
		if len(to) > 1 {
			to = append(to, ',')
		}
		to = fmt.Appendf(to, `"%08X":{"vr":"%s"`, uint32(e.Tag), e.VR)
		var err error
		if to, err = d.appendJSONValue(to, e); err != nil {
			return nil, err
		}
		to = append(to, '}')
	}
	return append(to, '}'), nil
}

// appendJSONValue appends the value, whatever it is called, of an element. Empty ones have none (PS3.18, F.2.5).
func (d *Dataset) appendJSONValue(to []byte, e *Element) ([]byte, error) {
	switch {
	case e.Fragments != nil:
		return nil, fmt.Errorf("dicom: %v is encapsulated, for which JSON has no form", e.Tag)
	case len(e.Value) == 0 && len(e.Items) == 0:
		return to, nil
	case e.Tag == SpecificCharacterSet:
		return append(to, `,"Value":["ISO_IR 192"]`...), nil
	}
	switch e.VR {
	case OB, OW, OF, OD, OL, OV, UN:
		to = append(to, `,"InlineBinary":"`...)
		to = base64.StdEncoding.AppendEncode(to, e.Value)
		return append(to, '"'), nil
	}
	var values []any
	switch e.VR {
	case SQ:
		for _, below := range e.Items {
			values = append(values, below)
		}
	case PN:
		for _, name := range d.Strings(e.Tag) {
			values = append(values, jsonName(name))
		}
	case DS, IS:
		for _, s := range d.Strings(e.Tag) {
			values = append(values, jsonNumber(s))
		}
	default:
		if unit := kinds[e.VR].unit; unit > 0 {
			if len(e.Value)%unit != 0 || e.VR == AT && len(e.Value)%4 != 0 {
				return nil, fmt.Errorf("dicom: %v of %s has %d bytes", e.Tag, e.VR, len(e.Value))
			}
			values = jsonBinary(e)
			break
		}
		for _, s := range d.Strings(e.Tag) {
			values = append(values, jsonText(s))
		}
	}
	list, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	return append(append(to, `,"Value":`...), list...), nil
}

// jsonText is a value of text; an empty one among others is null.
func jsonText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// jsonName has the groups of a name (PS3.18, F.2.2).
func jsonName(name string) any {
	if name == "" {
		return nil
	}
	groups := strings.SplitN(name, "=", 3)
	out := struct {
		Alphabetic  string `json:",omitempty"`
		Ideographic string `json:",omitempty"`
		Phonetic    string `json:",omitempty"`
	}{Alphabetic: groups[0]}
	if len(groups) > 1 {
		out.Ideographic = groups[1]
	}
	if len(groups) > 2 {
		out.Phonetic = groups[2]
	}
	return out
}

// jsonNumber is a decimal or whole number in text as a number of JSON, or the text where it is none.
func jsonNumber(s string) any {
	if s == "" {
		return nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		if n := json.Number(strings.TrimPrefix(s, "+")); json.Valid([]byte(n)) {
			return n // with the digits that it has
		}
		return f
	}
	return s
}

func jsonBinary(e *Element) (values []any) {
	for v := e.Value; len(v) > 0; {
		n := kinds[e.VR].unit
		switch e.VR {
		case US:
			values = append(values, binary.LittleEndian.Uint16(v))
		case SS:
			values = append(values, int16(binary.LittleEndian.Uint16(v)))
		case UL:
			values = append(values, binary.LittleEndian.Uint32(v))
		case SL:
			values = append(values, int32(binary.LittleEndian.Uint32(v)))
		case UV:
			values = append(values, binary.LittleEndian.Uint64(v))
		case SV:
			values = append(values, int64(binary.LittleEndian.Uint64(v)))
		case FL:
			values = append(values, jsonFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(v))), 32))
		case FD:
			values = append(values, jsonFloat(math.Float64frombits(binary.LittleEndian.Uint64(v)), 64))
		case AT:
			values = append(values, fmt.Sprintf("%08X", uint32(NewTag(binary.LittleEndian.Uint16(v), binary.LittleEndian.Uint16(v[2:])))))
			n = 4
		}
		v = v[n:]
	}
	return values
}

// jsonFloat is a number in its shortest form, or the name of what is none.
func jsonFloat(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case bits == 32:
		return float32(f)
	}
	return f
}
