package hw

import "errors"

// The kinds of error that any board can return. An adapter's own errors say more; [NewError] makes one of a given kind.
var (
	// ErrClosed is returned by a closed board, its placements and its programs.
	ErrClosed = errors.New("hw: board is closed")
	// ErrLate: the board did not answer in time.
	ErrLate = errors.New("hw: the board is late")
	// ErrAnswer: the answer contradicts the protocol, the network or what the board has said before.
	ErrAnswer = errors.New("hw: wrong answer from the board")
)

// NewError returns an error with an adapter's own text for which [errors.Is] also reports the kind.
func NewError(kind error, text string) error { return &ofKind{kind, text} }

type ofKind struct {
	kind error
	text string
}

func (e *ofKind) Error() string { return e.text }
func (e *ofKind) Unwrap() error { return e.kind }
