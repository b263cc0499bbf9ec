package jpeg

import (
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

var syntaxes = []string{dicom.JPEGBaseline, dicom.JPEGExtended, dicom.JPEGLossless, dicom.JPEGLosslessSV1}

// TestFrames compares real pictures that other encoders encoded with what other decoders find in them.
func TestFrames(t *testing.T) {
	codectest.CheckFrames(t, syntaxes, func(frame []byte, _, _, _, _ int) []uint16 { return decoded(t, frame) })
}

// TestReal compares real streams with what other decoders find in them.
func TestReal(t *testing.T) {
	codectest.CheckReal(t, syntaxes, 6, func(_ *dicom.Dataset, frame []byte) []uint16 { return decoded(t, frame) })
}
