package radiograph

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
)

// tiffWay is one way to write a TIFF.
type tiffWay struct {
	big, motorola, thumbnailFirst, fullBelow, separate, predicted, lowBitFirst, noLengths bool
	bits, colours, extra, photometric, compression                                        int
	alpha                                                                                 int // the kind of the first extra sample
	width, height                                                                         int // of a strip or tile
	tiled                                                                                 bool
	orientation                                                                           int
}

func legalTIFF(r *rand.Rand, p *image.Gray) ([]byte, string) {
	coin := func() bool { return r.IntN(2) == 0 }
	w := tiffWay{big: r.IntN(4) == 0, motorola: coin(), thumbnailFirst: r.IntN(4) == 0, fullBelow: r.IntN(6) == 0, lowBitFirst: r.IntN(6) == 0,
		bits: 8, colours: 1, photometric: r.IntN(4), compression: []int{tiffRaw, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits}[r.IntN(5)]}
	switch {
	case w.photometric == tiffRGB:
		w.colours = 3
		w.bits = 8 + 8*r.IntN(2)
	case w.photometric == tiffPalette:
	default:
		w.bits = []int{8, 8, 12, 16, 16}[r.IntN(5)]
	}
	if g := grain(p); g < 8 && coin() && w.colours == 1 {
		w.bits = g
	}
	if w.photometric != tiffPalette && w.photometric != tiffWhiteIsZero && (w.bits == 8 || w.bits == 16) && coin() {
		w.extra, w.alpha = 1+r.IntN(2), r.IntN(3)
	}
	w.separate = w.colours+w.extra > 1 && coin()
	w.predicted = w.compression != tiffRaw && w.compression != tiffPackBits && (w.bits == 8 || w.bits == 16) && coin()
	w.width, w.height = p.Rect.Dx(), 1+r.IntN(p.Rect.Dy()+10)
	if w.tiled = coin(); w.tiled {
		w.width, w.height = 16*(1+r.IntN(5)), 16*(1+r.IntN(5))
	}
	w.noLengths = !w.tiled && r.IntN(5) == 0
	if r.IntN(4) == 0 {
		w.orientation = 1 + r.IntN(8)
		p = storedFor(p, uint16(w.orientation))
	}
	return w.encode(r, p), fmt.Sprintf("%+v", w)
}

// tiffTag is a tag with its values, of 16 or else of 32 bits.
type tiffTag struct {
	tag    int
	long   bool
	values []int
}

// tiffWriter appends pages to a file.
type tiffWriter struct {
	tiffWay
	order binary.AppendByteOrder
	file  []byte
}

func (w tiffWay) encode(r *rand.Rand, p *image.Gray) []byte {
	f := tiffWriter{tiffWay: w, order: binary.LittleEndian, file: []byte("II")}
	if w.motorola {
		f.order, f.file = binary.BigEndian, []byte("MM")
	}
	if w.big {
		f.file = f.order.AppendUint64(f.order.AppendUint16(f.order.AppendUint16(f.order.AppendUint16(f.file, 43), 8), 0), 0)
	} else {
		f.file = f.order.AppendUint32(f.order.AppendUint16(f.file, 42), 0)
	}
	link := len(f.file) - f.wordBytes()
	small := image.NewGray(image.Rect(0, 0, 3, 3))
	full := f.page(r, p, nil)
	switch {
	case w.fullBelow:
		f.link(link, f.page(r, small, []tiffTag{{tagNewSubfileType, true, []int{1}}, {tagSubIFDs, true, []int{f.directory(full)}}}))
	case w.thumbnailFirst:
		link = f.link(link, f.page(r, small, []tiffTag{{tagNewSubfileType, true, []int{1}}}))
		f.link(link, full)
	default:
		link = f.link(link, full)
		if r.IntN(3) == 0 {
			f.link(link, f.page(r, small, []tiffTag{{tagSubfileType, false, []int{2}}}))
		}
	}
	return f.file
}

func (f *tiffWriter) wordBytes() int {
	if f.big {
		return 8
	}
	return 4
}

func (f *tiffWriter) appendWord(b []byte, v int) []byte {
	if f.big {
		return f.order.AppendUint64(b, uint64(v))
	}
	return f.order.AppendUint32(b, uint32(v))
}

// link writes a directory, and its place where the one before has room for it. It returns where the next one's belongs.
func (f *tiffWriter) link(at int, tags []tiffTag) int {
	place := f.directory(tags)
	copy(f.file[at:], f.appendWord(nil, place))
	return len(f.file) - f.wordBytes()
}

// directory writes the tags and returns their place. It is the last thing in the file.
func (f *tiffWriter) directory(tags []tiffTag) int {
	slices.SortFunc(tags, func(a, b tiffTag) int { return a.tag - b.tag })
	var entries []byte
	for _, t := range tags {
		kind, value := uint16(3), []byte(nil)
		for _, v := range t.values {
			if t.long {
				value = f.order.AppendUint32(value, uint32(v))
			} else {
				value = f.order.AppendUint16(value, uint16(v))
			}
		}
		if t.long {
			kind = 4
		}
		entries = f.order.AppendUint16(f.order.AppendUint16(entries, uint16(t.tag)), kind)
		entries = f.appendWord(entries, len(t.values))
		if len(value) > f.wordBytes() {
			entries = f.appendWord(entries, len(f.file))
			f.file = append(f.file, value...)
		} else {
			entries = append(append(entries, value...), make([]byte, f.wordBytes()-len(value))...)
		}
	}
	place := len(f.file)
	if f.big {
		f.file = f.order.AppendUint64(f.file, uint64(len(tags)))
	} else {
		f.file = f.order.AppendUint16(f.file, uint16(len(tags)))
	}
	f.file = f.appendWord(append(f.file, entries...), 0)
	return place
}

// page writes a picture's strips or tiles and returns the tags that describe it.
func (f *tiffWriter) page(r *rand.Rand, p *image.Gray, tags []tiffTag) []tiffTag {
	samples := f.colours + f.extra
	planes, perPixel := 1, samples
	if f.separate {
		planes, perPixel = samples, 1
	}
	width, height := f.width, f.height
	if !f.tiled {
		width, height = p.Rect.Dx(), min(height, p.Rect.Dy())
	}
	palette := r.Perm(1 << min(f.bits, 8))
	var offsets, lengths []int
	for plane := range planes {
		for y := 0; y < p.Rect.Dy(); y += height {
			for x := 0; x < p.Rect.Dx(); x += width {
				rows := height
				if !f.tiled {
					rows = min(rows, p.Rect.Dy()-y)
				}
				var raw []byte
				for i := range rows {
					var row []int
					for j := range width {
						// A tile's pixels beyond the picture are whatever they are.
						v := int(p.Pix[min(y+i, p.Rect.Dy()-1)*p.Stride+min(x+j, p.Rect.Dx()-1)])
						for s := range perPixel {
							row = append(row, f.sample(r, v, plane+s, palette))
						}
					}
					raw = append(raw, f.row(row, perPixel)...)
				}
				offsets = append(offsets, len(f.file))
				packed := f.pack(r, raw)
				lengths = append(lengths, len(packed))
				f.file = append(f.file, packed...)
			}
		}
	}
	short := func(tag int, values ...int) { tags = append(tags, tiffTag{tag, false, values}) }
	long := func(tag int, values ...int) { tags = append(tags, tiffTag{tag, true, values}) }
	long(tagWidth, p.Rect.Dx())
	short(tagHeight, p.Rect.Dy())
	short(tagBits, slices.Repeat([]int{f.bits}, []int{1, samples}[r.IntN(2)])...)
	short(tagCompression, f.compression)
	short(tagPhotometric, f.photometric)
	short(tagSamples, samples)
	if f.tiled {
		short(tagTileWidth, width)
		short(tagTileHeight, height)
		long(tagTileOffsets, offsets...)
		long(tagTileBytes, lengths...)
	} else {
		long(tagStripOffsets, offsets...)
		long(tagRowsPerStrip, height)
		if !f.noLengths {
			long(tagStripBytes, lengths...)
		}
	}
	if f.orientation > 0 {
		tags = append(tags, tiffTag{tagOrientation, r.IntN(2) == 0, []int{f.orientation}})
	}
	if f.separate {
		short(tagPlanar, tiffSeparate)
	}
	if f.predicted {
		short(tagPredictor, tiffHorizontal)
	}
	if f.lowBitFirst {
		short(tagFillOrder, tiffLowBitsFirst)
	}
	if f.extra > 0 && (f.alpha != 0 || r.IntN(2) == 0) {
		short(tagExtraSamples, append([]int{f.alpha}, make([]int, f.extra-1)...)...)
	}
	if f.photometric == tiffPalette {
		colours := make([]int, 3*len(palette))
		for level, index := range palette {
			for c := range 3 {
				colours[c*len(palette)+index] = level * 255 / (len(palette) - 1) * 257
			}
		}
		short(tagColourMap, colours...)
	}
	return tags
}

// sample is what stands for a grey level.
func (f *tiffWriter) sample(r *rand.Rand, level, s int, palette []int) int {
	white := 1<<f.bits - 1
	switch {
	case s == f.colours && f.alpha != 0:
		return white // opaque
	case s >= f.colours:
		return r.IntN(white + 1)
	}
	v := (level*white + 127) / 255
	switch f.photometric {
	case tiffWhiteIsZero:
		return white - v
	case tiffPalette:
		return palette[v]
	}
	return v
}

func (f *tiffWriter) row(samples []int, step int) []byte {
	if f.predicted {
		for i := len(samples) - 1; i >= step; i-- {
			samples[i] -= samples[i-step]
		}
	}
	var out []byte
	var held uint64
	have := 0
	for _, v := range samples {
		if f.bits == 16 {
			out = f.order.AppendUint16(out, uint16(v))
			continue
		}
		held = held<<f.bits | uint64(v)&(1<<f.bits-1)
		for have += f.bits; have >= 8; have -= 8 {
			out = append(out, byte(held>>(have-8)))
		}
	}
	if have > 0 {
		out = append(out, byte(held<<(8-have)))
	}
	return out
}

func (f *tiffWriter) pack(r *rand.Rand, raw []byte) (out []byte) {
	switch f.compression {
	case tiffRaw:
		out = slices.Clone(raw)
	case tiffDeflate, tiffOldDeflate:
		var b bytes.Buffer
		z, _ := zlib.NewWriterLevel(&b, r.IntN(10))
		_, _ = z.Write(raw)
		_ = z.Close()
		out = b.Bytes()
	case tiffLZW:
		out = lzwLiterals(r, raw)
	case tiffPackBits:
		for len(raw) > 0 {
			n := 1
			for n < min(len(raw), 128) && raw[n] == raw[0] {
				n++
			}
			switch {
			case n > 1 && r.IntN(4) > 0:
				out = append(out, byte(1-n), raw[0])
			default:
				n = 1 + r.IntN(min(len(raw), 128))
				out = append(append(out, byte(n-1)), raw[:n]...)
			}
			if raw = raw[n:]; r.IntN(8) == 0 {
				out = append(out, 0x80) // which says nothing
			}
		}
	}
	if f.lowBitFirst {
		_, _ = bitReverser{bytes.NewReader(slices.Clone(out))}.Read(out)
	}
	return out
}

// lzwLiterals writes TIFF's LZW with single bytes and pairs alone: the table fills and codes grow all the same.
func lzwLiterals(r *rand.Rand, raw []byte) (out []byte) {
	const reset, end = 256, 257
	var held uint64
	have, width, next := 0, 9, 258
	put := func(code int) {
		held = held<<width | uint64(code)
		for have += width; have >= 8; have -= 8 {
			out = append(out, byte(held>>(have-8)))
		}
	}
	pairs := map[[2]byte]int{}
	put(reset)
	for previous := -1; len(raw) > 0; {
		code, n := int(raw[0]), 1
		if len(raw) > 1 {
			if c, ok := pairs[[2]byte(raw[:2])]; ok {
				code, n = c, 2
			}
		}
		put(code)
		if previous >= 0 {
			if previous < 256 {
				pairs[[2]byte{byte(previous), raw[0]}] = next
			}
			next++
		}
		// Codes grow one early.
		if next+1 >= 1<<width && width < 12 {
			width++
		}
		previous, raw = code, raw[n:]
		if next >= 4093 || r.IntN(3000) == 0 {
			put(reset)
			width, next, previous = 9, 258, -1
			clear(pairs)
		}
	}
	put(end)
	width = 8
	put(0)
	return out
}
