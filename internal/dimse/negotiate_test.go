package dimse

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/dicom"
)

func TestPresentationContextsAreAnswered(t *testing.T) {
	s := &Server{StorageClasses: []string{dicom.CRImage, "1.3.46.670589.2.5.1.1"}}
	s.init()
	mpeg := "1.2.840.10008.1.2.4.102"
	for name, c := range map[string]struct {
		class    string
		syntaxes []string
		result   byte
		syntax   string
	}{
		"a film": {
			dicom.CRImage, []string{dicom.ImplicitLittleEndian, dicom.ExplicitLittleEndian},
			contextAccepted, dicom.ExplicitLittleEndian,
		},
		"a film, compressed or not": {
			dicom.CRImage, []string{dicom.JPEGBaseline, dicom.ImplicitLittleEndian, dicom.JPEG2000Lossless},
			contextAccepted, dicom.ImplicitLittleEndian,
		},
		"a film without loss or with": {
			dicom.CRImage, []string{dicom.JPEGBaseline, dicom.RLELossless}, contextAccepted, dicom.RLELossless,
		},
		"a film with loss":         {dicom.CRImage, []string{dicom.JPEGBaseline}, contextAccepted, dicom.JPEGBaseline},
		"a film in another syntax": {dicom.CRImage, []string{mpeg}, contextSyntaxUnsupported, dicom.ImplicitLittleEndian},
		"no syntax":                {dicom.CRImage, nil, contextSyntaxUnsupported, dicom.ImplicitLittleEndian},
		"another storage class": {
			"1.2.840.10008.5.1.4.1.1.2.1", []string{dicom.ExplicitLittleEndian}, contextAccepted, dicom.ExplicitLittleEndian,
		},
		"a private class that is taken": {
			"1.3.46.670589.2.5.1.1", []string{dicom.ExplicitLittleEndian}, contextAccepted, dicom.ExplicitLittleEndian,
		},
		"a private class": {
			"1.3.46.670589.2.5.1.2", []string{dicom.ExplicitLittleEndian}, contextAbstractUnsupported, dicom.ImplicitLittleEndian,
		},
		"a query": {
			"1.2.840.10008.5.1.4.1.2.2.1", []string{dicom.ExplicitLittleEndian},
			contextAbstractUnsupported, dicom.ImplicitLittleEndian,
		},
		"an echo": {
			dicom.Verification, []string{dicom.ImplicitLittleEndian}, contextAccepted, dicom.ImplicitLittleEndian,
		},
		"an echo in JPEG": {
			dicom.Verification, []string{dicom.JPEGBaseline}, contextSyntaxUnsupported, dicom.ImplicitLittleEndian,
		},
		"nothing": {
			"", []string{dicom.ImplicitLittleEndian}, contextAbstractUnsupported, dicom.ImplicitLittleEndian,
		},
	} {
		a := s.choose(presentation{id: 7, abstract: c.class, syntaxes: c.syntaxes})
		if a.id != 7 || a.result != c.result || len(a.syntaxes) != 1 || a.syntaxes[0] != c.syntax {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, syntax := range TransferSyntaxes() {
		a := s.choose(presentation{id: 1, abstract: dicom.CRImage, syntaxes: []string{syntax}})
		if a.result != contextAccepted || a.syntaxes[0] != syntax {
			t.Errorf("%s alone: %+v", dicom.NamedUID(syntax), a)
		}
	}
	if n := len(TransferSyntaxes()); n != 13 {
		t.Errorf("%d transfer syntaxes", n)
	}
}

func TestWhatElseIsNegotiated(t *testing.T) {
	s := &Server{Limits: Limits{PDU: 20000}}
	s.init()
	request := asked()
	request.version = protocolVersion
	request.operations = true
	request.roles = []role{{dicom.SecondaryCaptureImage, 1, 1}, {dicom.CRImage, 0, 1}, {"1.2.840.10008.5.1.4.1.2.2.1", 1, 0}}
	answer, err := s.judge(request, netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err = parseAssociate(answer.append(nil, pduAssociateAC)[pduHeader:], pduAssociateAC)
	if err != nil {
		t.Fatal(err)
	}
	if !answer.operations || answer.maxLength != 20000 || answer.called != "SPIKERAY" || answer.calling != "TEST" ||
		answer.class != dicom.ImplementationUID || answer.release != dicom.ImplementationName ||
		answer.application != dicom.ApplicationContext {
		t.Errorf("%+v", answer)
	}
	want := []role{{dicom.SecondaryCaptureImage, 1, 0}, {dicom.CRImage, 0, 0}}
	if diff := cmp.Diff(want, answer.roles, cmp.AllowUnexported(role{})); diff != "" {
		t.Error(diff)
	}
	request.operations = false
	if answer, err := s.judge(request, netip.Addr{}); err != nil || answer.operations {
		t.Errorf("an operations window that nobody asked for: %v", err)
	}
}

// Extended negotiation (56H, 57H) and user identity (58H) get no answer, and do no harm.
func TestItemsThatGetNoAnswer(t *testing.T) {
	peer := started(t, &Server{})
	identity := []byte{2, 1, 0, 4, 'u', 's', 'e', 'r', 0, 6, 's', 'e', 'c', 'r', 'e', 't'} // with a response requested
	for _, kind := range []byte{0x56, 0x57, 0x58, 0x99} {
		r := connected(t, peer.Addr)
		r.send(withItem(appendItem(nil, itemUser, appendItem(nil, kind, identity))))
		pdu, body := r.pdu()
		if pdu != pduAssociateAC {
			t.Fatalf("item %X: PDU of type %d", kind, pdu)
		}
		if bytes.Contains(body, []byte("secret")) || bytes.Contains(body[associateFixed:], []byte{kind, 0}) {
			t.Errorf("item %X is answered: % X", kind, body)
		}
		r.stillThere()
	}
}

func TestEachSyntaxArrivesAsItIsNamed(t *testing.T) {
	var got taken
	peer := started(t, &Server{Store: got.store})
	for _, syntax := range TransferSyntaxes() {
		if syntax == dicom.ExplicitBigEndian || syntax == dicom.DeflatedLittleEndian {
			continue // which this program reads and does not write
		}
		d := sample(1, 200)
		if dicom.Encapsulated(syntax) {
			d.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Fragments: [][]byte{{}, {1, 2, 3, 4}, {5, 6}}})
		}
		got.forget()
		a := dial(t, peer, Context{dicom.SecondaryCaptureImage, []string{syntax}})
		if _, err := a.StoreFile(context.Background(), &dicom.File{Syntax: syntax, Dataset: d}); err != nil {
			t.Errorf("%s: %v", dicom.NamedUID(syntax), err)
			continue
		}
		a.Release(context.Background())
		data, err := got.all()[0].File()
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err != nil || f.Syntax != syntax || f.Dataset.Len() != d.Len() {
			t.Errorf("%s: %v", dicom.NamedUID(syntax), err)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	local, other := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")
	for _, c := range []struct {
		callers []Caller
		title   string
		may     bool
	}{
		{nil, "ANY", true},
		{[]Caller{{AETitle: "ROUTER"}}, "ROUTER", true},
		{[]Caller{{AETitle: "ROUTER"}}, "router", false},
		{[]Caller{{AETitle: "ROUTER"}, {AETitle: "CR1"}}, "CR1", true},
		{[]Caller{{AETitle: "ROUTER", From: []netip.Prefix{other, local}}}, "ROUTER", true},
		{[]Caller{{AETitle: "ROUTER", From: []netip.Prefix{other}}}, "ROUTER", false},
		{[]Caller{{From: []netip.Prefix{local}}}, "ANY", true},
		{[]Caller{{From: []netip.Prefix{other}}}, "ANY", false},
	} {
		peer := started(t, &Server{Callers: c.callers})
		peer.CallingAE = c.title
		err := Echo(context.Background(), peer)
		var rejected *RejectedError
		switch {
		case c.may && err != nil:
			t.Errorf("%+v: %v", c, err)
		case !c.may && (!errors.As(err, &rejected) || *rejected != RejectedError{rejectedPermanent, sourceUser, userCalling}):
			t.Errorf("%+v: %v", c, err)
		case !c.may && Temporary(err):
			t.Errorf("%+v: temporary: %v", c, err)
		}
	}
}
