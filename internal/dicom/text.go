package dicom

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// text is an element's value in UTF-8. Bytes that are no character become U+FFFD.
func (d *Dataset) text(e *Element) string {
	vr := e.VR
	if vr == UN {
		vr = dictionaryVR(e.Tag)
	}
	if !kinds[vr].text || isASCII(e.Value) {
		return strings.ToValidUTF8(string(e.Value), "\ufffd")
	}
	return decodeText(e.Value, d.CharacterSet(), vr == PN)
}

// CharacterSet lists the values of the SpecificCharacterSet that text of the data set is in: its own, or that of the data
// set that it is an item of. There are none for the default repertoire.
func (d *Dataset) CharacterSet() []string {
	terms := d.inherited
	if e := d.Get(SpecificCharacterSet); e != nil {
		terms = string(e.Value)
	}
	if terms == "" {
		return nil
	}
	list := strings.Split(terms, `\`)
	for i, t := range list {
		list[i] = trim(t)
	}
	return list
}

// inherit tells the items below a data set in which character set it is.
func (d *Dataset) inherit(terms string) {
	d.inherited = terms
	if e := d.Get(SpecificCharacterSet); e != nil {
		terms = string(e.Value)
	}
	for i := range d.elements {
		for _, below := range d.elements[i].Items {
			below.inherit(terms)
		}
	}
}

func isASCII(value []byte) bool {
	for _, c := range value {
		if c >= 0x80 || c == escape {
			return false
		}
	}
	return true
}

// decodeText decodes text by the terms of a SpecificCharacterSet (PS3.3, C.12.1.1.2). Text beyond ASCII without such a term,
// or with one that the standard does not have, is taken for UTF-8 if it can be, otherwise for Latin alphabet No. 1.
func decodeText(value []byte, terms []string, name bool) string {
	var first *codedSet
	if len(terms) > 0 {
		first = registered(terms[0])
	}
	switch {
	case first == utf8Set:
		return strings.ToValidUTF8(string(value), "\ufffd")
	case first != nil && first.whole:
		return first.all(value)
	case len(terms) > 1 || bytes.IndexByte(value, escape) >= 0:
		return decodeISO2022(value, first, name)
	case first != nil:
		return first.all(value)
	case utf8.Valid(value):
		return string(value)
	}
	return latin1.all(value)
}

// codedSet is a coded character set, of single bytes where nothing else is said.
type codedSet struct {
	encoding encoding.Encoding
	// whole tells sets that stand by themselves, without code extensions.
	whole bool
	// two tells sets whose characters have two bytes.
	two bool
	// low tells sets of two bytes that are used as G0, without their high bits.
	low bool
	// lead stands before each character in encoding.
	lead string
	// kana shifts single bytes from 0xA1 to the half-width katakana of Unicode.
	kana bool
}

var (
	latin1  = &codedSet{encoding: charmap.ISO8859_1}
	utf8Set = &codedSet{}
	kana    = &codedSet{kana: true}
	gbk     = &codedSet{encoding: simplifiedchinese.GBK, whole: true}
	gb18030 = &codedSet{encoding: simplifiedchinese.GB18030, whole: true}
)

// singleBytes are the sets by their number in the ISO registry.
var singleBytes = map[int]*codedSet{
	13:  kana,
	100: latin1,
	101: {encoding: charmap.ISO8859_2},
	109: {encoding: charmap.ISO8859_3},
	110: {encoding: charmap.ISO8859_4},
	126: {encoding: charmap.ISO8859_7},
	127: {encoding: charmap.ISO8859_6},
	138: {encoding: charmap.ISO8859_8},
	144: {encoding: charmap.ISO8859_5},
	148: {encoding: charmap.ISO8859_9},
	166: {encoding: charmap.Windows874},
	192: utf8Set,
	203: {encoding: charmap.ISO8859_15},
}

// registered is the set of a term that can stand by itself or first, nil for the default repertoire, for sets that only
// escape sequences call and for what is none. Terms that are written a little wrong, such as "ISO-IR 100", are understood.
func registered(term string) *codedSet {
	switch strings.ToUpper(term) {
	case "GB18030":
		return gb18030
	case "GBK", "ISO 2022 GBK":
		return gbk
	case "UTF-8", "UTF8":
		return utf8Set
	}
	_, number, ok := strings.Cut(strings.ToUpper(term), "IR")
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimLeft(number, " _-"))
	if err != nil {
		return nil
	}
	return singleBytes[n]
}

// all decodes a value that is all in this set.
func (s *codedSet) all(value []byte) string {
	if s.kana {
		var b strings.Builder
		for _, c := range value {
			b.WriteRune(s.rune(c))
		}
		return b.String()
	}
	text, err := s.encoding.NewDecoder().Bytes(value)
	if err != nil {
		return strings.ToValidUTF8(string(value), "\ufffd")
	}
	return string(text)
}

// rune is the character of a single byte.
func (s *codedSet) rune(c byte) rune {
	switch {
	case s.kana && c >= 0xa1 && c <= 0xdf:
		return 0xff61 + rune(c-0xa1)
	case c < 0x80:
		return rune(c)
	}
	if m, ok := s.encoding.(*charmap.Charmap); ok {
		return m.DecodeByte(c)
	}
	return utf8.RuneError
}
