package hw

import "errors"

// What goes wrong with a board, whichever it is. An adapter's own errors say more; [NewError] makes one that is of a kind.
var (
	// ErrClosed is returned by a closed board, its placements and its programs.
	ErrClosed = errors.New("hw: board is closed")
	// ErrLate: the board did not answer in time.
	ErrLate = errors.New("hw: the board is late")
	// ErrAnswer: the answer is not what the board's protocol, the network or the board's own word ask for.
	ErrAnswer = errors.New("hw: wrong answer from the board")
)

// NewError gives an error with an adapter's own words that [errors.Is] takes for the kind, too.
func NewError(kind error, text string) error { return &ofKind{kind, text} }

type ofKind struct {
	kind error
	text string
}

func (e *ofKind) Error() string { return e.text }
func (e *ofKind) Unwrap() error { return e.kind }
