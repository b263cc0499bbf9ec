package dimse

import "fmt"

// Status is that of a C-STORE or C-ECHO (PS3.7, C and PS3.4, B.2.3).
type Status uint16

// Statuses that this package gives or that callers may.
const (
	Success Status = 0x0000

	// ProcessingFailure: the operation failed for a reason that has no other status.
	ProcessingFailure Status = 0x0110
	// DuplicateInstance: the object is there already.
	DuplicateInstance Status = 0x0111
	// ClassNotSupported: objects of this SOP class are not taken.
	ClassNotSupported Status = 0x0122
	// NotAuthorized: the peer may not do this.
	NotAuthorized Status = 0x0124
	// UnrecognizedOperation: the command is of no service that is offered.
	UnrecognizedOperation Status = 0x0211

	// OutOfResources: there is no room at present.
	OutOfResources Status = 0xA700
	// NotMatching: the data set does not match its SOP class.
	NotMatching Status = 0xA900
	// CannotUnderstand: the data set cannot be read.
	CannotUnderstand Status = 0xC000

	// Coerced: stored, with elements changed.
	Coerced Status = 0xB000
	// ElementsDiscarded: stored, with elements left out.
	ElementsDiscarded Status = 0xB006
	// NotMatchingStored: stored, though the data set does not match its SOP class.
	NotMatchingStored Status = 0xB007
)

var statusNames = map[Status]string{
	Success:               "success",
	0x0105:                "no such attribute",
	0x0106:                "invalid attribute value",
	0x0107:                "attribute list error",
	ProcessingFailure:     "processing failure",
	DuplicateInstance:     "duplicate SOP instance",
	0x0112:                "no such SOP instance",
	0x0115:                "invalid argument value",
	0x0116:                "attribute value out of range",
	0x0117:                "invalid SOP instance",
	0x0118:                "no such SOP class",
	0x0119:                "class-instance conflict",
	0x0120:                "missing attribute",
	0x0121:                "missing attribute value",
	ClassNotSupported:     "SOP class not supported",
	0x0123:                "no such action",
	NotAuthorized:         "not authorized",
	0x0210:                "duplicate invocation",
	UnrecognizedOperation: "unrecognized operation",
	0x0212:                "mistyped argument",
	0x0213:                "resource limitation",
	Coerced:               "coercion of data elements",
	ElementsDiscarded:     "elements discarded",
	NotMatchingStored:     "stored, the data set does not match its SOP class",
}

// String is the status in hexadecimal with its name.
func (s Status) String() string {
	name := statusNames[s]
	if name == "" {
		switch {
		case s>>8 == 0xA7:
			name = "out of resources"
		case s>>8 == 0xA9:
			name = "data set does not match SOP class"
		case s>>12 == 0xC:
			name = "cannot understand"
		case s>>12 == 0xB:
			name = "warning"
		default:
			name = "failure"
		}
	}
	return fmt.Sprintf("%04XH (%s)", uint16(s), name)
}

// Stored tells statuses after which the receiver has the object: success, warnings, and what it had already.
func (s Status) Stored() bool {
	return s == Success || s == DuplicateInstance || s.Warning()
}

// Warning tells statuses of what was done, though not quite as it was asked for (PS3.7, C.3).
func (s Status) Warning() bool {
	return s>>12 == 0xB || s == 0x0001 || s == 0x0107 || s == 0x0116
}

// temporary tells failures that may be gone when the object is sent again: too little room (A7xx, 0213), and a failure
// that has no reason.
func (s Status) temporary() bool {
	return s>>8 == 0xA7 || s == 0x0213 || s == ProcessingFailure
}
