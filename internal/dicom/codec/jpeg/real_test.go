package jpeg

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

func decoded(t testing.TB, data []byte) []uint16 {
	t.Helper()
	h, err := Inspect(data)
	if err != nil {
		t.Fatal(err)
	}
	to := make([]uint16, h.Samples())
	start := time.Now()
	if err := Decode(context.Background(), data, to); err != nil {
		t.Fatal(err)
	}
	t.Log(h, time.Since(start))
	return to
}

func TestRealPairs(t *testing.T) {
	for _, c := range [][2]string{
		{"chest/rg1_fromJLSN_jpeg_lossless_sv1.dcm", "chest/rg1_fromJLSN_explicitLE.dcm"},
		{"chest/nih_jpeg_lossless_sv1.dcm", "chest/nih_explicitLE.dcm"},
		{"other/CTImage_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm", "other/CTImage_LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm"},
	} {
		got := decoded(t, codectest.Frame(t, codectest.Real(t, c[0])))
		want := codectest.Native(t, codectest.Real(t, c[1]))
		if !slices.Equal(got, want) {
			t.Errorf("%s differs from %s", c[0], c[1])
		}
	}
}
func TestRealDigests(t *testing.T) {
	for _, c := range []string{"other/RG3_JPLL.dcm","other/CTImage_JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm","chest/siim_cr_jpeg_baseline.dcm"} {
		t.Log(c, codectest.Digest(decoded(t, codectest.Frame(t, codectest.Real(t, c)))))
	}
}
