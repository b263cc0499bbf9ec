package dimse

import (
	"encoding/binary"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Types of items in A-ASSOCIATE PDUs (PS3.8, 9.3.2 and D.1; PS3.7, D.3.3).
const (
	itemApplication  = 0x10
	itemContextRQ    = 0x20
	itemContextAC    = 0x21
	itemAbstract     = 0x30
	itemTransfer     = 0x40
	itemUser         = 0x50
	itemMaxLength    = 0x51
	itemClass        = 0x52
	itemOperations   = 0x53
	itemRole         = 0x54
	itemVersion      = 0x55
	associateFixed   = 68 // what stands before the first item
	titleSize        = 16
	maxUID           = 64
	protocolVersion  = 1
	maxRoles         = 256
	maxSyntaxes      = 256
	maxPresentations = 128
)

// associate is an A-ASSOCIATE-RQ or -AC; they have the same form.
type associate struct {
	version        uint16
	called         string // without padding
	calling        string
	application    string
	presentations  []presentation
	maxLength      uint32 // of the P-DATA-TFs that its sender takes, 0 for any
	class, release string // implementation class UID and version name
	operations     bool   // an asynchronous operations window is asked for or granted
	roles          []role
}

// presentation is a presentation context, proposed or answered.
type presentation struct {
	id       byte
	result   byte
	abstract string
	syntaxes []string // one in an answer
}

// Results of a presentation context (PS3.8, 9.3.3.2).
const (
	contextAccepted            = 0
	contextAbstractUnsupported = 3
	contextSyntaxUnsupported   = 4
)

// role is what a peer wants to be for a SOP class (PS3.7, D.3.3.4).
type role struct {
	class    string
	scu, scp byte
}

func appendItem(to []byte, kind byte, body []byte) []byte {
	to = append(to, kind, 0)
	to = binary.BigEndian.AppendUint16(to, uint16(len(body)))
	return append(to, body...)
}

func appendTitle(to []byte, title string) []byte {
	title = title[:min(len(title), titleSize)]
	to = append(to, title...)
	return append(to, strings.Repeat(" ", titleSize-len(title))...)
}

// append writes the PDU of a kind.
func (a *associate) append(to []byte, kind byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, protocolVersion)
	body = append(body, 0, 0)
	body = appendTitle(body, a.called)
	body = appendTitle(body, a.calling)
	body = append(body, make([]byte, 32)...)
	body = appendItem(body, itemApplication, []byte(a.application))
	for _, p := range a.presentations {
		inner := []byte{p.id, 0, p.result, 0}
		if kind == pduAssociateRQ {
			inner = appendItem(inner, itemAbstract, []byte(p.abstract))
		}
		for _, s := range p.syntaxes {
			inner = appendItem(inner, itemTransfer, []byte(s))
		}
		item := byte(itemContextAC)
		if kind == pduAssociateRQ {
			item = itemContextRQ
		}
		body = appendItem(body, item, inner)
	}
	user := appendItem(nil, itemMaxLength, binary.BigEndian.AppendUint32(nil, a.maxLength))
	user = appendItem(user, itemClass, []byte(a.class))
	if a.operations {
		user = appendItem(user, itemOperations, []byte{0, 1, 0, 1})
	}
	for _, r := range a.roles {
		inner := binary.BigEndian.AppendUint16(nil, uint16(len(r.class)))
		inner = append(append(inner, r.class...), r.scu, r.scp)
		user = appendItem(user, itemRole, inner)
	}
	user = appendItem(user, itemVersion, []byte(a.release))
	return appendPDU(to, kind, appendItem(body, itemUser, user))
}

// items takes items apart and hands each to a function. Those that it does not know are passed over (PS3.8, 9.3.1).
func items(data []byte, each func(kind byte, body []byte) error) error {
	for len(data) > 0 {
		if len(data) < 4 {
			return violation(reasonInvalidValue, "an item is cut short after %d bytes", len(data))
		}
		length := int(binary.BigEndian.Uint16(data[2:]))
		if length > len(data)-4 {
			return violation(reasonInvalidValue, "the length of item %02XH is %d, %d bytes are left", data[0], length, len(data)-4)
		}
		if err := each(data[0], data[4:4+length]); err != nil {
			return err
		}
		data = data[4+length:]
	}
	return nil
}

// parseAssociate reads the body of an A-ASSOCIATE-RQ or -AC.
func parseAssociate(body []byte, kind byte) (*associate, error) {
	if len(body) < associateFixed {
		return nil, violation(reasonInvalidValue, "an association PDU of %d bytes, at least %d would be right",
			len(body), associateFixed)
	}
	a := &associate{
		version: binary.BigEndian.Uint16(body),
		called:  title(body[4:20]),
		calling: title(body[20:36]),
	}
	context := byte(itemContextRQ)
	if kind == pduAssociateAC {
		context = itemContextAC
	}
	var seen [256]bool
	err := items(body[associateFixed:], func(item byte, body []byte) error {
		switch item {
		case itemApplication:
			a.application = uid(body)
		case context:
			p, err := parsePresentation(body)
			if err != nil {
				return err
			}
			if seen[p.id] {
				return violation(reasonInvalidValue, "presentation context %d is there twice", p.id)
			}
			seen[p.id] = true
			a.presentations = append(a.presentations, p)
		case itemUser:
			return items(body, a.user)
		}
		return nil
	})
	return a, err
}

func parsePresentation(body []byte) (presentation, error) {
	if len(body) < 4 {
		return presentation{}, violation(reasonInvalidValue, "a presentation context of %d bytes", len(body))
	}
	p := presentation{id: body[0], result: body[2]}
	if p.id%2 == 0 {
		return p, violation(reasonInvalidValue, "presentation context %d: its number must be odd", p.id)
	}
	err := items(body[4:], func(item byte, body []byte) error {
		switch item {
		case itemAbstract:
			p.abstract = uid(body)
		case itemTransfer:
			if len(p.syntaxes) == maxSyntaxes {
				return violation(reasonInvalidValue, "a presentation context with more than %d transfer syntaxes", maxSyntaxes)
			}
			p.syntaxes = append(p.syntaxes, uid(body))
		}
		return nil
	})
	return p, err
}

// user takes an item of the user information. Extended negotiation and user identities are passed over: an acceptor that
// does not support them gives no answer to them (PS3.7, D.3.3.5 and D.3.3.7).
func (a *associate) user(item byte, body []byte) error {
	switch item {
	case itemMaxLength:
		if len(body) != 4 {
			return violation(reasonInvalidValue, "a maximum length of %d bytes, 4 would be right", len(body))
		}
		a.maxLength = binary.BigEndian.Uint32(body)
	case itemClass:
		a.class = uid(body)
	case itemVersion:
		a.release = title(body)
	case itemOperations:
		a.operations = true
	case itemRole:
		if len(body) < 4 || int(binary.BigEndian.Uint16(body)) != len(body)-4 {
			return violation(reasonInvalidValue, "a role selection of %d bytes contradicts itself", len(body))
		}
		if len(a.roles) == maxRoles {
			return violation(reasonInvalidValue, "more than %d role selections", maxRoles)
		}
		a.roles = append(a.roles, role{uid(body[2 : len(body)-2]), body[len(body)-2], body[len(body)-1]})
	}
	return nil
}

// title is an application entity's, without its padding and at most 16 bytes.
func title(b []byte) string { return strings.Trim(string(b[:min(len(b), titleSize)]), " \x00") }

// uid is one without its padding. What is too long for one gives none.
func uid(b []byte) string {
	if len(b) > maxUID+1 {
		return ""
	}
	return strings.TrimRight(string(b), " \x00")
}

// printable makes an application entity's title fit for logs and results: other than printable characters of ASCII, and
// the backslash that no title may have, become question marks.
func printable(title string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '\\' {
			return '?'
		}
		return r
	}, title[:min(len(title), titleSize)])
}

// nativeSyntaxes are those in which this package writes data sets that have no compressed pixels.
var nativeSyntaxes = []string{dicom.ExplicitLittleEndian, dicom.ImplicitLittleEndian}
