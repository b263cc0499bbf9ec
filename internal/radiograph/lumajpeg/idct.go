package lumajpeg

import (
	"encoding/binary"

	"github.com/spikeray/spikeray/internal/dct"
)

// The inverse cosine transform is dct.Inverse8, with 2 bits kept between the columns'
// pass and the rows', each pass rounded to nearest. These are the choices of libjpeg's
// accurate transform, which Pillow uses, and so are the answers.
const (
	constBits = dct.ScaleBits
	passBits  = 2

	columnShift = constBits - passBits
	columnRound = 1 << (columnShift - 1)
	rowShift    = constBits + passBits + 3
	// rowRound also raises samples from around 0 to around 128.
	rowRound = 1<<(rowShift-1) + 128<<rowShift
)

// genericTransforms are the transforms by the reduction they make.
var genericTransforms = [16]transform{1: scaled(transform8), 2: scaled(transform4), 4: scaled(transform2), 8: scaled(transform1)}

// quickTransforms are the same, by assembly where there is some for the processor.
var quickTransforms = genericTransforms

// quickBeside is two of quickTransforms[1], or nil.
var quickBeside transformBeside

func transform8(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill8(dst, stride, int32(b.coefficient[0]))
		return
	}
	var work [64]int32
	for x := range dct.ColumnsUpTo[b.last&63] {
		c := b.coefficient[x&7:][:57]
		e0, e1, e2, e3, o0, o1, o2, o3 := dct.Inverse8(int32(c[0]), int32(c[8]), int32(c[16]), int32(c[24]), int32(c[32]), int32(c[40]), int32(c[48]), int32(c[56]))
		w := work[x&7:][:57]
		w[0], w[56] = (e0+o0+columnRound)>>columnShift, (e0-o0+columnRound)>>columnShift
		w[8], w[48] = (e1+o1+columnRound)>>columnShift, (e1-o1+columnRound)>>columnShift
		w[16], w[40] = (e2+o2+columnRound)>>columnShift, (e2-o2+columnRound)>>columnShift
		w[24], w[32] = (e3+o3+columnRound)>>columnShift, (e3-o3+columnRound)>>columnShift
	}
	for y := range 8 {
		w := work[8*y:][:8]
		e0, e1, e2, e3, o0, o1, o2, o3 := dct.Inverse8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
		row := dst[y*stride:][:8]
		row[0], row[7] = clamp((e0+o0+rowRound)>>rowShift), clamp((e0-o0+rowRound)>>rowShift)
		row[1], row[6] = clamp((e1+o1+rowRound)>>rowShift), clamp((e1-o1+rowRound)>>rowShift)
		row[2], row[5] = clamp((e2+o2+rowRound)>>rowShift), clamp((e2-o2+rowRound)>>rowShift)
		row[3], row[4] = clamp((e3+o3+rowRound)>>rowShift), clamp((e3-o3+rowRound)>>rowShift)
	}
}

// clamp takes a sample to a byte.
func clamp(v int32) byte {
	if uint32(v) > 255 {
		v = ^v >> 31
	}
	return byte(v)
}

// fill8 writes the samples of a block that has only a mean.
func fill8(dst []byte, stride int, mean int32) {
	row := uint64(clamp((mean+4)>>3+128)) * 0x01010101_01010101
	for y := range 8 {
		binary.LittleEndian.PutUint64(dst[y*stride:], row)
	}
}

// fill writes size x size samples of a block that has only a mean.
func fill(dst []byte, stride, size int, mean int32) {
	v := clamp((mean+4)>>3 + 128)
	for y := range size {
		row := dst[y*stride:][:size]
		for x := range row {
			row[x] = v
		}
	}
}
