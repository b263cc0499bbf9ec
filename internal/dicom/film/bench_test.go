package film

import (
	"encoding/binary"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// BenchmarkDecode decodes a native film of 3.6 megapixels in 12 bits, with a window.
func BenchmarkDecode(b *testing.B) {
	const width, height = 1900, 1900
	cells := make([]byte, 0, 2*width*height)
	for i := range width * height {
		cells = binary.LittleEndian.AppendUint16(cells, uint16(i*7%4096))
	}
	file := made(func(d *dicom.Dataset) {
		for tag, n := range map[dicom.Tag]int{dicom.Rows: height, dicom.Columns: width, dicom.BitsAllocated: 16, dicom.BitsStored: 12, dicom.HighBit: 11} {
			d.SetInts(tag, n)
		}
		d.SetBytes(dicom.PixelData, dicom.OW, cells)
		d.SetStrings(dicom.WindowCenter, "2000")
		d.SetStrings(dicom.WindowWidth, "3000")
	})
	f, err := Open(file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(f.Work())/1e6, "ms-announced")
	b.SetBytes(2 * width * height)
	for b.Loop() {
		if _, err := f.Decode(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
