package dimse

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// asked is a request for an association with the contexts 1 (Verification), 3 (Secondary Capture) and 5 (CT).
func asked() *associate {
	return &associate{
		called: "SPIKERAY", calling: "TEST", application: dicom.ApplicationContext,
		maxLength: 16384, class: "1.2.3", release: "RAW",
		presentations: []presentation{
			{id: 1, abstract: dicom.Verification, syntaxes: []string{dicom.ImplicitLittleEndian}},
			{id: 3, abstract: dicom.SecondaryCaptureImage, syntaxes: nativeSyntaxes},
			{id: 5, abstract: "1.2.840.10008.5.1.4.1.1.2", syntaxes: nativeSyntaxes},
		},
	}
}

// raw is a peer that sends bytes of its own.
type raw struct {
	t testing.TB
	net.Conn
}

func connected(t testing.TB, addr string) raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return raw{t, conn}
}

// associated is a peer with an association.
func associated(t testing.TB, addr string) raw {
	t.Helper()
	r := connected(t, addr)
	r.send(asked().append(nil, pduAssociateRQ))
	if kind, _ := r.pdu(); kind != pduAssociateAC {
		t.Fatalf("PDU of type %d instead of an A-ASSOCIATE-AC", kind)
	}
	return r
}

func (r raw) send(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// pdu reads one PDU; type 0 is the end of the connection.
func (r raw) pdu() (kind byte, body []byte) {
	r.t.Helper()
	p, err := readPDU(r)
	if err == io.EOF {
		return 0, nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	body = make([]byte, p.length)
	if _, err := io.ReadFull(r, body); err != nil {
		r.t.Fatal(err)
	}
	return p.kind, body
}

// response reads a response of one PDV.
func (r raw) response() command {
	r.t.Helper()
	kind, body := r.pdu()
	if kind != pduData || len(body) < pdvHeader {
		r.t.Fatalf("PDU of type %d with % X instead of a response", kind, body)
	}
	c, err := parseCommand(body[pdvHeader:])
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// data is a P-DATA-TF of PDVs.
func data(pdvs ...[]byte) []byte {
	var body []byte
	for _, p := range pdvs {
		body = append(body, p...)
	}
	return appendPDU(nil, pduData, body)
}

const (
	isCommand = 1
	isLast    = 2
)

// part is a PDV.
func part(context, control byte, fragment []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(fragment))+2)
	return append(append(b, context, control), fragment...)
}

func encoded(t testing.TB, c command) []byte {
	t.Helper()
	b, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func echoRequest(id uint16) command {
	return command{field: commandEcho, id: id, class: dicom.Verification}
}

func storeRequest(id uint16) command {
	return command{field: commandStore, id: id, class: dicom.SecondaryCaptureImage, instance: "2.25.77", data: true}
}

// stillThere asks for an echo.
func (r raw) stillThere() {
	r.t.Helper()
	r.send(data(part(1, isCommand|isLast, encoded(r.t, echoRequest(999)))))
	if c := r.response(); c.field != commandEcho|response || c.status != Success || c.id != 999 {
		r.t.Errorf("an echo is answered by %+v", c)
	}
}
