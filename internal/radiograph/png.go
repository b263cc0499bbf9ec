package radiograph

import (
	"context"
	"errors"
	"fmt"
)

// Our own reader takes the rows straight to grey, so that it needs the grey picture and two rows, whatever the file holds.
var pngCodec = codec{name: "png", read: readPNG, decode: decodePNG}

// Nanoseconds that a byte of a row takes to inflate and unfilter, and a byte of the file when it yields as little as it can.
const (
	pngRowWork  = 8
	pngFileWork = 20
)

func readPNG(data []byte, limits Limits) (header, error) {
	f, err := readPNGChunks(data)
	if err != nil {
		return header{}, err
	}
	h := header{width: f.width, height: f.height, orientation: exifOrientation(f.exif), fileBits: f.bits}
	if raw := f.rawBytes(); h.pixels() <= int64(limits.MaxPixels) && raw > f.idatBytes*maxDeflateRatio {
		return h, fmt.Errorf("%w: truncated: %d bytes of IDAT cannot hold %d x %d pixels", ErrNotPicture, f.idatBytes, f.width, f.height)
	}
	sampleBytes := max(int64(f.depth)/8, 1)
	h.memory = h.pixels()*sampleBytes + 2*int64(f.rowBytes(f.width)) + inflaterBytes
	if f.depth == 16 {
		h.memory += histogramBytes
	}
	if h.orientation > 1 {
		h.memory += h.pixels() * sampleBytes
	}
	h.work = pngRowWork*f.rawBytes() + pngFileWork*f.idatBytes + int64(len(data))
	if f.depth == 16 && f.colour != pngGrey && (limits.Bits > 0 || f.bits > 0) {
		h.work *= 3 // what is told may prove wrong of the samples, and then of their alpha
	}
	return h, nil
}

// inflaterBytes is what inflating takes beside the rows: the window and the tables of codes.
const inflaterBytes = 160 << 10

func decodePNG(ctx context.Context, data []byte, h header) (decoded, error) {
	f, err := readPNGChunks(data)
	if err != nil {
		return decoded{}, err
	}
	deep := newDeepSamples(h.told())
	for {
		g := newPNGGreys(f)
		g.deep = deep
		err := f.inflate(ctx, g.row)
		if errors.Is(err, errAboveWhite) {
			deep = g.deep.widen()
			continue
		}
		if err != nil {
			return decoded{}, err
		}
		if g.grey16 != nil {
			return decoded{grey: g.grey16, seen: g.seen}, nil
		}
		return decoded{grey: g.grey, seen: g.seen}, nil
	}
}
