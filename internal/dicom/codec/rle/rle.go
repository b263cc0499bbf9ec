// Package rle decodes frames of the transfer syntax RLE Lossless (PS3.5, Annex G).
//
// A frame is a header of 64 bytes and up to 15 segments. A segment holds one byte of every sample of one component, row by
// row, as runs of PackBits: the components in order, the bytes of each from the most significant down.
//
// A frame does not say how large its picture is. So Inspect is told, and Decode takes what Inspect returns.
package rle

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

const (
	headerBytes = 64
	maxSegments = 15
	maxSide     = 65535 // Rows and Columns are of 16 bits
	longestRun  = 128
	noOperation = -128
)

// Inspect reads the header of a frame whose picture has so many samples of one or two bytes. It costs no memory. Errors
// wrap codec.ErrDamaged, and codec.ErrUnsupported for pictures that are not decoded here.
func Inspect(data []byte, width, height, components, bytesPerSample int) (codec.Header, error) {
	h := codec.Header{Width: width, Height: height, Components: components, Bits: 8 * bytesPerSample}
	if err := check(h); err != nil {
		return codec.Header{}, err
	}
	if _, err := segments(data, components*bytesPerSample); err != nil {
		return codec.Header{}, err
	}
	plane := int64(width) * int64(height)
	planes := int64(components) * int64(bytesPerSample)
	h.LeastBytes = headerBytes + planes*2*((plane+longestRun-1)/longestRun)
	h.Memory = 1 << 10
	h.Work = 2 * plane * planes
	return h, nil
}

func check(h codec.Header) error {
	switch {
	case h.Width < 1 || h.Height < 1 || h.Width > maxSide || h.Height > maxSide:
		return fmt.Errorf("rle: %w: a picture of %d x %d samples", codec.ErrUnsupported, h.Width, h.Height)
	case h.Components != 1 && h.Components != 3:
		return fmt.Errorf("rle: %w: %d samples per pixel; 1 and 3 are", codec.ErrUnsupported, h.Components)
	case h.Bits != 8 && h.Bits != 16:
		return fmt.Errorf("rle: %w: samples of %d bits; 8 and 16 are", codec.ErrUnsupported, h.Bits)
	}
	return nil
}

// segments reads the header: the number of segments, which must be the number of byte planes, and their offsets.
func segments(data []byte, planes int) ([][]byte, error) {
	if len(data) < headerBytes {
		return nil, damaged("%d bytes are too few for the header of %d", len(data), headerBytes)
	}
	if n := binary.LittleEndian.Uint32(data); n != uint32(planes) {
		return nil, damaged("%d segments; the picture has %d byte planes", n, planes)
	}
	var ends [maxSegments + 1]int
	for i := range planes {
		offset := int64(binary.LittleEndian.Uint32(data[4+4*i:]))
		least := int64(headerBytes)
		if i > 0 {
			least = int64(ends[i-1]) + 1
		}
		if offset < least || offset >= int64(len(data)) {
			return nil, damaged("segment %d begins at %d; from %d to %d is possible", i+1, offset, least, len(data)-1)
		}
		ends[i] = int(offset)
	}
	ends[planes] = len(data)
	list := make([][]byte, planes)
	for i := range list {
		list[i] = data[ends[i]:ends[i+1]]
	}
	return list, nil
}

// Decode decodes a frame into to, interleaved [Height][Width][Components]. Of the header it uses Width, Height, Components
// (1 or 3) and Bits (8 or 16, as allocated). to must have Samples() elements.
//
// It stops when ctx ends, with its cause. Other errors wrap codec.ErrDamaged or codec.ErrUnsupported, and to then holds
// nothing of use.
func Decode(ctx context.Context, data []byte, h codec.Header, to []uint16) error {
	if err := check(h); err != nil {
		return err
	}
	if len(to) != h.Samples() {
		return fmt.Errorf("rle: %d samples to decode into; the picture has %d", len(to), h.Samples())
	}
	bytesPerSample := h.Bits / 8
	list, err := segments(data, h.Components*bytesPerSample)
	if err != nil {
		return err
	}
	for i, segment := range list {
		component, significance := i/bytesPerSample, bytesPerSample-1-i%bytesPerSample
		p := plane{to: to[component:], step: h.Components, shift: 8 * uint(significance)}
		if significance < bytesPerSample-1 {
			p.keep = 0xff00
		}
		if err := p.decode(ctx, segment); err != nil {
			return fmt.Errorf("rle: segment %d: %w", i+1, err)
		}
	}
	return nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("rle: %w: %s", codec.ErrDamaged, fmt.Sprintf(format, args...))
}
