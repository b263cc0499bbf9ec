package dimse

import (
	"encoding/binary"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Object is what a C-STORE request brought.
type Object struct {
	// CallingAE and CalledAE are the titles that the association was asked for with, fit to be printed: bytes that are no
	// printable ASCII are question marks.
	CallingAE, CalledAE string
	// Remote is the peer's address with its port.
	Remote string
	// SOPClass and SOPInstance are those of the command. Syntax is the transfer syntax of the presentation context.
	SOPClass, SOPInstance, Syntax string
	// Data is the data set as it came, in Syntax.
	Data []byte

	file []byte // Data with a header before it
}

// File is the object as a file of PS3.10, with a header made of SOPClass, SOPInstance and Syntax. It must not be changed.
func (o Object) File() ([]byte, error) {
	if o.file != nil {
		return o.file, nil
	}
	head, err := fileHeader(o.SOPClass, o.SOPInstance, o.Syntax)
	if err != nil {
		return nil, err
	}
	return append(head, o.Data...), nil
}

const preamble = 128

// fileHeader is what stands before a data set in a file (PS3.10, 7.1). It depends on nothing but these UIDs, so that an
// object that is sent twice makes the same file.
func fileHeader(class, instance, syntax string) ([]byte, error) {
	var meta dicom.Dataset
	meta.SetBytes(dicom.FileMetaInformationVersion, dicom.OB, []byte{0, 1})
	meta.SetStrings(dicom.MediaStorageSOPClassUID, class)
	meta.SetStrings(dicom.MediaStorageSOPInstanceUID, instance)
	meta.SetStrings(dicom.TransferSyntaxUID, syntax)
	meta.SetStrings(dicom.ImplementationClassUID, dicom.ImplementationUID)
	meta.SetStrings(dicom.ImplementationVersionName, dicom.ImplementationName)
	body, err := meta.Encode(dicom.ExplicitLittleEndian)
	if err != nil {
		return nil, fmt.Errorf("dimse: the header of a file: %w", err)
	}
	head := append(make([]byte, preamble), "DICM"...)
	head = append(head, 2, 0, 0, 0, 'U', 'L', 4, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	return append(head, body...), nil
}
