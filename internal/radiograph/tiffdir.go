package radiograph

import (
	"encoding/binary"
	"fmt"
)

// Tags of TIFF 6.0 and its supplements.
const (
	tagNewSubfileType  = 254
	tagSubfileType     = 255
	tagWidth           = 256
	tagHeight          = 257
	tagBits            = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamples         = 277
	tagRowsPerStrip    = 278
	tagStripBytes      = 279
	tagMaxSample       = 281
	tagPlanar          = 284
	tagT4Options       = 292
	tagPredictor       = 317
	tagColourMap       = 320
	tagTileWidth       = 322
	tagTileHeight      = 323
	tagTileOffsets     = 324
	tagTileBytes       = 325
	tagSubIFDs         = 330
	tagInkSet          = 332
	tagExtraSamples    = 338
	tagSampleFormat    = 339
	tagDNGVersion      = 50706
	firstWantedTag     = tagNewSubfileType
	wantedTags         = tagSampleFormat - firstWantedTag + 1
	reducedResolution  = 1 << 0
	transparencyMask   = 1 << 2
	oldReducedSubfile  = 2
	extraAssociated    = 1
	extraUnassociated  = 2
	sampleFormatSigned = 2
)

// tiffFields are the bytes that a value of each type takes.
var tiffFields = map[uint16]int64{1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}

// tiffEntry is the value of a tag: whole numbers in the file's own bytes.
type tiffEntry struct {
	count int64
	bytes []byte // count times the size of a value
}

// tiffPage is one directory: the entries from firstWantedTag on, of count 0 where there is none.
type tiffPage struct {
	order   binary.ByteOrder
	entries [wantedTags]tiffEntry
	dng     bool
}

func (p *tiffPage) entry(tag int) tiffEntry { return p.entries[tag-firstWantedTag] }

// at is the i-th value of a tag, or otherwise.
func (p *tiffPage) at(tag int, i, otherwise int64) int64 {
	e := p.entry(tag)
	if i >= e.count {
		return otherwise
	}
	size := int64(len(e.bytes)) / e.count
	b := e.bytes[i*size:]
	switch size {
	case 1:
		return int64(b[0])
	case 2:
		return int64(p.order.Uint16(b))
	case 4:
		return int64(p.order.Uint32(b))
	}
	// What is beyond 63 bits is beyond every limit.
	return int64(p.order.Uint64(b) &^ (1 << 63))
}

func (p *tiffPage) first(tag int, otherwise int64) int64 { return p.at(tag, 0, otherwise) }

// full tells a page from a small copy of another, and from a mask.
func (p *tiffPage) full() bool {
	return p.first(tagNewSubfileType, 0)&(reducedResolution|transparencyMask) == 0 && p.first(tagSubfileType, 0) != oldReducedSubfile
}

func (p *tiffPage) pixels() int64 {
	w, h := p.first(tagWidth, 0), p.first(tagHeight, 0)
	if w > MaxSide || h > MaxSide {
		return (MaxSide + 1) * (MaxSide + 1)
	}
	return w * h
}

// tiffReader walks a file's directories.
type tiffReader struct {
	data  []byte
	order binary.ByteOrder
	big   bool  // BigTIFF
	left  int64 // entries that may still be read: directories that overlap hold more than a file has room for
}

func newTIFFReader(data []byte) (*tiffReader, int64, error) {
	r := &tiffReader{data: data, order: binary.LittleEndian}
	if len(data) < 16 {
		return nil, 0, fmt.Errorf("%w: truncated in its header", ErrNotPicture)
	}
	if data[0] == 'M' {
		r.order = binary.BigEndian
	}
	r.big = r.order.Uint16(data[2:]) == 43
	r.left = int64(len(data)) / r.entryBytes()
	if !r.big {
		return r, int64(r.order.Uint32(data[4:])), nil
	}
	if r.order.Uint16(data[4:]) != 8 || r.order.Uint16(data[6:]) != 0 {
		return nil, 0, fmt.Errorf("%w: BigTIFF with offsets of %d bytes", ErrUnknownFormat, r.order.Uint16(data[4:]))
	}
	return r, r.offset(data[8:]), nil
}

func (r *tiffReader) entryBytes() int64 {
	if r.big {
		return 20
	}
	return 12
}

func (r *tiffReader) offsetBytes() int64 {
	if r.big {
		return 8
	}
	return 4
}

// offset reads a place in the file, or a count; one that no file reaches stays so.
func (r *tiffReader) offset(b []byte) int64 {
	if r.big {
		return int64(min(r.order.Uint64(b), 1<<62))
	}
	return int64(r.order.Uint32(b))
}

// page reads the directory at a place and the place of the next, 0 after the last.
func (r *tiffReader) page(at int64) (*tiffPage, int64, error) {
	size := int64(len(r.data))
	countBytes := r.offsetBytes() // 8 in BigTIFF, else 2
	if !r.big {
		countBytes = 2
	}
	if at < 8 || at > size-countBytes {
		return nil, 0, fmt.Errorf("%w: truncated: a directory at byte %d", ErrNotPicture, at)
	}
	n := int64(r.order.Uint16(r.data[at:]))
	if r.big {
		n = r.offset(r.data[at:])
	}
	at += countBytes
	if n > (size-at)/r.entryBytes() {
		return nil, 0, fmt.Errorf("%w: truncated in a directory of %d entries", ErrNotPicture, n)
	}
	if r.left -= n + 1; r.left < 0 {
		return nil, 0, fmt.Errorf("%w: damaged: its directories overlap", ErrNotPicture)
	}
	p := &tiffPage{order: r.order}
	for range n {
		r.read(p, r.data[at:at+r.entryBytes()])
		at += r.entryBytes()
	}
	// The last directory of some files ends without a place for the next.
	if at > size-r.offsetBytes() {
		return p, 0, nil
	}
	return p, r.offset(r.data[at:]), nil
}

// read takes one entry. One that cannot be read counts as absent; whoever needs it says so.
func (r *tiffReader) read(p *tiffPage, b []byte) {
	tag, kind := r.order.Uint16(b), r.order.Uint16(b[2:])
	p.dng = p.dng || tag == tagDNGVersion
	if tag < firstWantedTag || tag >= firstWantedTag+wantedTags {
		return
	}
	e := tiffEntry{count: r.offset(b[4:])}
	each, known := tiffFields[kind]
	if !known || e.count == 0 || e.count > int64(len(r.data))/each {
		return
	}
	value, length := b[4+r.offsetBytes():], e.count*each
	if length > int64(len(value)) {
		at := r.offset(value)
		if at > int64(len(r.data))-length {
			return
		}
		value = r.data[at:]
	}
	e.bytes = value[:length]
	p.entries[tag-firstWantedTag] = e
}

// choose finds the page that is the picture: the first that is no small copy, of the pages or else of those below them, or
// the largest where all say that they are small. pages is how many full ones there are.
func (r *tiffReader) choose(at int64) (chosen *tiffPage, pages int, err error) {
	var below []int64
	var largest *tiffPage
	visit := func(at int64) (int64, error) {
		p, next, err := r.page(at)
		if err != nil {
			return 0, err
		}
		if p.full() && p.pixels() > 0 {
			if pages++; chosen == nil {
				chosen = p
			}
		}
		if largest == nil || p.pixels() > largest.pixels() {
			largest = p
		}
		for i := range p.entry(tagSubIFDs).count {
			below = append(below, p.at(tagSubIFDs, i, 0))
		}
		return next, nil
	}
	for at != 0 {
		if at, err = visit(at); err != nil {
			if chosen != nil { // the picture is there; what follows is not
				break
			}
			return nil, 0, err
		}
	}
	if chosen == nil {
		for _, at := range below {
			if _, err := visit(at); err != nil || chosen != nil {
				break
			}
		}
	}
	if chosen == nil {
		chosen, pages = largest, 1
	}
	if chosen == nil {
		return nil, 0, fmt.Errorf("%w: a TIFF without a page", ErrNotPicture)
	}
	return chosen, pages, nil
}
