package jpeg

import (
	"context"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// FuzzDecode holds what is promised of any bytes, by short edits of streams of all kinds.
func FuzzDecode(f *testing.F) {
	tokens := []string{"\xff\xc0", "\xff\xc1", "\xff\xc3", "\xff\xc4", "\xff\xd0", "\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xdb", "\xff\xdc", "\xff\xdd", "\xff\x00", "\xff\xff"}
	streams := codectest.Goldens(f)
	for i := range streams {
		f.Add(uint8(i), []byte{})
	}
	f.Add(uint8(0), []byte{2, 40, 1, 255, 1, 3, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		if len(edits) <= testmodel.MaxEdits {
			try(t, testmodel.Edited(streams[int(which)%len(streams)].Stream, edits, tokens))
		}
	})
}

// FuzzBytes is FuzzDecode for bytes of any origin.
func FuzzBytes(f *testing.F) {
	for _, g := range codectest.Goldens(f) {
		f.Add(g.Stream)
	}
	f.Fuzz(try)
}

func try(t *testing.T, data []byte) {
	h, err := Inspect(data)
	if err != nil {
		codectest.KnownError(t, err)
		return
	}
	codectest.Bounded(t, data, h, func(to []uint16) error { return Decode(context.Background(), data, to) })
}
