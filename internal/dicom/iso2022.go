package dicom

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const escape = 0x1b

// designation is an escape sequence, without its first byte, and the set that it makes G0 (the bytes below 0x80) or G1 (those
// from 0x80 on), nil for ASCII (PS3.3, C.12.1.1.2).
type designation struct {
	sequence string
	high     bool
	set      *codedSet
}

var designations = []designation{
	{"(B", false, nil}, {"(J", false, nil}, {")I", true, kana},
	{"-A", true, singleBytes[100]}, {"-B", true, singleBytes[101]}, {"-C", true, singleBytes[109]}, {"-D", true, singleBytes[110]},
	{"-F", true, singleBytes[126]}, {"-G", true, singleBytes[127]}, {"-H", true, singleBytes[138]}, {"-L", true, singleBytes[144]},
	{"-M", true, singleBytes[148]}, {"-T", true, singleBytes[166]}, {"-b", true, singleBytes[203]},
	{"$B", false, &codedSet{encoding: japanese.EUCJP, two: true, low: true}},
	{"$@", false, &codedSet{encoding: japanese.EUCJP, two: true, low: true}}, // the edition of 1978
	{"$(D", false, &codedSet{encoding: japanese.EUCJP, two: true, low: true, lead: "\x8f"}},
	{"$)C", true, &codedSet{encoding: korean.EUCKR, two: true}},
	{"$)A", true, &codedSet{encoding: simplifiedchinese.GBK, two: true}},
}

// decodeISO2022 decodes text with code extensions (PS3.5, 6.1.2.5). At its beginning, at the end of a line or a value, and
// between the parts of a name, G0 is ASCII and G1 is initial, which may be nil.
func decodeISO2022(value []byte, initial *codedSet, name bool) string {
	var b strings.Builder
	var g0 *codedSet
	g1 := initial
	for len(value) > 0 {
		c := value[0]
		switch {
		case c == escape:
			d := designated(value[1:])
			if d == nil {
				b.WriteRune(utf8.RuneError)
				value = value[1:]
				continue
			}
			if d.high {
				g1 = d.set
			} else {
				g0 = d.set
			}
			value = value[1+len(d.sequence):]
			continue
		case g0 != nil && len(value) >= 2 && c > ' ' && c < 0x7f && value[1] > ' ' && value[1] < 0x7f:
			g0.pair(&b, c, value[1])
			value = value[2:]
			continue
		case c < 0x80:
			if c == '\\' || c == '\n' || c == '\r' || c == '\f' || c == '\t' || name && (c == '^' || c == '=') {
				g0, g1 = nil, initial
			}
			b.WriteByte(c)
		case g1 == nil:
			// What an undeclared byte is, nobody says.
			b.WriteRune(latin1.rune(c))
		case g1.two && len(value) >= 2:
			g1.pair(&b, c, value[1])
			value = value[2:]
			continue
		default:
			b.WriteRune(g1.rune(c))
		}
		value = value[1:]
	}
	return b.String()
}

func designated(rest []byte) *designation {
	for i := range designations {
		if d := &designations[i]; strings.HasPrefix(string(rest[:min(len(rest), 3)]), d.sequence) {
			return d
		}
	}
	return nil
}

// pair writes the character of two bytes.
func (s *codedSet) pair(b *strings.Builder, first, second byte) {
	if s.low {
		first, second = first|0x80, second|0x80
	}
	text, err := s.encoding.NewDecoder().String(s.lead + string([]byte{first, second}))
	if err != nil {
		text = string(utf8.RuneError)
	}
	b.WriteString(text)
}
