package dicom

import "encoding/binary"

// elementHeader is what stands before an element's value.
type elementHeader struct {
	tag    Tag
	vr     VR
	length uint32
}

// header reads what stands before a value (PS3.5, 7.1).
func (p *parser) header(end int64) (elementHeader, error) {
	var h elementHeader
	at := p.at
	if end-at < 8 {
		return h, p.fail(0, at, "%d bytes left, an element begins with at least 8", end-at)
	}
	h.tag = p.tag()
	if p.left--; p.left < 0 {
		return h, p.fail(h.tag, at, "more than %d elements and items", p.limits.Elements)
	}
	p.at += 4
	if p.implicit || h.tag.Group() == item.Group() {
		h.vr, h.length = dictionaryVR(h.tag), p.order.Uint32(p.data[p.at:])
		p.at += 4
		return h, nil
	}
	letters := [2]byte(p.data[p.at:])
	var long bool
	var ok bool
	if h.vr, long, ok = explicitVR(letters); !ok {
		return h, p.fail(h.tag, at, "value representation %q is unknown", letters[:])
	}
	switch {
	case !long:
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

// explicitVR is a representation by its two letters, and whether its length has 32 bits. Letters that the standard does not
// know are those of a later edition, which all have such lengths (PS3.5, 7.1.2). Other characters, such as "??", blanks and
// zeros, are written by systems that did not know the element, with lengths of 16 bits.
func explicitVR(letters [2]byte) (vr VR, long, ok bool) {
	known := byLetters[letters]
	switch a, b := letters[0], letters[1]; {
	case known != nil:
		return known.VR, known.long, true
	case a >= 'A' && a <= 'Z' && b >= 'A' && b <= 'Z':
		return UN, true, true
	default:
		return UN, false, isPrintable(a) && isPrintable(b) || a == 0 && b == 0
	}
}

func isPrintable(c byte) bool { return c >= ' ' && c <= '~' }

// settle finds out whether a data set that should be explicit is implicit, or the other way round: there are files whose
// header is wrong about it. What should be is kept unless the first element makes sense only in the other way.
func (p *parser) settle(end int64) {
	if p.order == binary.BigEndian || end-p.at < 8 {
		return
	}
	kept := byLetters[[2]byte(p.data[p.at+4:])] != nil
	if p.implicit {
		kept = p.plausible(end, true)
	}
	if !kept && p.plausible(end, !p.implicit) {
		p.implicit = !p.implicit
	}
}

// settleItem does it for an item of a sequence, which may be implicit in a data set that is explicit.
func (p *parser) settleItem(end int64) {
	if !p.implicit {
		p.settle(end)
	}
}

// plausible tells whether the next element ends where there is nothing, or the beginning of one with a higher tag.
func (p *parser) plausible(end int64, implicit bool) bool {
	left := end - p.at
	if left < 8 {
		return false
	}
	tag := p.tag()
	length, head := int64(p.order.Uint32(p.data[p.at+4:])), int64(8)
	if !implicit {
		known := byLetters[[2]byte(p.data[p.at+4:])]
		switch {
		case known == nil, known.long && left < 12:
			return false
		case known.long:
			length, head = int64(p.order.Uint32(p.data[p.at+8:])), 12
		default:
			length = int64(p.order.Uint16(p.data[p.at+6:]))
		}
	}
	if length == undefinedLength {
		return left >= head+8 && p.tagAt(p.at+head) == item
	}
	next := p.at + head + length
	return next == end || next+4 <= end && p.tagAt(next) > tag
}
