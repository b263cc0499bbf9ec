package dimse

import (
	"encoding/binary"
	"io"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Command fields (PS3.7, E.1). A response has the highest bit set.
const (
	commandStore  = 0x0001
	commandEcho   = 0x0030
	commandCancel = 0x0FFF
	response      = 0x8000
)

const (
	noDataSet  = 0x0101 // Command Data Set Type of a message without a data set
	maxCommand = 16 << 10
)

// command is a command set, as far as C-STORE and C-ECHO have use for it.
type command struct {
	field    uint16
	id       uint16 // of the request, which a response repeats
	data     bool   // a data set follows
	class    string // affected, or requested
	instance string // affected
	status   Status // of a response
	comment  string // of a response, to be written only
}

// reply is the response to a request.
func (c command) reply(status Status, comment string) command {
	return command{field: c.field | response, id: c.id, class: c.class, instance: c.instance, status: status, comment: comment}
}

// encode writes the command set (PS3.7, 6.3.1: implicit VR little endian, with its group length).
func (c command) encode() ([]byte, error) {
	var d dicom.Dataset
	if c.class != "" {
		d.SetStrings(dicom.AffectedSOPClassUID, c.class)
	}
	d.SetInts(dicom.CommandField, int(c.field))
	if c.field&response != 0 {
		d.SetInts(dicom.MessageIDBeingRespondedTo, int(c.id))
		d.SetInts(dicom.Status, int(c.status))
		if c.comment != "" {
			d.SetStrings(dicom.ErrorComment, c.comment)
		}
	} else {
		d.SetInts(dicom.MessageID, int(c.id))
	}
	if c.field == commandStore {
		d.SetInts(dicom.Priority, 0)
	}
	kind := noDataSet
	if c.data {
		kind = 1
	}
	d.SetInts(dicom.CommandDataSetType, kind)
	if c.instance != "" {
		d.SetStrings(dicom.AffectedSOPInstanceUID, c.instance)
	}
	body, err := d.Encode(dicom.ImplicitLittleEndian)
	if err != nil {
		return nil, err
	}
	head := []byte{0, 0, 0, 0, 4, 0, 0, 0}
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	return append(head, body...), nil
}

// parseCommand reads a command set.
func parseCommand(data []byte) (command, error) {
	d, err := dicom.ParseDataset(data, dicom.ImplicitLittleEndian, dicom.Limits{Depth: 1, Elements: 128})
	if err != nil {
		// Its text names a tag and an offset, no value.
		return command{}, violation(reasonNotSpecified, "a command set that cannot be read: %v", err)
	}
	var c command
	field, ok := number(d, dicom.CommandField)
	if !ok {
		return c, violation(reasonNotSpecified, "a command set without %v", dicom.CommandField)
	}
	kind, ok := number(d, dicom.CommandDataSetType)
	if !ok {
		return c, violation(reasonNotSpecified, "a command set without %v", dicom.CommandDataSetType)
	}
	c.field, c.data = field, kind != noDataSet
	id := dicom.MessageID
	if field&response != 0 {
		id = dicom.MessageIDBeingRespondedTo
		status, ok := number(d, dicom.Status)
		if !ok {
			return c, violation(reasonNotSpecified, "a response without %v", dicom.Status)
		}
		c.status = Status(status)
	}
	if c.id, ok = number(d, id); !ok && field != commandCancel {
		return c, violation(reasonNotSpecified, "a command set without %v", id)
	}
	if c.class = text(d, dicom.AffectedSOPClassUID); c.class == "" {
		c.class = text(d, dicom.RequestedSOPClassUID)
	}
	c.instance = text(d, dicom.AffectedSOPInstanceUID)
	return c, nil
}

func number(d *dicom.Dataset, tag dicom.Tag) (uint16, bool) {
	e := d.Get(tag)
	if e == nil || len(e.Value) != 2 {
		return 0, false
	}
	return binary.LittleEndian.Uint16(e.Value), true
}

// text is a UID of a command set, "" for what is none.
func text(d *dicom.Dataset, tag dicom.Tag) string {
	e := d.Get(tag)
	if e == nil {
		return ""
	}
	id := uid(e.Value)
	for i := range len(id) {
		if c := id[i]; c != '.' && (c < '0' || c > '9') {
			return ""
		}
	}
	return id[:min(len(id), maxUID)]
}

// sink takes the fragments of a data set.
type sink interface {
	// take reads n bytes. Its errors are those of reading.
	take(from io.Reader, n int64) error
}

// maxDiscarded bounds a data set that nobody keeps, 4 GiB.
const maxDiscarded = 4 << 30

// discard is a sink for data sets that are refused. They are read all the same, since an association can only go on
// behind their end.
type discard struct{ size int64 }

func (d *discard) take(from io.Reader, n int64) error {
	if d.size += n; d.size > maxDiscarded {
		return violation(reasonNotSpecified, "a data set of more than %d bytes", int64(maxDiscarded))
	}
	_, err := io.CopyN(io.Discard, from, n)
	return noEOF(err)
}
