package board

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/hw"
)

// Kind is what kept a board from answering.
type Kind string

const (
	Unavailable Kind = "unavailable"  // it has not been reached since it was lost, or since the start
	TimedOut    Kind = "timeout"      // it did not answer in time
	Failed      Kind = "failed"       // it gave an error, or its connection did
	WrongAnswer Kind = "wrong_answer" // it gave what no such network can
	Busy        Kind = "busy"         // too many requests wait for it
	Untrusted   Kind = "quarantined"  // it is quarantined
)

// Kinds are all of them.
var Kinds = []Kind{Unavailable, TimedOut, Failed, WrongAnswer, Busy, Untrusted}

// Error says that a board did not answer.
type Error struct {
	Board string
	Kind  Kind
	Err   error // nil where there is no more to say
}

func (e *Error) Error() string {
	text := map[Kind]string{
		Unavailable: "is not available", TimedOut: "did not answer in time", Failed: "failed", WrongAnswer: "gave an impossible answer",
		Busy: "is busy", Untrusted: "is quarantined after a wrong answer",
	}[e.Kind]
	if e.Err == nil {
		return fmt.Sprintf("board %s %s", e.Board, text)
	}
	return fmt.Sprintf("board %s %s: %v", e.Board, text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Public is the error without the error that it wraps.
func (e *Error) Public() string { return (&Error{Board: e.Board, Kind: e.Kind}).Error() }

// kindOf returns the kind of an error of a board or of its connection.
func kindOf(err error) Kind {
	switch {
	case errors.Is(err, hw.ErrImpossible), errors.Is(err, hw.ErrAnswer):
		return WrongAnswer
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errStuck), errors.Is(err, hw.ErrLate):
		return TimedOut
	}
	return Failed
}
