package radiograph

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// tiffCodec reads the first full page of a TIFF or BigTIFF file. Off unless Limits.TIFF is set.
var tiffCodec = codec{name: "tiff", read: readTIFF, decode: decodeTIFF}

// Values of TIFF's tags.
const (
	tiffRaw          = 1
	tiffHuffman      = 2
	tiffGroup3       = 3
	tiffGroup4       = 4
	tiffLZW          = 5
	tiffDeflate      = 8
	tiffPackBits     = 32773
	tiffOldDeflate   = 32946
	tiffWhiteIsZero  = 0
	tiffBlackIsZero  = 1
	tiffRGB          = 2
	tiffPalette      = 3
	tiffCMYK         = 5
	tiffSeparate     = 2
	tiffNoPredictor  = 1
	tiffHorizontal   = 2
	tiffLowBitsFirst = 2
)

// Names of what is not decoded, for the answer.
var (
	tiffCompressions = map[int64]string{
		tiffHuffman: "Huffman coding", 6: "JPEG (old style)", 7: "JPEG", 32771: "raw data aligned to words", 32809: "ThunderScan", 34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv",
		34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG of DNG", 34925: "LZMA", 34926: "zstd", 50000: "zstd", 50001: "WebP", 34927: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
	}
	tiffPhotometrics = map[int64]string{4: "a transparency mask", 6: "YCbCr", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a colour filter array", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw"}
	tiffFormats      = map[int64]string{2: "signed whole numbers", 3: "floating-point numbers", 5: "complex numbers", 6: "complex numbers"}
)

// tiffFile is how the chosen page holds its picture, checked.
type tiffFile struct {
	page                             *tiffPage
	data                             []byte
	width, height                    int
	bits                             int // of a sample
	samples                          int // of a pixel
	colours                          int // of these samples, the first
	alpha                            int // the sample that is alpha, 0 for none
	associated                       bool
	compression, photometric         int64
	separate, predicted, lowBitFirst bool
	segmentWidth, segmentHeight      int // of a tile or a strip
	across, down                     int // how many there are
	offsets, lengths                 int // their tags
	orientation, pages               int
	palette                          []grey
}

func readTIFF(data []byte, limits Limits) (header, error) {
	f, err := parseTIFF(data)
	if err != nil {
		return header{}, err
	}
	h := header{width: f.width, height: f.height, orientation: f.orientation, pages: f.pages, storedBits: f.storedBits(), fileBits: f.significant()}
	if h.pixels() > int64(limits.MaxPixels) {
		return h, nil // left to the caller's check, which names the limit
	}
	// Tiles may go beyond the picture's right edge.
	padded := int64(f.across) * int64(f.segmentWidth) * int64(f.height)
	if padded > max(int64(limits.MaxPixels), 1<<20) {
		return h, fmt.Errorf("%w: tiles of %d pixels for a picture of %d x %d", ErrTooLarge, padded, f.width, f.height)
	}
	h.memory = h.pixels() * f.sampleBytes()
	if h.orientation > 1 {
		h.memory *= 2
	}
	if f.sampleBytes() == 2 {
		h.memory += histogramBytes
	}
	h.memory += int64(f.planes()+1)*f.rowBytes() + inflaterBytes*int64(f.planes())
	raw := f.rowBytes() * int64(f.across*f.planes()) * int64(f.height)
	h.work = 8*raw + int64(len(data))
	switch f.compression {
	case tiffRaw:
		// Strips may share bytes only in a file that was made to cost much.
		h.leastBytes = ceilDiv(h.pixels()*int64(f.bits*f.colours), 8)
	case tiffDeflate, tiffOldDeflate:
		h.leastBytes = raw / maxDeflateRatio
	}
	return h, nil
}

// storedBits is the depth of samples that lie between those of 8 and of 16 bits, else 0.
func (f *tiffFile) storedBits() int {
	if f.bits > 8 && f.bits < 16 {
		return f.bits
	}
	return 0
}

// significant is the depth of 16-bit samples as the file states it, 0 where it does not.
func (f *tiffFile) significant() int {
	if most := f.page.first(tagMaxSample, 0); f.bits == 16 && most > 255 && most < 1<<16-1 && most&(most+1) == 0 {
		return bits.Len(uint(most))
	}
	return 0
}

func (f *tiffFile) sampleBytes() int64 {
	if f.bits > 8 {
		return 2
	}
	return 1
}

// planes is how many separate pictures hold the samples that are needed.
func (f *tiffFile) planes() int {
	switch {
	case !f.separate:
		return 1
	case f.alpha > 0:
		return f.colours + 1
	}
	return f.colours
}

// rowBytes is the length of a row of a segment of one plane.
func (f *tiffFile) rowBytes() int64 {
	perPixel := f.samples
	if f.separate {
		perPixel = 1
	}
	return ceilDiv(int64(f.segmentWidth)*int64(perPixel*f.bits), 8)
}

func parseTIFF(data []byte) (*tiffFile, error) {
	r, at, err := newTIFFReader(data)
	if err != nil {
		return nil, err
	}
	p, pages, err := r.choose(at)
	if err != nil {
		return nil, err
	}
	width, height := p.first(tagWidth, 0), p.first(tagHeight, 0)
	switch {
	case p.dng:
		return nil, fmt.Errorf("%w: DNG", ErrUnknownFormat)
	case width < 1 || height < 1:
		return nil, fmt.Errorf("%w: %d x %d pixels", ErrNotPicture, width, height)
	case width > MaxSide || height > MaxSide:
		return nil, fmt.Errorf("%w: %d x %d pixels, at most %d a side", ErrTooLarge, width, height, MaxSide)
	}
	f := &tiffFile{page: p, data: data, width: int(width), height: int(height), pages: pages}
	if v := p.first(tagOrientation, 0); v >= 1 && v <= 8 {
		f.orientation = int(v)
	}
	if err := f.readSamples(); err != nil {
		return nil, err
	}
	if err := f.readCoding(); err != nil {
		return nil, err
	}
	return f, f.readSegments()
}

func notTIFF(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnknownFormat}, args...)...)
}

// name is what a number stands for, or the number.
func name(names map[int64]string, v int64) string {
	if n, ok := names[v]; ok {
		return n
	}
	return fmt.Sprint(v)
}

// readSamples finds out what a pixel is made of.
func (f *tiffFile) readSamples() error {
	p := f.page
	samples := p.first(tagSamples, 1)
	if samples < 1 || samples > 64 {
		return notTIFF("%d samples a pixel", samples)
	}
	f.samples, f.bits = int(samples), int(p.first(tagBits, 1))
	// A count of 1 stands for all of them.
	for i := range min(samples, p.entry(tagBits).count) {
		if int(p.at(tagBits, i, 0)) != f.bits {
			return notTIFF("samples of %d and of %d bits in one pixel", f.bits, p.at(tagBits, i, 0))
		}
	}
	for i := range min(samples, p.entry(tagSampleFormat).count) {
		if format := p.at(tagSampleFormat, i, 1); format != 1 && format != 4 {
			return notTIFF("samples that are %s, of %d bits: the file does not say which value is black", name(tiffFormats, format), f.bits)
		}
	}
	f.photometric = p.first(tagPhotometric, -1)
	atMost, few := 16, f.bits >= 1
	switch f.photometric {
	case tiffWhiteIsZero, tiffBlackIsZero:
		f.colours = 1
	case tiffRGB:
		f.colours, few = 3, f.bits == 8 || f.bits == 16
	case tiffPalette:
		f.colours, atMost = 1, 8
	case tiffCMYK:
		f.colours, few, atMost = 4, f.bits == 8, 8
		if p.first(tagInkSet, 1) != 1 {
			return notTIFF("inks other than CMYK")
		}
	case -1:
		return notTIFF("a page that does not say what its samples mean (no photometric interpretation)")
	default:
		return notTIFF("photometric interpretation %s", name(tiffPhotometrics, f.photometric))
	}
	switch {
	case f.bits > atMost || !few:
		return notTIFF("samples of %d bits with photometric interpretation %d", f.bits, f.photometric)
	case f.samples < f.colours:
		return fmt.Errorf("%w: %d samples a pixel where %d are needed", ErrNotPicture, f.samples, f.colours)
	case f.samples > f.colours && f.bits != 8 && f.bits != 16:
		return notTIFF("%d samples of %d bits a pixel", f.samples, f.bits)
	}
	for i := range min(samples-int64(f.colours), p.entry(tagExtraSamples).count) {
		kind := p.at(tagExtraSamples, i, 0)
		if kind == extraAssociated || kind == extraUnassociated {
			f.alpha, f.associated = f.colours+int(i), kind == extraAssociated
			break
		}
	}
	switch {
	case f.alpha > 0 && f.photometric == tiffWhiteIsZero:
		return notTIFF("alpha where white is zero")
	case f.photometric == tiffPalette:
		return f.readPalette()
	}
	return nil
}

// readPalette reads colours of 16 bits, of which the upper 8 count, or, where all are below 256, of 8 bits, as some programs
// write them.
func (f *tiffFile) readPalette() error {
	n := int64(1) << f.bits
	if f.page.entry(tagColourMap).count < 3*n {
		return fmt.Errorf("%w: a palette of %d values where %d are needed", ErrNotPicture, f.page.entry(tagColourMap).count, 3*n)
	}
	shift := 0
	for i := range 3 * n {
		if f.page.at(tagColourMap, i, 0) > 255 {
			shift = 8
		}
	}
	f.palette = make([]grey, n)
	for i := range n {
		r, g, b := uint32(f.page.at(tagColourMap, i, 0)>>shift), uint32(f.page.at(tagColourMap, n+i, 0)>>shift), uint32(f.page.at(tagColourMap, 2*n+i, 0)>>shift)
		var s seen
		s.rgb(r&255, g&255, b&255)
		f.palette[i] = grey{luma(r&255, g&255, b&255), s.coloured > 0}
	}
	return nil
}

// readCoding finds out how rows become bytes.
func (f *tiffFile) readCoding() error {
	p := f.page
	f.compression = p.first(tagCompression, tiffRaw)
	switch f.compression {
	case tiffRaw, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits:
	case tiffGroup3, tiffGroup4:
		if f.bits != 1 || f.samples != 1 {
			return fmt.Errorf("%w: fax coding of %d samples of %d bits", ErrNotPicture, f.samples, f.bits)
		}
		if f.compression == tiffGroup3 && p.first(tagT4Options, 0)&3 != 0 {
			return notTIFF("fax coding in two dimensions, or uncompressed (T4 options %d)", p.first(tagT4Options, 0))
		}
	default:
		return notTIFF("compression %s", name(tiffCompressions, f.compression))
	}
	switch order := p.first(tagFillOrder, 1); {
	case order == tiffLowBitsFirst:
		f.lowBitFirst = true
	case order != 1:
		return fmt.Errorf("%w: fill order %d", ErrNotPicture, order)
	}
	// A predictor means something to these alone.
	if predictor := p.first(tagPredictor, tiffNoPredictor); predictor != tiffNoPredictor && (f.compression == tiffLZW || f.compression == tiffDeflate || f.compression == tiffOldDeflate) {
		if predictor != tiffHorizontal || f.bits != 8 && f.bits != 16 {
			return notTIFF("predictor %d of %d bits", predictor, f.bits)
		}
		f.predicted = true
	}
	switch planar := p.first(tagPlanar, 1); planar {
	case 1, tiffSeparate:
		f.separate = planar == tiffSeparate && f.samples > 1
	default:
		return fmt.Errorf("%w: planar configuration %d", ErrNotPicture, planar)
	}
	return nil
}

// readSegments finds the strips or tiles.
func (f *tiffFile) readSegments() error {
	p := f.page
	width, height := int64(f.width), min(p.first(tagRowsPerStrip, int64(f.height)), int64(f.height))
	f.offsets, f.lengths = tagStripOffsets, tagStripBytes
	if p.entry(tagTileWidth).count > 0 || p.entry(tagTileOffsets).count > 0 {
		width, height = p.first(tagTileWidth, 0), p.first(tagTileHeight, 0)
		f.offsets, f.lengths = tagTileOffsets, tagTileBytes
		if p.entry(tagTileOffsets).count == 0 { // some programs list tiles as if they were strips
			f.offsets, f.lengths = tagStripOffsets, tagStripBytes
		}
	}
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide {
		return fmt.Errorf("%w: strips or tiles of %d x %d pixels", ErrNotPicture, width, height)
	}
	f.segmentWidth, f.segmentHeight = int(width), int(height)
	f.across, f.down = int(ceilDiv(int64(f.width), width)), int(ceilDiv(int64(f.height), height))
	planes := int64(1)
	if f.separate {
		planes = int64(f.samples)
	}
	if need, have := planes*int64(f.across)*int64(f.down), p.entry(f.offsets).count; have < need {
		return fmt.Errorf("%w: truncated: %d strips or tiles where %d are needed", ErrNotPicture, have, need)
	}
	return nil
}

func decodeTIFF(ctx context.Context, data []byte, h header) (decoded, error) {
	f, err := parseTIFF(data)
	if err != nil {
		return decoded{}, err
	}
	d := tiffDecoder{tiffFile: f, deep: newDeepSamples(h.told())}
	if f.bits > 8 {
		d.out16 = pixels.Gray16(h.width, h.height)
	} else {
		d.out = pixels.Gray(h.width, h.height)
	}
	for {
		d.seen = seen{}
		if err := d.segments(ctx); err != nil {
			return decoded{}, err
		}
		if d.deep.err() == nil {
			break
		}
		d.deep = d.deep.widen()
	}
	if d.out16 != nil {
		return decoded{grey: d.out16, seen: d.seen, inverted: f.photometric == tiffWhiteIsZero}, nil
	}
	return decoded{grey: d.out, seen: d.seen}, nil
}
