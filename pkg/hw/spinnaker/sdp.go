package spinnaker

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrPacket is wrapped by every error that says a packet cannot be read.
var ErrPacket = errors.New("spinnaker: bad packet")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPacket, fmt.Sprintf(format, args...))
}

// Address is the address of a port of a core.
type Address struct {
	X, Y uint8 // chip
	CPU  uint8 // 0 to 31
	Port uint8 // 0 to 7
}

// SDP is the header of a SpiNNaker Datagram Protocol packet.
type SDP struct {
	Reply    bool // a reply is expected
	Tag      uint8
	To, From Address
}

const (
	sdpReply, sdpNoReply = 0x87, 0x07
	// HostTag is the tag of what a host sends.
	HostTag = 0xff
	sdpSize = 8
)

// host is where what a host sends is from.
var host = Address{CPU: 31, Port: 7}

// Append appends the header, 8 bytes, to b. It does not write the two bytes of padding that precede the header in UDP.
func (h SDP) Append(b []byte) []byte {
	flags := byte(sdpNoReply)
	if h.Reply {
		flags = sdpReply
	}
	return append(b, flags, h.Tag, h.To.Port<<5|h.To.CPU&31, h.From.Port<<5|h.From.CPU&31, h.To.Y, h.To.X, h.From.Y, h.From.X)
}

// ParseSDP reads a header and returns what follows it.
func ParseSDP(b []byte) (h SDP, payload []byte, err error) {
	if len(b) < sdpSize {
		return h, nil, bad("%d bytes are too few for an SDP header", len(b))
	}
	if b[0] != sdpReply && b[0] != sdpNoReply {
		return h, nil, bad("SDP flags %#x", b[0])
	}
	return SDP{
		Reply: b[0] == sdpReply, Tag: b[1],
		To:   Address{X: b[5], Y: b[4], CPU: b[2] & 31, Port: b[2] >> 5},
		From: Address{X: b[7], Y: b[6], CPU: b[3] & 31, Port: b[3] >> 5},
	}, b[sdpSize:], nil
}

// Commands of the SpiNNaker Command Protocol that are used here, and the result that says it is done.
const (
	CommandVersion = 0
	CommandIPTag   = 26
	ResultOK       = 0x80
)

// Request is a request to a core's monitor.
type Request struct {
	Command, Sequence uint16
	Args              [3]uint32
	Data              []byte
}

// Append appends the request to b.
func (r Request) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, r.Command)
	b = binary.LittleEndian.AppendUint16(b, r.Sequence)
	for _, a := range r.Args {
		b = binary.LittleEndian.AppendUint32(b, a)
	}
	return append(b, r.Data...)
}

// Response is the answer to the request with the same sequence number.
type Response struct {
	Result, Sequence uint16
	Data             []byte
}

// ParseResponse reads a response. Its data is a part of b.
func ParseResponse(b []byte) (r Response, err error) {
	if len(b) < 4 {
		return r, bad("%d bytes are too few for an SCP response", len(b))
	}
	return Response{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), b[4:]}, nil
}

const (
	tagSet, tagGet = 1 << 16, 2 << 16
	tagStrip       = 1 << 28
	tagUseSender   = 1 << 30
)

// TagToSender asks the board to send a tag's packets to the socket of this request, without SDP headers.
func TagToSender(tag uint8) Request {
	return Request{Command: CommandIPTag, Args: [3]uint32{tagStrip | tagUseSender | tagSet | uint32(tag)}}
}

// TagState asks where a tag leads and how many packets it has carried.
func TagState(tag uint8) Request {
	return Request{Command: CommandIPTag, Args: [3]uint32{tagGet | uint32(tag), 1}}
}

// TagCount reads the number of packets that the board has sent by the tag from the answer to [TagState].
func TagCount(data []byte) (uint32, error) {
	// IP 4, MAC 6, port 2, timeout 2, flags 2, count 4, port 2, y, x, cpu
	if len(data) < 25 {
		return 0, bad("%d bytes are too few for the state of a tag", len(data))
	}
	return binary.LittleEndian.Uint32(data[16:]), nil
}
