package film

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom"
)

// table is a modality or VOI look-up table (PS3.3, C.11.1.1 and C.11.2.1.1).
type table struct {
	first   int // the input that the first entry is for
	entries []uint16
	white   float64 // the largest output that its number of bits allows
}

var errTable = errors.New("a look-up table whose descriptor does not fit its data")

// readTable reads the first table of a sequence, nil where there is none. signed says that its inputs may be negative.
func readTable(d *dicom.Dataset, sequence dicom.Tag, signed bool) (*table, error) {
	items := d.Items(sequence)
	if len(items) == 0 {
		return nil, nil
	}
	descriptor, data := items[0].Get(dicom.LUTDescriptor), items[0].Get(dicom.LUTData)
	if descriptor == nil || data == nil || len(descriptor.Value) != 6 {
		return nil, errTable
	}
	// The first and third numbers are unsigned, whatever the representation of the second.
	number := func(i int) int { return int(binary.LittleEndian.Uint16(descriptor.Value[2*i:])) }
	n, bits := number(0), number(2)
	if n == 0 {
		n = 1 << 16
	}
	if bits < 8 || bits > 16 {
		return nil, fmt.Errorf("%w: %d bits an entry, expected 8 to 16", errTable, bits)
	}
	t := &table{first: number(1), white: float64(int(1)<<bits - 1), entries: make([]uint16, n)}
	if descriptor.VR == dicom.SS || signed {
		t.first = int(int16(t.first))
	}
	switch length := len(data.Value); {
	case length >= 2*n:
		for i := range t.entries {
			t.entries[i] = binary.LittleEndian.Uint16(data.Value[2*i:])
		}
	case bits == 8 && length >= n && length <= n+1: // a byte an entry, which the standard once allowed
		for i := range t.entries {
			t.entries[i] = uint16(data.Value[i])
		}
	default:
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errTable, n, length)
	}
	return t, nil
}

// of is the table's output: inputs beyond its ends have the output of the end.
func (t *table) of(input float64) float64 {
	i := min(max(input-float64(t.first), 0), float64(len(t.entries)-1))
	return float64(t.entries[int(i)])
}
