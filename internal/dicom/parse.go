package dicom

import (
	"bytes"
	"cmp"
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
	// Elements is how many elements and items there may be in all: 65536. However high it is, there may be no more than
	// 8192 and one for every 32 bytes: what is parsed then takes at most four times its bytes, and 1 MiB.
	Elements int
	// Inflated is how many bytes a deflated data set may have: 256 MiB.
	Inflated int64
	// Until, if not 0, ends the data set before the first element with this tag or a later one. Of a deflated data set,
	// no more than Inflated bytes are then inflated, and there may be more.
	Until Tag
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
		if data, err = inflate(data, limits); err != nil {
			return nil, err
		}
	}
	return newParser(data, syntax, limits).all()
}

// parser goes over the bytes twice: once to find every fault and to count, and once more to make the elements, in memory of
// the size that is then known.
type parser struct {
	data     []byte
	at       int64 // the next byte
	base     int64 // offset of data in the file
	tail     int64 // from here on there are only zeros
	order    binary.ByteOrder
	implicit bool
	meta     bool // only elements of group 0002
	limits   Limits
	left     int // elements and items that there may still be

	counting bool
	count    int       // elements
	slab     []Element // those of open data sets at its beginning, those of complete ones at its end
	open     int
	done     int
}

func newParser(data []byte, syntax string, limits Limits) *parser {
	limits.Elements = min(limits.Elements, 8192+len(data)/32)
	p := &parser{data: data, order: binary.LittleEndian, implicit: syntax == ImplicitLittleEndian, limits: limits}
	if syntax == ExplicitBigEndian {
		p.order = binary.BigEndian
	}
	p.tail = int64(len(bytes.TrimRight(data, "\x00")))
	return p
}

func (p *parser) fail(tag Tag, at int64, format string, args ...any) error {
	return &SyntaxError{Tag: tag, Offset: p.base + at, Reason: fmt.Sprintf(format, args...)}
}

// all parses to the end of the bytes or, where only the file meta information is asked for, of that.
func (p *parser) all() (*Dataset, error) {
	end := int64(len(p.data))
	p.settle(end)
	p.counting, p.left = true, p.limits.Elements
	if err := p.elements(nil, end, 0, false); err != nil {
		return nil, err
	}
	p.slab = make([]Element, p.count)
	p.at, p.counting, p.left, p.done = 0, false, p.limits.Elements, p.count
	d := new(Dataset)
	if err := p.elements(d, end, 0, false); err != nil {
		return nil, err
	}
	d.inherit("")
	return d, nil
}

// until tells whether the element comes before which the data set is to end.
func (p *parser) until(end int64) bool {
	return p.limits.Until > 0 && !p.meta && end-p.at >= 8 && p.tag() >= p.limits.Until
}

// elements parses elements up to end or, where delimited, to an item delimiter.
func (p *parser) elements(d *Dataset, end int64, depth int, delimited bool) error {
	first := p.open
	for p.at < end {
		if depth == 0 && (p.at >= p.tail || p.until(end) || p.meta && end-p.at >= 8 && p.tag().Group() != 2) {
			break // zeros after the data set fill a file up
		}
		at := p.at
		h, err := p.header(end)
		if err != nil {
			return err
		}
		if h.tag == itemDelimiter && delimited {
			delimited = false
			break
		}
		if h.tag.Group() == item.Group() {
			return p.fail(h.tag, at, "a delimiter where an element was expected")
		}
		e, err := p.element(h, at, end, depth)
		if err != nil {
			return err
		}
		if p.counting {
			p.count++
			continue
		}
		p.slab[p.open] = e
		p.open++
	}
	if delimited {
		return p.fail(itemDelimiter, p.at, "missing: the data ends within an item")
	}
	if !p.counting {
		p.close(d, first)
	}
	return nil
}

// close makes the open elements from first on those of a data set.
func (p *parser) close(d *Dataset, first int) {
	list := inOrder(p.slab[first:p.open])
	p.open = first
	end := p.done
	p.done -= len(list)
	copy(p.slab[p.done:end], list) // may overlap
	d.elements = p.slab[p.done:end:end]
}

// inOrder sorts elements by their tags. Tags out of order are tolerated, as other readers do; the last of several that are
// the same is kept.
func inOrder(list []Element) []Element {
	rising := true
	for i := 1; i < len(list) && rising; i++ {
		rising = list[i-1].Tag < list[i].Tag
	}
	if rising {
		return list
	}
	slices.SortStableFunc(list, func(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) })
	n := 0
	for i := range list {
		if n > 0 && list[n-1].Tag == list[i].Tag {
			n--
		}
		list[n] = list[i]
		n++
	}
	return list[:n]
}

func (p *parser) tag() Tag { return p.tagAt(p.at) }

func (p *parser) tagAt(at int64) Tag {
	return NewTag(p.order.Uint16(p.data[at:]), p.order.Uint16(p.data[at+2:]))
}

// NewTag makes a tag of its two numbers.
func NewTag(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

// element parses the value of an element whose header has been read.
func (p *parser) element(h elementHeader, at, end int64, depth int) (Element, error) {
	e := Element{Tag: h.tag, VR: h.vr, Offset: p.base + at}
	var err error
	switch {
	case h.length == undefinedLength && h.tag == PixelData:
		if e.VR != OW {
			e.VR = OB
		}
		e.Fragments, err = p.fragments(end)
	case h.length == undefinedLength && h.vr == UN && !p.implicit:
		// Whoever did not know the element took it over as it was, in implicit VR little endian (PS3.5, 6.2.2).
		order := p.order
		p.implicit, p.order = true, binary.LittleEndian
		e.VR = SQ
		e.Items, err = p.items(h.tag, at, end, true, depth)
		p.implicit, p.order = false, order
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
		if unit := kinds[h.vr].unit; p.order == binary.BigEndian && unit > 1 && !p.counting {
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
		case h.length != undefinedLength && int64(h.length) > end-p.at:
			return nil, p.fail(sequence, start, "an item's length is %d, and %d bytes are left", h.length, end-p.at)
		}
		var d *Dataset
		if !p.counting {
			d = new(Dataset)
			items = append(items, d)
		}
		last := end
		if h.length != undefinedLength {
			last = p.at + int64(h.length)
		}
		implicit := p.implicit
		p.settleItem(last)
		err = p.elements(d, last, depth, h.length == undefinedLength)
		p.implicit = implicit
		if err != nil {
			return nil, err
		}
	}
	if delimited {
		return nil, p.fail(sequence, at, "the data ends within the sequence")
	}
	return items, nil
}

// fragments parses encapsulated pixel data (PS3.5, A.4).
func (p *parser) fragments(end int64) ([][]byte, error) {
	var list [][]byte
	for n := 0; ; n++ {
		at := p.at
		h, err := p.header(end)
		switch {
		case err != nil:
			return nil, err
		case h.tag == sequenceDelimiter:
			if n < 2 {
				return nil, p.fail(PixelData, at, "encapsulated, without a fragment")
			}
			return list, nil
		case h.tag != item:
			return nil, p.fail(h.tag, at, "found within encapsulated pixel data, where an item was expected")
		case int64(h.length) > end-p.at:
			return nil, p.fail(PixelData, at, "a fragment's length is %d, and %d bytes are left", h.length, end-p.at)
		}
		if !p.counting {
			list = append(list, p.data[p.at:p.at+int64(h.length):p.at+int64(h.length)])
		}
		p.at += int64(h.length)
	}
}
