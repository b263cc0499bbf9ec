package dimse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// The types of PDUs (PS3.8, 9.3.1).
const (
	pduAssociateRQ = 1
	pduAssociateAC = 2
	pduAssociateRJ = 3
	pduData        = 4
	pduReleaseRQ   = 5
	pduReleaseRP   = 6
	pduAbort       = 7
)

const (
	pduHeader = 6 // type, a reserved byte, and the length of what follows
	pdvHeader = 6 // length, presentation context, message control header

	// maxAssociate bounds A-ASSOCIATE-RQ and -AC. 128 presentation contexts of 30 transfer syntaxes take 130 KB.
	maxAssociate = 256 << 10
	// minPDU is the shortest P-DATA-TF worth sending to a peer that bounds them.
	minPDU = 128
	// unboundedPDU is what a peer gets that takes P-DATA-TFs of any length.
	unboundedPDU = 128 << 10
)

// appendPDU puts a PDU's header before its body.
func appendPDU(to []byte, kind byte, body []byte) []byte {
	to = append(to, kind, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(len(body)))
	return append(to, body...)
}

// pdu is the header of one.
type pdu struct {
	kind   byte
	length uint32
}

func readPDU(r io.Reader) (pdu, error) {
	var b [pduHeader]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return pdu{}, err
	}
	return pdu{b[0], binary.BigEndian.Uint32(b[2:])}, nil
}

// short reads the body of a PDU that always has four bytes: A-ASSOCIATE-RJ, both A-RELEASEs and A-ABORT.
func (p pdu) short(r io.Reader) (body [4]byte, err error) {
	if p.length != 4 {
		return body, violation(reasonInvalidValue, "PDU of type %d has a length of %d, 4 would be right", p.kind, p.length)
	}
	_, err = io.ReadFull(r, body[:])
	return body, noEOF(err)
}

// associate reads the body of an A-ASSOCIATE-RQ or -AC. It grows as bytes come.
func (p pdu) associate(r io.Reader) (*associate, error) {
	if p.length > maxAssociate {
		return nil, violation(reasonInvalidValue, "PDU of type %d has a length of %d, at most %d are read",
			p.kind, p.length, maxAssociate)
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(p.length)); err != nil {
		return nil, noEOF(err)
	}
	return parseAssociate(body.Bytes(), p.kind)
}

// pdv is the header of a presentation data value (PS3.8, 9.3.5.1 and E.2).
type pdv struct {
	context byte
	command bool
	last    bool
	size    int64 // of the fragment
}

// parsePDV reads a header of which left bytes, itself included, are in the PDU.
func parsePDV(b [pdvHeader]byte, left uint32) (pdv, error) {
	length := binary.BigEndian.Uint32(b[:])
	if length < 2 || length-2 > left-pdvHeader {
		return pdv{}, violation(reasonInvalidValue, "a PDV's length is %d, %d bytes of its PDU are left", length, left-4)
	}
	return pdv{context: b[4], command: b[5]&1 != 0, last: b[5]&2 != 0, size: int64(length) - 2}, nil
}

func (p pdv) append(to []byte) []byte {
	var control byte
	if p.command {
		control |= 1
	}
	if p.last {
		control |= 2
	}
	to = binary.BigEndian.AppendUint32(to, uint32(p.size)+2)
	return append(to, p.context, control)
}

// Reasons of an A-ABORT whose source is the service provider (PS3.8, 9.3.8).
const (
	reasonNotSpecified     = 0
	reasonUnrecognizedPDU  = 1
	reasonUnexpectedPDU    = 2
	reasonUnrecognizedItem = 4
	reasonUnexpectedItem   = 5
	reasonInvalidValue     = 6
)

// violationError is a breach of the protocol by the peer. It is answered with an A-ABORT.
type violationError struct {
	reason byte
	text   string
}

func (e *violationError) Error() string { return "dimse: the peer breaks the protocol: " + e.text }

func violation(reason byte, format string, args ...any) error {
	return &violationError{reason, fmt.Sprintf(format, args...)}
}

// unexpected is the violation of a PDU that has no place here.
func unexpected(kind byte) error {
	if kind < pduAssociateRQ || kind > pduAbort {
		return violation(reasonUnrecognizedPDU, "PDU of unknown type %d", kind)
	}
	return violation(reasonUnexpectedPDU, "PDU of type %d where none may be", kind)
}

// noEOF is an error of reading what should have been there.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
