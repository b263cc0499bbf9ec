package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
)

// The errors of a board host, besides the context's own error, hw.ErrClosed for a closed board and *hw.Refusal for a
// network that the board cannot run.
var (
	// ErrNoAnswer: no complete answer came. The host is not running, was killed or broke off, or does not speak HTTP.
	ErrNoAnswer = errors.New("remote: no complete answer from the board host")
	// ErrLate: the host did not answer within Options.Timeout. It is a [hw.ErrLate].
	ErrLate = hw.NewError(hw.ErrLate, "remote: the board host is late")
	// ErrAnswer: the host's answer contradicts the protocol, the network or what the host said before. It is a [hw.ErrAnswer].
	ErrAnswer = hw.NewError(hw.ErrAnswer, "remote: wrong answer from the board host")
	// ErrNetworkDiffers: the host runs another network than the one that was placed. It is an ErrAnswer too.
	ErrNetworkDiffers = fmt.Errorf("%w: the host runs another network", ErrAnswer)
	// ErrOwned: the board belongs to someone else.
	ErrOwned = errors.New("remote: the board has another owner")
)

// HostError is a refusal or failure that the host itself reports. With status 409 it is [ErrOwned] too.
type HostError struct {
	Status  int
	Message string // of at most 512 bytes
}

func (e *HostError) Error() string {
	return fmt.Sprintf("remote: the board host answers %d: %s", e.Status, e.Message)
}

// Unwrap is ErrOwned or nil.
func (e *HostError) Unwrap() error {
	if e.Status == http.StatusConflict {
		return ErrOwned
	}
	return nil
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrAnswer, fmt.Sprintf(format, args...))
}

const maxReasons = 256

// hostError reads the body of an answer that is no success. Reasons against a network stand beside the protocol's error.
func (b *board) hostError(status int, body []byte) error {
	var w struct {
		oip.ErrorResponse
		Reasons []struct{ Layer, Reason string }
	}
	if json.Unmarshal(body, &w) != nil || w.Error == "" {
		w.Error = http.StatusText(status)
	}
	if status == http.StatusBadRequest && len(w.Reasons) > 0 {
		refusal := &hw.Refusal{Board: b.Name()}
		for _, r := range w.Reasons[:min(len(w.Reasons), maxReasons)] {
			refusal.Add(printable(r.Layer), "%s", printable(r.Reason))
		}
		return refusal
	}
	return &HostError{status, printable(w.Error)}
}

// printable is a host's text, shortened and with nothing but printable characters.
func printable(s string) string {
	var out []rune
	for _, r := range s[:min(len(s), 512)] {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
