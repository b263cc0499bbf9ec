package dimse

import (
	"errors"
	"fmt"
)

var (
	// ErrNoContext reports that the peer takes no objects of a SOP class, or not in the transfer syntax that they have.
	ErrNoContext = errors.New("dimse: the peer accepted no presentation context for the object")
	// ErrData reports an object that cannot be sent: it has no UIDs, or pixels of another transfer syntax.
	ErrData = errors.New("dimse: the object cannot be sent")
	// ErrRequest reports an association that cannot be asked for: a title or a number of contexts that the standard excludes.
	ErrRequest = errors.New("dimse: the association cannot be asked for")
	// ErrClosed reports an association that was released or aborted.
	ErrClosed = errors.New("dimse: the association is closed")
)

// StatusError is a peer's refusal or failure to store an object. The comment that a peer may give is left out, since it may
// name a patient.
type StatusError struct{ Status Status }

func (e *StatusError) Error() string { return "dimse: the peer answers " + e.Status.String() }

// RejectedError is a peer's A-ASSOCIATE-RJ (PS3.8, 9.3.4).
type RejectedError struct{ Result, Source, Reason byte }

// Transient tells rejections that may be gone at the next try, by what the peer says.
func (e *RejectedError) Transient() bool { return e.Result == rejectedTransient }

func (e *RejectedError) Error() string {
	kind := "permanently"
	if e.Transient() {
		kind = "for now"
	}
	return fmt.Sprintf("dimse: the peer rejects the association %s: %s", kind, e.reason())
}

func (e *RejectedError) reason() string {
	if reason := rejections[[2]byte{e.Source, e.Reason}]; reason != "" {
		return reason
	}
	return fmt.Sprintf("source %d, reason %d", e.Source, e.Reason)
}

// Results, sources and reasons of A-ASSOCIATE-RJ (PS3.8, Table 9-21).
const (
	rejectedPermanent = 1
	rejectedTransient = 2

	sourceUser         = 1
	sourceACSE         = 2
	sourcePresentation = 3

	userApplication = 2
	userCalling     = 3
	userCalled      = 7
	acseVersion     = 2
	presentationCap = 2
)

var rejections = map[[2]byte]string{
	{sourceUser, 1}:                       "no reason given",
	{sourceUser, userApplication}:         "application context name not supported",
	{sourceUser, userCalling}:             "calling AE title not recognized",
	{sourceUser, userCalled}:              "called AE title not recognized",
	{sourceACSE, 1}:                       "no reason given",
	{sourceACSE, acseVersion}:             "protocol version not supported",
	{sourcePresentation, 1}:               "temporary congestion",
	{sourcePresentation, presentationCap}: "local limit exceeded",
}

// AbortError is a peer's A-ABORT (PS3.8, 9.3.8).
type AbortError struct{ Source, Reason byte }

func (e *AbortError) Error() string {
	if e.Source == 0 {
		return "dimse: the peer aborts the association"
	}
	return fmt.Sprintf("dimse: the peer aborts the association for reason %d of its upper layer", e.Reason)
}

// Temporary tells errors of [Dial], [Association.Echo], [Association.Store] and [Store] after which the same may succeed
// later: all but a final [StatusError], a rejection that the peer calls permanent ([RejectedError]; whoever changes the
// peer's list of AE titles can undo that), [ErrNoContext], [ErrData] and [ErrRequest]. Of errors that were joined, one is
// enough.
func Temporary(err error) bool {
	if err == nil {
		return false
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if Temporary(e) {
				return true
			}
		}
		return false
	}
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return status.Status.temporary()
	}
	if rejected := (*RejectedError)(nil); errors.As(err, &rejected) {
		return rejected.Transient()
	}
	return !errors.Is(err, ErrNoContext) && !errors.Is(err, ErrData) && !errors.Is(err, ErrRequest)
}
