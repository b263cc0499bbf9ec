package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrDamaged is wrapped by the errors of data sets that are damaged, cut short or beyond the limits.
var ErrDamaged = errors.New("dicom: damaged data set")

// SyntaxError says where a data set breaks the rules of PS3.5. It is an [ErrDamaged].
type SyntaxError struct {
	// Tag is the element that was read, 0 if none had been begun.
	Tag Tag
	// Offset is the place of the fault in the bytes that were parsed.
	Offset int64
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Tag == 0 {
		return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("%v at byte %d: %s", e.Tag, e.Offset, e.Reason)
}

func (e *SyntaxError) Is(target error) bool { return target == ErrDamaged }

// Limits bound what is parsed. The zero value stands for the defaults.
type Limits struct {
	// Depth is how deep sequences may lie in each other: 16.
	Depth int
	// Elements is how many elements and items there may be in all: 65536.
	Elements int
	// Inflated is how many bytes a deflated data set may have: 256 MiB.
	Inflated int64
}

func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 16
	}
	if l.Elements <= 0 {
		l.Elements = 1 << 16
	}
	if l.Inflated <= 0 {
		l.Inflated = 256 << 20
	}
	return l
}

const (
	item              Tag = 0xFFFEE000
	itemDelimiter     Tag = 0xFFFEE00D
	sequenceDelimiter Tag = 0xFFFEE0DD

	undefinedLength = 0xFFFFFFFF
)

// ParseDataset parses a data set without a Part 10 header, as it comes over the network, in the transfer syntax that is
// named. Deflated ones are inflated first.
func ParseDataset(data []byte, syntax string, limits Limits) (*Dataset, error) {
	limits = limits.withDefaults()
	if syntax == DeflatedLittleEndian {
		var err error
		if data, err = inflate(data, limits.Inflated); err != nil {
			return nil, err
		}
	}
	return newParser(data, syntax, limits).all()
}

type parser struct {
	data     []byte
	at       int64 // the next byte
	base     int64 // offset of data in the file
	order    binary.ByteOrder
	implicit bool
	limits   Limits
	left     int // elements that there may still be
}

func newParser(data []byte, syntax string, limits Limits) *parser {
	p := &parser{data: data, order: binary.LittleEndian, implicit: syntax == ImplicitLittleEndian, limits: limits, left: limits.Elements}
	if syntax == ExplicitBigEndian {
		p.order = binary.BigEndian
	}
	return p
}

func (p *parser) fail(tag Tag, at int64, format string, args ...any) error {
	return &SyntaxError{Tag: tag, Offset: p.base + at, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) rest() int64 { return int64(len(p.data)) - p.at }

// all parses to the end of the bytes.
func (p *parser) all() (*Dataset, error) {
	d := new(Dataset)
	err := p.elements(d, int64(len(p.data)), 0, false)
	return d, err
}

// elements parses elements up to end or, where delimited, to an item delimiter.
func (p *parser) elements(d *Dataset, end int64, depth int, delimited bool) error {
	for p.at < end {
		at := p.at
		h, err := p.header(end)
		if err != nil {
			return err
		}
		if h.tag == itemDelimiter && delimited {
			return nil
		}
		if h.tag.Group() == item.Group() {
			return p.fail(h.tag, at, "a delimiter where an element was expected")
		}
		e, err := p.element(h, at, end, depth)
		if err != nil {
			return err
		}
		d.add(e)
	}
	if delimited {
		return p.fail(itemDelimiter, p.at, "missing: the data ends within an item")
	}
	return nil
}

// elementHeader is what stands before an element's value.
type elementHeader struct {
	tag    Tag
	vr     VR
	length uint32
}

func (p *parser) tag() Tag {
	return NewTag(p.order.Uint16(p.data[p.at:]), p.order.Uint16(p.data[p.at+2:]))
}

// NewTag makes a tag of its two numbers.
func NewTag(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

func (p *parser) header(end int64) (elementHeader, error) {
	var h elementHeader
	at := p.at
	if end-at < 8 {
		return h, p.fail(0, at, "%d bytes left, an element begins with at least 8", end-at)
	}
	if p.left--; p.left < 0 {
		return h, p.fail(0, at, "more than %d elements", p.limits.Elements)
	}
	h.tag = p.tag()
	p.at += 4
	if p.implicit || h.tag.Group() == item.Group() {
		h.vr, h.length = dictionaryVR(h.tag), p.order.Uint32(p.data[p.at:])
		p.at += 4
		return h, nil
	}
	h.vr = VR(p.data[p.at : p.at+2])
	k, ok := kinds[h.vr]
	switch {
	case !ok:
		return h, p.fail(h.tag, at, "value representation %q is unknown", string(h.vr))
	case !k.long:
		h.length = uint32(p.order.Uint16(p.data[p.at+2:]))
		p.at += 4
	case end-at < 12:
		return h, p.fail(h.tag, at, "cut short before its length")
	default:
		h.length = p.order.Uint32(p.data[p.at+4:])
		p.at += 8
	}
	return h, nil
}

// element parses the value of an element whose header has been read.
func (p *parser) element(h elementHeader, at, end int64, depth int) (Element, error) {
	e := Element{Tag: h.tag, VR: h.vr, Offset: p.base + at}
	var err error
	switch {
	case h.length == undefinedLength && h.tag == PixelData:
		e.Fragments, err = p.fragments(end)
	case h.length == undefinedLength && h.vr == UN && !p.implicit:
		// Whoever did not know the element took it over as it was, in implicit VR (PS3.5, 6.2.2).
		p.implicit = true
		e.VR = SQ
		e.Items, err = p.items(h.tag, at, end, true, depth)
		p.implicit = false
	case h.length == undefinedLength && (h.vr == SQ || h.vr == UN):
		e.VR = SQ
		e.Items, err = p.items(h.tag, at, end, true, depth)
	case h.length == undefinedLength:
		err = p.fail(h.tag, at, "a value of %s cannot have an unknown length", h.vr)
	case int64(h.length) > end-p.at:
		err = p.fail(h.tag, at, "its length is %d, and %d bytes are left", h.length, end-p.at)
	case h.vr == SQ:
		e.Items, err = p.items(h.tag, at, p.at+int64(h.length), false, depth)
	default:
		e.Value = p.data[p.at : p.at+int64(h.length) : p.at+int64(h.length)]
		p.at += int64(h.length)
		if unit := kinds[h.vr].unit; p.order == binary.BigEndian && unit > 1 {
			e.Value = swapped(e.Value, unit)
		}
	}
	return e, err
}

// swapped turns numbers of big endian into little endian.
func swapped(value []byte, unit int) []byte {
	value = slices.Clone(value)
	for rest := value; len(rest) >= unit; rest = rest[unit:] {
		slices.Reverse(rest[:unit])
	}
	return value
}

// items parses the items of a sequence up to end or, where delimited, to a sequence delimiter.
func (p *parser) items(sequence Tag, at, end int64, delimited bool, depth int) ([]*Dataset, error) {
	if depth++; depth > p.limits.Depth {
		return nil, p.fail(sequence, at, "sequences lie more than %d deep", p.limits.Depth)
	}
	items := []*Dataset{}
	for p.at < end {
		start := p.at
		h, err := p.header(end)
		switch {
		case err != nil:
			return nil, err
		case h.tag == sequenceDelimiter && delimited:
			return items, nil
		case h.tag != item:
			return nil, p.fail(h.tag, start, "found within sequence %v, where an item was expected", sequence)
		}
		d := new(Dataset)
		if h.length == undefinedLength {
			err = p.elements(d, end, depth, true)
		} else if int64(h.length) > end-p.at {
			err = p.fail(sequence, start, "an item's length is %d, and %d bytes are left", h.length, end-p.at)
		} else {
			err = p.elements(d, p.at+int64(h.length), depth, false)
		}
		if err != nil {
			return nil, err
		}
		items = append(items, d)
	}
	if delimited {
		return nil, p.fail(sequence, at, "the data ends within the sequence")
	}
	return items, nil
}

// fragments parses encapsulated pixel data (PS3.5, A.4).
func (p *parser) fragments(end int64) ([][]byte, error) {
	var list [][]byte
	for {
		at := p.at
		h, err := p.header(end)
		switch {
		case err != nil:
			return nil, err
		case h.tag == sequenceDelimiter:
			if len(list) < 2 {
				return nil, p.fail(PixelData, at, "encapsulated, without a fragment")
			}
			return list, nil
		case h.tag != item:
			return nil, p.fail(h.tag, at, "found within encapsulated pixel data, where an item was expected")
		case int64(h.length) > end-p.at:
			return nil, p.fail(PixelData, at, "a fragment's length is %d, and %d bytes are left", h.length, end-p.at)
		}
		list = append(list, p.data[p.at:p.at+int64(h.length):p.at+int64(h.length)])
		p.at += int64(h.length)
	}
}
