package dicom

import "fmt"

// Tag names a data element: its group in the upper 16 bits, its element number in the lower ones.
type Tag uint32

// Group is the tag's first half.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element is the tag's second half.
func (t Tag) Element() uint16 { return uint16(t) }

// Private tells tags of a vendor's own, whose group is odd.
func (t Tag) Private() bool { return t.Group()&1 == 1 }

// String writes a tag as the standard does, with its keyword where it is in this package's dictionary:
// "(0028,0010) Rows".
func (t Tag) String() string {
	number := fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element())
	if e, ok := dictionary[t]; ok {
		return number + " " + e.keyword
	}
	return number
}
