package jpeg

import (
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// TestRealPairs compares real streams with the same pictures that are not compressed.
func TestRealPairs(t *testing.T) {
	const ct = "other/CTImage_"
	for compressed, native := range map[string]string{
		"chest/rg1_fromJLSN_jpeg_lossless_sv1.dcm":                    "chest/rg1_fromJLSN_explicitLE.dcm",
		"chest/nih_jpeg_lossless_sv1.dcm":                             "chest/nih_explicitLE.dcm",
		ct + "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm": ct + "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
	} {
		got := decoded(t, codectest.Frame(t, codectest.Real(t, compressed)))
		if !slices.Equal(got, codectest.Native(t, codectest.Real(t, native))) {
			t.Errorf("%s differs from %s", compressed, native)
		}
	}
}

var syntaxes = []string{dicom.JPEGBaseline, dicom.JPEGExtended, dicom.JPEGLossless, dicom.JPEGLosslessSV1}

// TestFrames compares real pictures that other encoders encoded with what other decoders find in them.
func TestFrames(t *testing.T) {
	codectest.CheckFrames(t, syntaxes, func(frame []byte, _, _, _, _ int) []uint16 { return decoded(t, frame) })
}

// TestRealDigests compares real streams with what other decoders find in them.
func TestRealDigests(t *testing.T) {
	count := 0
	for name, truth := range codectest.Truths(t) {
		if !slices.Contains(syntaxes, truth.Syntax) {
			continue
		}
		count++
		if got := codectest.Digest(decoded(t, codectest.Frame(t, codectest.Real(t, name)))); got != truth.Digest {
			t.Errorf("%s: samples differ from those of %v", name, truth.Decoders)
		}
	}
	if count < 6 {
		t.Errorf("%d files", count)
	}
}
