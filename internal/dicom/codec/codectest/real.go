package codectest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// truth is what other decoders find in a real file. real.py wrote it.
type truth struct {
	Syntax   string
	Decoders []string
	Digest   string
}

const ct = "other/CTImage_"

// pairs are compressed files and the same pictures that are not.
var pairs = map[string]string{
	"chest/RG1_JLSN.dcm":                                          "chest/rg1_fromJLSN_explicitLE.dcm",
	"chest/rg1_fromJLSN_jpeg_lossless_sv1.dcm":                    "chest/rg1_fromJLSN_explicitLE.dcm",
	"chest/nih_jpeg_lossless_sv1.dcm":                             "chest/nih_explicitLE.dcm",
	"chest/nih_rle.dcm":                                           "chest/nih_explicitLE.dcm",
	ct + "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm": ct + "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
	ct + "RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm":      ct + "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
}

// CheckReal decodes the files of some syntaxes of shared/data/dicom, which are at least so many, and compares them with what
// other decoders find, and with the same picture that is not compressed where there is one.
func CheckReal(t *testing.T, syntaxes []string, least int, decode func(d *dicom.Dataset, frame []byte) []uint16) {
	t.Helper()
	var truths map[string]truth
	load(t, filepath.Join("..", "codectest", "real.json"), &truths)
	count := 0
	for name, truth := range truths {
		if !slices.Contains(syntaxes, truth.Syntax) {
			continue
		}
		count++
		d := Real(t, name)
		samples := decode(d, Frame(t, d))
		if Digest(samples) != truth.Digest {
			t.Errorf("%s: samples differ from those of %v", name, truth.Decoders)
		}
		if pair := pairs[name]; pair != "" && !slices.Equal(samples, native(t, Real(t, pair))) {
			t.Errorf("%s differs from %s", name, pair)
		}
	}
	if count < least {
		t.Errorf("%d files, of at least %d", count, least)
	}
}

// Real reads a file of shared/data/dicom, which lies beside a checkout or beside the folder that it is in, and is never part
// of it. It skips the test if there is none.
func Real(t testing.TB, name string) *dicom.Dataset {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		folder := filepath.Join(dir, "shared", "data", "dicom")
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return f.Dataset
	}
	t.Skip("no real pictures here: ../shared/data/dicom is absent")
	return nil
}

// Frame is the compressed frame of a data set that has one, its fragments joined.
func Frame(t testing.TB, d *dicom.Dataset) []byte {
	t.Helper()
	e := d.Get(dicom.PixelData)
	if e == nil || len(e.Fragments) < 2 {
		t.Fatal("no compressed pixel data")
	}
	return bytes.Join(e.Fragments[1:], nil)
}

// native are the samples of a data set that is not compressed, in little endian.
func native(t testing.TB, d *dicom.Dataset) []uint16 {
	t.Helper()
	value := d.Get(dicom.PixelData).Value
	if bits, _ := d.Int(dicom.BitsAllocated); bits == 8 {
		samples := make([]uint16, len(value))
		for i, b := range value {
			samples[i] = uint16(b)
		}
		return samples
	}
	samples := make([]uint16, len(value)/2)
	for i := range samples {
		samples[i] = binary.LittleEndian.Uint16(value[2*i:])
	}
	return samples
}
