package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"time"
)

// shakeTime bounds the writing of a handshake: its reading is bounded by the read deadline.
const shakeTime = 10 * time.Second

// shake makes the connection a secured one, and may write for so long.
func (c *Conn) shake(longest time.Duration) error {
	now := time.Now()
	_ = c.raw.SetWriteDeadline(now.Add(longest))
	c.waiting.Store(now.UnixNano())
	err := c.secure.Handshake()
	c.waiting.Store(0)
	if err != nil {
		c.listener.config.HandshakeFailed(err)
		return err
	}
	c.shaken.Store(true)
	_ = c.raw.SetWriteDeadline(time.Time{}) // the server sets its own
	return nil
}

// open makes the connection a secured one in front of its first request. Where it fails the error is io.EOF, for which net/http answers
// nothing: there is no way to say anything to the client. But one that speaks HTTP is told, in the clear, that it should not.
func (c *Conn) open() error {
	err := c.shake(shakeTime)
	switch {
	case err == nil:
		return nil
	case IsPlain(err):
		answer := c.listener.config.Refuse(400, "this port is for secured connections: use https")
		_ = c.raw.SetWriteDeadline(time.Now().Add(refuseTime))
		_, _ = c.raw.Write(answer)
		c.End()
	}
	return io.EOF
}

// IsPlain tells whether a handshake failed because the client speaks HTTP without TLS.
func IsPlain(err error) bool {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) {
		return false
	}
	switch string(record.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
