package dicom

import (
	"encoding/binary"
	"fmt"
)

// Encode writes a data set in explicit or implicit VR little endian, without a Part 10 header. Sequences and items have
// known lengths, but for sequences in implicit VR that a reader could not tell from other values. Encapsulated pixel data
// needs an encapsulated transfer syntax, which is explicit. Values of an odd length are padded. The lengths of groups, which
// would be wrong, are left out, except in commands.
func (d *Dataset) Encode(syntax string) ([]byte, error) {
	if syntax == ExplicitBigEndian || syntax == DeflatedLittleEndian {
		return nil, fmt.Errorf("dicom: data sets are not written in %s", NamedUID(syntax))
	}
	return d.append(nil, syntax == ImplicitLittleEndian)
}

func (d *Dataset) append(to []byte, implicit bool) ([]byte, error) {
	var err error
	for i := range d.elements {
		if tag := d.elements[i].Tag; tag.Element() == 0 && tag.Group() > 2 {
			continue
		}
		if to, err = d.elements[i].append(to, implicit); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (e *Element) append(to []byte, implicit bool) ([]byte, error) {
	if implicit && e.Fragments != nil {
		return nil, fmt.Errorf("dicom: %v is encapsulated, which implicit VR cannot be", e.Tag)
	}
	k := kinds[e.VR]
	value := e.Value
	length := uint32(len(value))
	switch {
	case e.VR == SQ:
		var err error
		if value, err = e.encodeItems(implicit); err != nil {
			return nil, err
		}
		length = uint32(len(value))
		if implicit && dictionaryVR(e.Tag) != SQ {
			value = appendHeader(value, sequenceDelimiter, 0)
			length = undefinedLength
		}
	case e.Fragments != nil:
		for _, f := range e.Fragments {
			value = appendHeader(value, item, uint32(len(f)+len(f)%2))
			value = append(value, f...)
			if len(f)%2 != 0 {
				value = append(value, 0)
			}
		}
		value = appendHeader(value, sequenceDelimiter, 0)
		length = undefinedLength
	case len(value)%2 != 0:
		value = append(value[:len(value):len(value)], k.pad)
		length++
	}
	switch {
	case implicit:
		to = appendHeader(to, e.Tag, length)
	case k.long:
		to = appendTag(to, e.Tag)
		to = append(to, e.VR...)
		to = append(to, 0, 0)
		to = binary.LittleEndian.AppendUint32(to, length)
	case len(value) > 0xFFFF: // comes from implicit VR; written as unknown then (PS3.5, 6.2.2)
		to = appendTag(to, e.Tag)
		to = append(to, UN...)
		to = append(to, 0, 0)
		to = binary.LittleEndian.AppendUint32(to, length)
	default:
		to = appendTag(to, e.Tag)
		to = append(to, e.VR...)
		to = binary.LittleEndian.AppendUint16(to, uint16(length))
	}
	return append(to, value...), nil
}

func (e *Element) encodeItems(implicit bool) ([]byte, error) {
	var value []byte
	for _, d := range e.Items {
		inner, err := d.append(nil, implicit)
		if err != nil {
			return nil, err
		}
		value = appendHeader(value, item, uint32(len(inner)))
		value = append(value, inner...)
	}
	return value, nil
}

func appendTag(to []byte, tag Tag) []byte {
	to = binary.LittleEndian.AppendUint16(to, tag.Group())
	return binary.LittleEndian.AppendUint16(to, tag.Element())
}

func appendHeader(to []byte, tag Tag, length uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendTag(to, tag), length)
}

// EncodeFile writes a file of PS3.10 with its preamble and header. The data set must have its SOPClassUID and
// SOPInstanceUID.
func EncodeFile(d *Dataset, syntax string) ([]byte, error) {
	var meta Dataset
	meta.SetBytes(FileMetaInformationVersion, OB, []byte{0, 1})
	meta.SetStrings(MediaStorageSOPClassUID, d.String(SOPClassUID))
	meta.SetStrings(MediaStorageSOPInstanceUID, d.String(SOPInstanceUID))
	meta.SetStrings(TransferSyntaxUID, syntax)
	meta.SetStrings(ImplementationClassUID, ImplementationUID)
	meta.SetStrings(ImplementationVersionName, ImplementationName)
	if d.String(SOPClassUID) == "" || d.String(SOPInstanceUID) == "" {
		return nil, fmt.Errorf("dicom: a file needs %v and %v", SOPClassUID, SOPInstanceUID)
	}
	head, err := meta.Encode(ExplicitLittleEndian)
	if err != nil {
		return nil, err
	}
	to := make([]byte, preamble, preamble+4+12+len(head))
	to = append(to, magic...)
	to = appendTag(to, FileMetaInformationGroupLength)
	to = append(to, UL...)
	to = binary.LittleEndian.AppendUint16(to, 4)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(head)))
	to = append(to, head...)
	body, err := d.Encode(syntax)
	if err != nil {
		return nil, err
	}
	return append(to, body...), nil
}
