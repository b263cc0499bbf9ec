package dimse

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// changed is a request for an association with something of it changed.
func changed(change func(a *associate)) []byte {
	a := asked()
	change(a)
	return a.append(nil, pduAssociateRQ)
}

// withItem is the request with a further item behind it.
func withItem(item []byte) []byte {
	b := asked().append(nil, pduAssociateRQ)
	return appendPDU(nil, pduAssociateRQ, append(b[pduHeader:], item...))
}

func abort(reason byte) []byte { return []byte{0, 0, 2, reason} }

func rejected(source, reason byte) []byte { return []byte{0, rejectedPermanent, source, reason} }

func header(kind byte, length uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind, 0}, length)
}

func TestGarbageBeforeAnAssociation(t *testing.T) {
	peer := started(t, &Server{AETitle: "SPIKERAY"})
	noVersion := asked().append(nil, pduAssociateRQ)
	noVersion[7] = 0
	for name, c := range map[string]struct {
		send []byte
		want []byte // the body of an A-ABORT or A-ASSOCIATE-RJ
	}{
		"HTTP":                       {[]byte("GET / HTTP/1.1\r\n\r\n"), abort(reasonUnrecognizedPDU)},
		"zeros":                      {make([]byte, 100), abort(reasonUnrecognizedPDU)},
		"data":                       {header(pduData, 100), abort(reasonUnexpectedPDU)},
		"an acceptance":              {header(pduAssociateAC, 100), abort(reasonUnexpectedPDU)},
		"a release":                  {header(pduReleaseRQ, 4), abort(reasonUnexpectedPDU)},
		"a request of 4 GiB":         {header(pduAssociateRQ, 1<<32-1), abort(reasonInvalidValue)},
		"a request beyond the bound": {header(pduAssociateRQ, maxAssociate+1), abort(reasonInvalidValue)},
		"a short request": {
			append(header(pduAssociateRQ, 10), make([]byte, 10)...), abort(reasonInvalidValue),
		},
		"an item without its length":       {withItem([]byte{itemContextRQ, 0, 0}), abort(reasonInvalidValue)},
		"an item beyond the end":           {withItem([]byte{itemContextRQ, 0, 0, 9, 1}), abort(reasonInvalidValue)},
		"a presentation context too short": {withItem(appendItem(nil, itemContextRQ, []byte{7, 0})), abort(reasonInvalidValue)},
		"an even presentation context": {
			changed(func(a *associate) { a.presentations[0].id = 2 }), abort(reasonInvalidValue),
		},
		"a presentation context twice": {
			changed(func(a *associate) { a.presentations[0].id = 3 }), abort(reasonInvalidValue),
		},
		"a maximum length of two bytes": {withItem(appendItem(nil, itemUser, appendItem(nil, itemMaxLength, []byte{1, 2}))),
			abort(reasonInvalidValue)},
		"tiny PDUs": {changed(func(a *associate) { a.maxLength = 20 }), abort(reasonInvalidValue)},
		"a role that contradicts itself": {withItem(appendItem(nil, itemUser, appendItem(nil, itemRole, []byte{0, 9, 1, 1}))),
			abort(reasonInvalidValue)},
		"too many transfer syntaxes": {changed(func(a *associate) { a.presentations[0].syntaxes = make([]string, maxSyntaxes+1) }),
			abort(reasonInvalidValue)},
		"another version": {noVersion, rejected(sourceACSE, acseVersion)},
		"another application context": {changed(func(a *associate) { a.application = "1.2.3" }),
			rejected(sourceUser, userApplication)},
		"no application context": {changed(func(a *associate) { a.application = "" }), rejected(sourceUser, userApplication)},
		"another called title":   {changed(func(a *associate) { a.called = "spikeray" }), rejected(sourceUser, userCalled)},
		"an abort":               {append(header(pduAbort, 4), 0, 0, 0, 0), nil},
	} {
		r := connected(t, peer.Addr)
		r.send(c.send)
		kind, body := r.pdu()
		want := byte(pduAbort)
		if len(c.want) > 1 && c.want[1] != 0 {
			want = pduAssociateRJ
		}
		if c.want == nil {
			want = 0
		}
		if kind != want || !bytes.Equal(body, c.want) {
			t.Errorf("%s: PDU of type %d with % X, want %d with % X", name, kind, body, want, c.want)
		}
		if kind != 0 {
			if kind, _ := r.pdu(); kind != 0 {
				t.Errorf("%s: the connection goes on with a PDU of type %d", name, kind)
			}
		}
	}
}

func TestGarbageWithinAnAssociation(t *testing.T) {
	var got taken
	peer := started(t, &Server{AETitle: "SPIKERAY", Store: got.store, Limits: Limits{PDU: 8192}})
	half := data(part(1, isCommand, make([]byte, 8000)))
	echo, store := encoded(t, echoRequest(1)), encoded(t, storeRequest(1))
	for name, c := range map[string]struct {
		send   []byte
		reason byte
	}{
		"an unknown PDU":       {header(0x99, 4), reasonUnrecognizedPDU},
		"a second request":     {asked().append(nil, pduAssociateRQ), reasonUnexpectedPDU},
		"a rejection":          {append(header(pduAssociateRJ, 4), 0, 0, 0, 0), reasonUnexpectedPDU},
		"a release response":   {append(header(pduReleaseRP, 4), 0, 0, 0, 0), reasonUnexpectedPDU},
		"a long release":       {append(header(pduReleaseRQ, 1<<30), 0, 0, 0, 0), reasonInvalidValue},
		"a long abort":         {append(header(pduAbort, 5), 0, 0, 0, 0, 0), reasonInvalidValue},
		"an empty P-DATA-TF":   {data(), reasonInvalidValue},
		"a P-DATA-TF of 4 GiB": {header(pduData, 1<<32-1), reasonInvalidValue},
		"a P-DATA-TF too long": {header(pduData, 8192+7), reasonInvalidValue},
		"a PDV of no length":   {data([]byte{0, 0, 0, 0, 1, 3}), reasonInvalidValue},
		"a PDV of one byte":    {data([]byte{0, 0, 0, 1, 1, 3}), reasonInvalidValue},
		"a PDV beyond its PDU": {data([]byte{0, 0, 0, 3, 1, 3}), reasonInvalidValue},
		"a PDV of 4 GiB":       {data([]byte{255, 255, 255, 255, 1, 3}), reasonInvalidValue},
		"bytes behind a PDV":   {data(part(1, isCommand, echo[:20]), []byte{0, 0, 0}), reasonInvalidValue},
		"an unknown context":   {data(part(9, isCommand|isLast, echo)), reasonInvalidValue},
		"another context": {
			data(part(1, isCommand, echo[:20]), part(3, isCommand|isLast, echo[20:])), reasonInvalidValue,
		},
		"another context for data": {data(part(3, isCommand|isLast, store), part(5, isLast, nil)), reasonInvalidValue},
		"data without a command":   {data(part(3, isLast, []byte{1, 2})), reasonUnexpectedItem},
		"a command for data": {
			data(part(3, isCommand|isLast, store), part(3, isCommand|isLast, echo)), reasonUnexpectedItem,
		},
		"data within a command": {data(part(1, isCommand, echo[:20]), part(1, isLast, echo[20:])), reasonUnexpectedItem},
		"an empty command":      {data(part(1, isCommand|isLast, nil)), reasonNotSpecified},
		"a cut command":         {data(part(1, isCommand|isLast, echo[:len(echo)-3])), reasonNotSpecified},
		"a response": {
			data(part(1, isCommand|isLast, encoded(t, echoRequest(1).reply(Success, "")))), reasonNotSpecified,
		},
		"a release in a message": {
			append(data(part(3, isCommand|isLast, store)), append(header(pduReleaseRQ, 4), 0, 0, 0, 0)...), reasonUnexpectedPDU,
		},
		"a long command": {bytes.Repeat(half, 3), reasonInvalidValue},
	} {
		r := associated(t, peer.Addr)
		r.send(c.send)
		if kind, body := r.pdu(); kind != pduAbort || !bytes.Equal(body, abort(c.reason)) {
			t.Errorf("%s: PDU of type %d with % X, want an abort for reason %d", name, kind, body, c.reason)
			continue
		}
		if kind, _ := r.pdu(); kind != 0 {
			t.Errorf("%s: the connection goes on with a PDU of type %d", name, kind)
		}
	}
	if n := len(got.all()); n != 0 {
		t.Errorf("%d objects were taken", n)
	}
}

func TestMessagesMayComeInAnyPieces(t *testing.T) {
	var got taken
	peer := started(t, &Server{Store: got.store})
	store := encoded(t, storeRequest(7))
	body := bytes.Repeat([]byte("0123456789"), 20)
	whole := append(data(part(3, isCommand|isLast, store)), data(part(3, isLast, body))...)
	var bytewise, twobytes []byte
	for i := range store {
		bytewise = append(bytewise, data(part(3, isCommand, store[i:i+1]))...)
	}
	bytewise = append(bytewise, data(part(3, isCommand|isLast, nil))...)
	for i := 0; i < len(body); i += 2 {
		twobytes = append(twobytes, data(part(3, 0, nil), part(3, 0, body[i:i+2]))...)
	}
	twobytes = append(twobytes, data(part(3, isLast, nil))...)
	for name, send := range map[string][]byte{
		"two PDUs": whole,
		"one PDU":  data(part(3, isCommand|isLast, store), part(3, isLast, body)),
		"several PDVs": data(part(3, isCommand, store[:30]), part(3, isCommand|isLast, store[30:]),
			part(3, 0, body[:100]), part(3, isLast, body[100:])),
		"single bytes":     append(bytewise, twobytes...),
		"reserved bits":    data(part(3, 0xF0|isCommand|isLast, store), part(3, 0xF0|isLast, body)),
		"two at once":      append(bytes.Clone(whole), whole...),
		"a cancel at once": append(data(part(3, isCommand|isLast, encoded(t, command{field: commandCancel, id: 7}))), whole...),
	} {
		got.forget()
		r := associated(t, peer.Addr)
		r.send(send)
		objects := 1
		if name == "two at once" {
			objects = 2
		}
		for range objects {
			want := command{field: commandStore | response, id: 7, class: dicom.SecondaryCaptureImage, instance: "2.25.77"}
			if c := r.response(); c != want {
				t.Errorf("%s: response %+v", name, c)
			}
		}
		r.stillThere()
		if list := got.all(); len(list) != objects || !bytes.Equal(list[0].Data, body) {
			t.Errorf("%s: %d objects came", name, len(list))
		}
		r.Close()
	}
}

func TestRefusedRequestsLeaveTheAssociation(t *testing.T) {
	var got taken
	peer := started(t, &Server{Store: got.store, Limits: Limits{Object: 100_000}})
	r := associated(t, peer.Addr)
	long := func(n int) (pdus []byte) {
		for ; n > 0; n -= 10_000 {
			pdus = append(pdus, data(part(3, 0, make([]byte, 10_000)))...)
		}
		return append(pdus, data(part(3, isLast, nil))...)
	}
	for name, c := range map[string]struct {
		context byte
		request command
		data    []byte
		status  Status
	}{
		"a class that is not taken": {
			5, command{field: commandStore, class: "1.2.840.10008.5.1.4.1.1.2", instance: "1.2", data: true},
			data(part(5, isLast, make([]byte, 50))), ClassNotSupported},
		"a class of another context": {3, command{field: commandStore, class: dicom.CRImage, instance: "1.2", data: true},
			data(part(3, isLast, make([]byte, 50))), ClassNotSupported},
		"an echo in a context of storage": {3, echoRequest(1), nil, ClassNotSupported},
		"a query": {
			3, command{field: 0x0020, class: dicom.SecondaryCaptureImage, data: true},
			data(part(3, isLast, make([]byte, 50))), UnrecognizedOperation,
		},
		"an action": {1, command{field: 0x0130, class: dicom.Verification}, nil, UnrecognizedOperation},
		"no data set": {
			3, command{field: commandStore, class: dicom.SecondaryCaptureImage, instance: "1.2"}, nil, CannotUnderstand,
		},
		"an empty data set": {3, storeRequest(1), data(part(3, isLast, nil)), CannotUnderstand},
		"no instance": {3, command{field: commandStore, class: dicom.SecondaryCaptureImage, data: true},
			data(part(3, isLast, make([]byte, 50))), CannotUnderstand},
		"too large":          {3, storeRequest(1), long(200_000), CannotUnderstand},
		"as large as may be": {3, storeRequest(1), long(100_000), Success},
	} {
		c.request.id = 4
		r.send(data(part(c.context, isCommand|isLast, encoded(t, c.request))))
		if c.data != nil {
			r.send(c.data)
		}
		want := c.request.reply(c.status, "")
		if got := r.response(); got != want {
			t.Errorf("%s: %+v, want %v", name, got, c.status)
		}
		r.stillThere()
	}
	if n := len(got.all()); n != 1 {
		t.Errorf("%d objects were taken", n)
	}
}
