// Package mllp sends HL7 messages by the Minimal Lower Layer Protocol (HL7 v2, "Transport Specification: MLLP"): a message
// stands between a byte 0x0B and the bytes 0x1C 0x0D, and is answered by an acknowledgement in the same form.
package mllp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	startBlock     = 0x0B
	endBlock       = 0x1C
	carriageReturn = 0x0D
)

const (
	// maxAnswer bounds an acknowledgement, in bytes.
	maxAnswer = 64 << 10
	// timeout is the most that a message takes from dialling to its acknowledgement, if the context does not end earlier.
	timeout = 30 * time.Second
)

// ErrAnswer reports an answer that is no acknowledgement of the message.
var ErrAnswer = errors.New("mllp: the answer is no acknowledgement of the message")

// ErrMessage reports a message that cannot be sent.
var ErrMessage = errors.New("mllp: not an HL7 message")

// Refusal is an acknowledgement that says no.
type Refusal struct {
	// Code is the acknowledgement code (MSA-1; table 0008): AE, AR, CE or CR.
	Code string
	// Reason is the error code (ERR-3; table 0357), such as 207; "" where the receiver gave none of that form.
	Reason string
}

// Error does not repeat texts of the receiver, which may name a patient.
func (r *Refusal) Error() string {
	if r.Reason == "" {
		return "mllp: the receiver refused the message with " + r.Code
	}
	return "mllp: the receiver refused the message with " + r.Code + ", error " + r.Reason
}

// Temporary tells refusals after which the same message may be accepted later. The reason decides where there is one: a locked
// record and an internal error pass. Without one, a message in error (AE) stays in error, and one that was rejected (AR)
// was so for something else than what it says.
func (r *Refusal) Temporary() bool {
	switch {
	case r.Reason == "206" || r.Reason == "207":
		return true
	case r.Reason != "":
		return false
	}
	return r.Code == "AR" || r.Code == "CR"
}

// Temporary tells whether it makes sense to send a message again after an error of [Send]: always, but after a refusal for
// good and for bytes that are no message.
func Temporary(err error) bool {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Temporary()
	}
	return err != nil && !errors.Is(err, ErrMessage)
}

// Send sends one message to an address, host and port, over a connection of its own, and waits for its acknowledgement. With a
// TLS configuration the connection is secured. An error of type *[Refusal] says that the receiver has decided; after any other
// it may or may not have the message.
func Send(ctx context.Context, addr string, secure *tls.Config, message []byte) error {
	control, err := controlID(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := dial(ctx, addr, secure)
	if err != nil {
		return fmt.Errorf("mllp: %w", err)
	}
	defer conn.Close()
	// Closing is what ends a read or a write when the context does.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = exchange(conn, message, control)
	if ctx.Err() != nil && !isRefusal(err) && err != nil {
		return fmt.Errorf("mllp: %w: %w", context.Cause(ctx), err)
	}
	return err
}

func isRefusal(err error) bool {
	var refusal *Refusal
	return errors.As(err, &refusal)
}

func dial(ctx context.Context, addr string, secure *tls.Config) (net.Conn, error) {
	if secure == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	return (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", addr)
}

func exchange(conn net.Conn, message []byte, control string) error {
	block := make([]byte, 0, len(message)+3)
	block = append(append(append(block, startBlock), message...), endBlock, carriageReturn)
	if _, err := conn.Write(block); err != nil {
		return fmt.Errorf("mllp: write: %w", err)
	}
	answer, err := readBlock(conn)
	if err != nil {
		return err
	}
	return acknowledged(answer, control)
}

// readBlock reads what stands in the next block. Bytes before it are skipped, as receivers do that end a block with a line break.
func readBlock(r io.Reader) ([]byte, error) {
	in := bufio.NewReader(io.LimitReader(r, maxAnswer))
	if _, err := in.ReadBytes(startBlock); err != nil {
		return nil, fmt.Errorf("%w: no block begins: %w", ErrAnswer, err)
	}
	block, err := in.ReadBytes(endBlock)
	if err != nil {
		return nil, fmt.Errorf("%w: its block does not end within %d bytes: %w", ErrAnswer, maxAnswer, err)
	}
	return block[:len(block)-1], nil
}

// acknowledged is nil for an acknowledgement that says yes to the message with a control id.
func acknowledged(answer []byte, control string) error {
	msa, separator := segment(answer, "MSA")
	if msa == nil {
		return fmt.Errorf("%w: it has no MSA segment", ErrAnswer)
	}
	code := nth(msa, separator, 1)
	if got := nth(msa, separator, 2); got != control {
		return fmt.Errorf("%w: it is for another message", ErrAnswer)
	}
	switch code {
	case "AA", "CA":
		return nil
	case "AE", "AR", "CE", "CR":
		return &Refusal{Code: code, Reason: reason(answer)}
	}
	return fmt.Errorf("%w: its code in MSA-1 is none of AA, AE, AR, CA, CE, CR", ErrAnswer)
}

// reason is the code in ERR-3, if it is one of table 0357: three digits.
func reason(answer []byte) string {
	err, separator := segment(answer, "ERR")
	code, _, _ := strings.Cut(nth(err, separator, 3), "^")
	if len(code) != 3 || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}

// segment finds a segment by its name, and the field separator that the message's header gives.
func segment(message []byte, name string) (line []byte, separator byte) {
	if len(message) < 4 || !bytes.HasPrefix(message, []byte("MSH")) {
		return nil, '|'
	}
	separator = message[3]
	for _, l := range bytes.FieldsFunc(message, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if bytes.HasPrefix(l, []byte(name)) && len(l) > len(name) && l[len(name)] == separator {
			return l, separator
		}
	}
	return nil, separator
}

// nth is a field of a segment by its number, "" for one that is not there.
func nth(line []byte, separator byte, n int) string {
	fields := bytes.SplitN(line, []byte{separator}, n+2)
	if n >= len(fields) {
		return ""
	}
	return string(bytes.TrimSpace(fields[n]))
}

// controlID is the id of a message (MSH-10), which its acknowledgement repeats.
func controlID(message []byte) (string, error) {
	if bytes.IndexByte(message, startBlock) >= 0 || bytes.IndexByte(message, endBlock) >= 0 {
		return "", fmt.Errorf("%w: it has a byte that ends a block", ErrMessage)
	}
	header, separator := segment(message, "MSH")
	if header == nil {
		return "", fmt.Errorf("%w: it does not begin with MSH", ErrMessage)
	}
	// The separator itself is MSH-1, so the tenth field has nine before it.
	control := nth(header, separator, 9)
	if control == "" {
		return "", fmt.Errorf("%w: it has no control id in MSH-10", ErrMessage)
	}
	return control, nil
}
