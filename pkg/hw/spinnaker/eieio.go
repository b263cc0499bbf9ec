package spinnaker

import (
	"encoding/binary"
	"iter"
)

// elementType says what the elements of a data packet are.
type elementType uint8

const (
	key16 elementType = iota
	keyPayload16
	key32
	keyPayload32
)

// wide says that keys and payloads have 4 bytes, not 2.
func (t elementType) wide() bool { return t&2 != 0 }

func (t elementType) payload() bool { return t&1 != 0 }

func (t elementType) elementSize() int {
	size := 2
	if t.wide() {
		size *= 2
	}
	if t.payload() {
		size *= 2
	}
	return size
}

// packetSize is the most bytes that a board takes in one packet.
const packetSize = 256

// MaxElements is how many elements of a type fit into a packet to a board, without prefix and base.
func (t elementType) MaxElements() int { return (packetSize - 2) / t.elementSize() }

// dataPacket is an EIEIO data packet: spikes, as keys of neurons.
type dataPacket struct {
	Type elementType
	Tag  uint8 // 0 to 3
	// Prefix is or-ed into every key, into its upper half if Upper.
	HasPrefix, Upper bool
	Prefix           uint16
	// Base is or-ed into every payload; in a packet without payloads it is the payload of every element.
	HasBase  bool
	Base     uint32 // 16 bits for key16 and keyPayload16
	Time     bool   // payloads are times, in the board's time steps
	Elements []element
}

// element is one as it stands in the packet. What its type has no room for is cut off.
type element struct{ Key, Payload uint32 }

// keyEvent is an element with prefix and base.
type keyEvent struct {
	Key, Payload uint32
	HasPayload   bool
}

const (
	flagPrefix = 1 << 7
	flagUpper  = 1 << 6
	flagBase   = 1 << 5
	flagTime   = 1 << 4
)

// Append appends the packet to b. Elements beyond the 255th are left out.
func (d *dataPacket) Append(b []byte) []byte {
	elements := d.Elements[:min(len(d.Elements), 255)]
	flags := byte(d.Type)<<2 | d.Tag&3
	if d.HasPrefix {
		flags |= flagPrefix
		if d.Upper {
			flags |= flagUpper
		}
	}
	if d.HasBase {
		flags |= flagBase
	}
	if d.Time {
		flags |= flagTime
	}
	b = append(b, byte(len(elements)), flags)
	if d.HasPrefix {
		b = binary.LittleEndian.AppendUint16(b, d.Prefix)
	}
	if d.HasBase {
		b = d.Type.append(b, d.Base)
	}
	for _, e := range elements {
		b = d.Type.append(b, e.Key)
		if d.Type.payload() {
			b = d.Type.append(b, e.Payload)
		}
	}
	return b
}

func (t elementType) append(b []byte, v uint32) []byte {
	if t.wide() {
		return binary.LittleEndian.AppendUint32(b, v)
	}
	return binary.LittleEndian.AppendUint16(b, uint16(v))
}

func (t elementType) read(b []byte) (uint32, []byte) {
	if t.wide() {
		return binary.LittleEndian.Uint32(b), b[4:]
	}
	return uint32(binary.LittleEndian.Uint16(b)), b[2:]
}

// parseData reads a packet. Bytes after its last element are ignored.
func parseData(b []byte) (*dataPacket, error) {
	if len(b) < 2 {
		return nil, bad("%d bytes are too few for an EIEIO header", len(b))
	}
	if isCommand(b) {
		return nil, bad("an EIEIO command, expected data")
	}
	count, flags := int(b[0]), b[1]
	d := &dataPacket{
		Type: elementType(flags >> 2 & 3), Tag: flags & 3, Time: flags&flagTime != 0,
		HasPrefix: flags&flagPrefix != 0, Upper: flags&flagUpper != 0, HasBase: flags&flagBase != 0,
	}
	size := count * d.Type.elementSize()
	if d.HasPrefix {
		size += 2
	}
	if d.HasBase {
		size += 2
		if d.Type.wide() {
			size += 2
		}
	}
	b = b[2:]
	if len(b) < size {
		return nil, bad("%d bytes follow the header, but its %d elements need %d", len(b), count, size)
	}
	if d.HasPrefix {
		d.Prefix, b = binary.LittleEndian.Uint16(b), b[2:]
	}
	if d.HasBase {
		d.Base, b = d.Type.read(b)
	}
	d.Elements = make([]element, count)
	for i := range d.Elements {
		d.Elements[i].Key, b = d.Type.read(b)
		if d.Type.payload() {
			d.Elements[i].Payload, b = d.Type.read(b)
		}
	}
	return d, nil
}

// Events returns the elements with prefix and base applied.
func (d *dataPacket) Events() iter.Seq[keyEvent] {
	return func(yield func(keyEvent) bool) {
		prefix := uint32(d.Prefix)
		if d.Upper {
			prefix <<= 16
		}
		for _, e := range d.Elements {
			ev := keyEvent{Key: e.Key, Payload: e.Payload, HasPayload: d.Type.payload() || d.HasBase}
			if d.HasPrefix {
				ev.Key |= prefix
			}
			if d.HasBase {
				ev.Payload |= d.Base
			}
			if !yield(ev) {
				return
			}
		}
	}
}

// commandCode is the command of an EIEIO command packet, 14 bits.
type commandCode uint16

// The commands between the toolchain and this program.
const (
	commandDatabase commandCode = 1 // it has been written, behind it its path; as an answer: it has been read
	commandStop     commandCode = 10
	commandStart    commandCode = 11
)

// isCommand says whether a packet is a command, and not data.
func isCommand(b []byte) bool { return len(b) >= 2 && b[1]&0xc0 == 0x40 }

// Append writes a command behind b; its data come behind that.
func (c commandCode) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(b, 1<<14|uint16(c)&0x3fff)
}

// parseCommand reads a command, and gives what follows it.
func parseCommand(b []byte) (commandCode, []byte, error) {
	if !isCommand(b) {
		return 0, nil, bad("not an EIEIO command")
	}
	return commandCode(binary.LittleEndian.Uint16(b) & 0x3fff), b[2:], nil
}
