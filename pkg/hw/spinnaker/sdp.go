package spinnaker

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errPacket is wrapped by every error that says a packet cannot be read.
var errPacket = errors.New("spinnaker: bad packet")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errPacket, fmt.Sprintf(format, args...))
}

// sdpAddress is the address of a port of a core.
type sdpAddress struct {
	X, Y uint8 // chip
	CPU  uint8 // 0 to 31
	Port uint8 // 0 to 7
}

// sdpHeader is the header of a SpiNNaker Datagram Protocol packet.
type sdpHeader struct {
	Reply    bool // one is wanted
	Tag      uint8
	To, From sdpAddress
}

const (
	sdpReply, sdpNoReply = 0x87, 0x07
	// hostTag is the tag of what a host sends.
	hostTag = 0xff
	sdpSize = 8
)

// host is where what a host sends is from.
var host = sdpAddress{CPU: 31, Port: 7}

// Append appends the header, 8 bytes, to b. It does not write the two bytes of padding that precede the header in UDP.
func (h sdpHeader) Append(b []byte) []byte {
	flags := byte(sdpNoReply)
	if h.Reply {
		flags = sdpReply
	}
	return append(b, flags, h.Tag, h.To.Port<<5|h.To.CPU&31, h.From.Port<<5|h.From.CPU&31, h.To.Y, h.To.X, h.From.Y, h.From.X)
}

// parseSDP reads a header and returns what follows it.
func parseSDP(b []byte) (h sdpHeader, payload []byte, err error) {
	if len(b) < sdpSize {
		return h, nil, bad("%d bytes are too few for an SDP header", len(b))
	}
	if b[0] != sdpReply && b[0] != sdpNoReply {
		return h, nil, bad("SDP flags %#x", b[0])
	}
	return sdpHeader{
		Reply: b[0] == sdpReply, Tag: b[1],
		To:   sdpAddress{X: b[5], Y: b[4], CPU: b[2] & 31, Port: b[2] >> 5},
		From: sdpAddress{X: b[7], Y: b[6], CPU: b[3] & 31, Port: b[3] >> 5},
	}, b[sdpSize:], nil
}

// Commands of the SpiNNaker Command Protocol that are used here, and the result that says it is done.
const (
	commandVersion = 0
	commandIPTag   = 26
	resultOK       = 0x80
)

// scpRequest is a request to a core's monitor.
type scpRequest struct {
	Command, Sequence uint16
	Args              [3]uint32
	Data              []byte
}

// Append appends the request to b.
func (r scpRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, r.Command)
	b = binary.LittleEndian.AppendUint16(b, r.Sequence)
	for _, a := range r.Args {
		b = binary.LittleEndian.AppendUint32(b, a)
	}
	return append(b, r.Data...)
}

// scpResponse is the answer to the request with the same sequence number.
type scpResponse struct {
	Result, Sequence uint16
	Data             []byte
}

// parseResponse reads a response. Its data is a part of b.
func parseResponse(b []byte) (r scpResponse, err error) {
	if len(b) < 4 {
		return r, bad("%d bytes are too few for an SCP response", len(b))
	}
	return scpResponse{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), b[4:]}, nil
}

const (
	tagSet, tagGet = 1 << 16, 2 << 16
	tagStrip       = 1 << 28
	tagUseSender   = 1 << 30
)

// tagToSender asks the board to send a tag's packets to the socket of this request, without SDP headers.
func tagToSender(tag uint8) scpRequest {
	return scpRequest{Command: commandIPTag, Args: [3]uint32{tagStrip | tagUseSender | tagSet | uint32(tag)}}
}

// tagState asks where a tag leads and how many packets it has carried.
func tagState(tag uint8) scpRequest {
	return scpRequest{Command: commandIPTag, Args: [3]uint32{tagGet | uint32(tag), 1}}
}

// tagCount reads the number of packets that the board has sent by the tag from the answer to [TagState].
func tagCount(data []byte) (uint32, error) {
	// IP 4, MAC 6, port 2, timeout 2, flags 2, count 4, port 2, y, x, cpu
	if len(data) < 25 {
		return 0, bad("%d bytes are too few for the state of a tag", len(data))
	}
	return binary.LittleEndian.Uint32(data[16:]), nil
}
