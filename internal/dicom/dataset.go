package dicom

import (
	"fmt"
	"slices"
	"sort"
)

// Element is one data element.
type Element struct {
	Tag Tag
	VR  VR
	// Value is the value as it is stored in little endian, its padding included. It is nil for sequences and for
	// encapsulated pixel data.
	Value []byte
	// Items are those of a sequence (SQ).
	Items []*Dataset
	// Fragments are those of encapsulated pixel data, nil for native. The first is the basic offset table.
	Fragments [][]byte
	// Offset is where the element's tag stood in the bytes that were parsed.
	Offset int64
}

// Dataset is a set of data elements in the order of their tags. The zero value is empty and ready for use.
type Dataset struct {
	elements []Element
	// inherited are the values of the SpecificCharacterSet of the data set that this one is an item of.
	inherited string
}

// Len is the number of elements.
func (d *Dataset) Len() int { return len(d.elements) }

// Elements lists the elements in the order of their tags. The list must not be changed.
func (d *Dataset) Elements() []Element { return d.elements }

// Get returns the element with a tag, nil where there is none.
func (d *Dataset) Get(tag Tag) *Element {
	if i, ok := d.find(tag); ok {
		return &d.elements[i]
	}
	return nil
}

// Has tells whether there is an element with the tag that has a value.
func (d *Dataset) Has(tag Tag) bool {
	e := d.Get(tag)
	return e != nil && (len(e.Value) > 0 || len(e.Items) > 0 || e.Fragments != nil)
}

// Set puts an element in its place and replaces one with the same tag.
func (d *Dataset) Set(e Element) {
	i, ok := d.find(e.Tag)
	if ok {
		d.elements[i] = e
		return
	}
	d.elements = slices.Insert(d.elements, i, e)
}

// Delete removes the element with a tag, if there is one.
func (d *Dataset) Delete(tag Tag) {
	if i, ok := d.find(tag); ok {
		d.elements = slices.Delete(d.elements, i, i+1)
	}
}

func (d *Dataset) find(tag Tag) (int, bool) {
	i := sort.Search(len(d.elements), func(i int) bool { return d.elements[i].Tag >= tag })
	return i, i < len(d.elements) && d.elements[i].Tag == tag
}

// dictionaryVR is the representation that the dictionary has for a tag.
func dictionaryVR(tag Tag) VR {
	if tag == PixelData {
		return OW // in implicit VR, always (PS3.5, A.1)
	}
	if e, ok := dictionary[tag]; ok {
		return e.vr
	}
	switch {
	case tag.Element() == 0:
		return UL // group length
	case tag.Private() && tag.Element() >= 0x10 && tag.Element() <= 0xff:
		return LO // private creator
	}
	return UN
}

// mustVR is dictionaryVR for tags that this program writes.
func mustVR(tag Tag) VR {
	vr := dictionaryVR(tag)
	if vr == UN {
		panic(fmt.Sprintf("dicom: %v is not in the dictionary", tag))
	}
	return vr
}
