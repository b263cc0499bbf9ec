// Package jpeg2000 decodes JPEG 2000, ITU-T T.800 (Part 1): codestreams, and JP2 files around one. References without a
// name are to T.800.
//
// Pictures have one to four components of the same depth, up to 16 bits, and of the same sub-sampling. The component
// transform is undone, so that colour is RGB. Where the transforms are reversible, samples are those of every conforming
// decoder; where they are not, those of OpenJPEG.
package jpeg2000

import (
	"context"
	"fmt"
	"math"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

const (
	// fixedMemory is what decoding takes for any picture: a block decoder, and the code-blocks of a small one.
	fixedMemory = 8 << 20
	// blockDecoderMemory is the part of it that the block decoder takes at most, with its segments.
	blockDecoderMemory = 1 << 19
	// tileBytes is the least length of a tile: the SOT marker segment and the SOD marker of a tile-part.
	tileBytes = 12 + 2
	// maxTileParts is how many tile-parts a tile can have.
	maxTileParts = 256
)

// Inspect reads the main header of a codestream or JP2 file. Errors wrap codec.ErrDamaged or codec.ErrUnsupported.
func Inspect(data []byte) (codec.Header, error) {
	_, h, err := open(data)
	if err != nil {
		return codec.Header{}, err
	}
	return h.describe(len(data)), nil
}

// open finds the codestream and reads its main header.
func open(data []byte) (stream []byte, h *header, err error) {
	if stream, err = codestream(data); err != nil {
		return nil, nil, err
	}
	if uint64(len(stream)) > math.MaxUint32 {
		return nil, nil, unsupported("a codestream of %d bytes, more than 32 bits can count", len(stream))
	}
	if h, err = readHeader(stream); err != nil {
		return nil, nil, err
	}
	if n := h.describe(0).LeastBytes; int64(len(stream)) < n {
		return nil, nil, damaged("%d bytes, of at least %d for %d tiles", len(stream), n, h.tilesAcross*h.tilesDown)
	}
	return stream, h, nil
}

func (h *header) describe(bytes int) codec.Header {
	samples := int64(h.width) * int64(h.height) * int64(h.size.components)
	width, height := h.tileRoom()
	planes := int64(1)
	if h.size.components >= 3 {
		planes = 3 // components that are transformed together
	}
	return codec.Header{
		Width: h.width, Height: h.height, Components: h.size.components, Bits: h.bits, Signed: h.signed,
		LeastBytes: int64(h.first) + tileBytes*h.tilesAcross*h.tilesDown,
		Memory: 4*planes*width*height + 4*(width+strip*height) + blockDecoderMemory + h.stateLimit() +
			h.tilePartMemory(int64(bytes)),
		Work: 60*samples + 130*int64(bytes),
	}
}

// stateLimit is how many bytes the precincts, code-blocks and chunks of a tile may take. They may take several times what
// the main header lets expect, for tiles may have other code-blocks, but at most twice what the samples take.
func (h *header) stateLimit() int64 {
	width, height := h.tileRoom()
	smallest := 12
	for i := range h.size.components {
		c := &h.params.components[i].coding
		for r := range c.levels + 1 {
			x, y := c.blockExponents(r)
			smallest = min(smallest, x+y)
		}
	}
	samples := int64(h.width) * int64(h.height) * int64(h.size.components)
	expected := width * height * int64(h.size.components) >> smallest * (precinctSize + blockSize)
	return fixedMemory - blockDecoderMemory + min(4*samples, 4*expected)
}

// tilePartMemory is the most that the list of tile-parts and copies of packed packet headers take.
func (h *header) tilePartMemory(bytes int64) int64 {
	return min(2*bytes, tilePartSize*maxTileParts*h.tilesAcross*h.tilesDown) + 2*bytes/3
}

// tileRoom is the most samples a tile has across and down.
func (h *header) tileRoom() (width, height int64) {
	return min(ceilDiv(h.tileWidth, h.stepX), int64(h.width)), min(ceilDiv(h.tileHeight, h.stepY), int64(h.height))
}

// Decode decodes a codestream or JP2 file into to, [height][width][components]. A tile may lack packets at its end, as
// layers may be cut off, but what its headers announce must be there. Errors wrap codec.ErrDamaged, codec.ErrUnsupported
// or the cause of ctx's end.
func Decode(ctx context.Context, data []byte, to []uint16) error {
	stream, h, err := open(data)
	if err != nil {
		return err
	}
	if n := h.describe(0).Samples(); len(to) != n {
		return fmt.Errorf("jpeg2000: room for %d samples, not for %d", len(to), n)
	}
	parts, packed, err := h.tileParts(stream)
	if err != nil {
		return err
	}
	d := decoder{ctx: ctx, header: h, to: to}
	var s source
	for tile, at := int64(0), 0; at < len(parts); tile++ {
		n := 1
		for at+n < len(parts) && parts[at+n].tile == parts[at].tile {
			n++
		}
		if err := d.stop(); err != nil {
			return err
		}
		var p params
		if err := h.readTile(stream, packed, parts[at:at+n], &p, &s); err != nil {
			return err
		}
		if err := d.tile(tile, &p, &s); err != nil {
			return err
		}
		at += n
	}
	return nil
}
