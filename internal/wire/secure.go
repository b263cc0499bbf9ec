package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// shakeTime bounds the writing of a handshake: its reading is bounded by the read deadline.
const shakeTime = 10 * time.Second

// maxRecords bounds the bytes that a handshake takes from the network, and that a read of a secured connection does. A handshake has the
// client's certificates; a read needs one record, of 16 KiB. crypto/tls by itself would keep 256 KiB of a message that does not end, for
// whoever sends them and before it looks what they are.
const maxRecords = 32 << 10

var errRecords = errors.New("tls: the client sends more than a handshake or a record needs")

// metered is the network's connection under a secured one.
type metered struct {
	net.Conn
	left atomic.Int64 // bytes that may still be read
}

func (m *metered) allow() { m.left.Store(maxRecords) }

func (m *metered) Read(p []byte) (int, error) {
	left := m.left.Load()
	if left <= 0 {
		return 0, errRecords
	}
	n, err := m.Conn.Read(p[:min(int64(len(p)), left)])
	m.left.Add(-int64(n))
	return n, err
}

// receive reads what the connection carries.
func (c *Conn) receive(p []byte) (int, error) {
	if c.secure != nil {
		c.meter.allow()
	}
	return c.Conn.Read(p)
}

// shake makes the connection a secured one, and may write for so long.
func (c *Conn) shake(longest time.Duration) error {
	_ = c.raw.SetWriteDeadline(time.Now().Add(longest))
	c.waiting.Store(instant())
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
