package dicom

import "strings"

// text is an element's value in UTF-8.
func (d *Dataset) text(e *Element) string {
	return strings.ToValidUTF8(string(e.Value), "\ufffd")
}
