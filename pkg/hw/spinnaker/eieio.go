package spinnaker

import (
	"encoding/binary"
	"iter"
)

// Type says what the elements of a data packet are.
type Type uint8

const (
	Key16 Type = iota
	KeyPayload16
	Key32
	KeyPayload32
)

// wide says that keys and payloads have 4 bytes, not 2.
func (t Type) wide() bool { return t&2 != 0 }

func (t Type) payload() bool { return t&1 != 0 }

func (t Type) elementSize() int {
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
func (t Type) MaxElements() int { return (packetSize - 2) / t.elementSize() }

// Data is an EIEIO data packet: spikes, as keys of neurons.
type Data struct {
	Type Type
	Tag  uint8 // 0 to 3
	// Prefix is or-ed into every key, into its upper half if Upper.
	HasPrefix, Upper bool
	Prefix           uint16
	// Base is or-ed into every payload; in a packet without payloads it is the payload of every element.
	HasBase  bool
	Base     uint32 // 16 bits for Key16 and KeyPayload16
	Time     bool   // payloads are times, in the board's time steps
	Elements []Element
}

// Element is an element as it is in the packet. Bits that its type has no room for are cut off.
type Element struct{ Key, Payload uint32 }

// Event is an element with prefix and base applied.
type Event struct {
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
func (d *Data) Append(b []byte) []byte {
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

func (t Type) append(b []byte, v uint32) []byte {
	if t.wide() {
		return binary.LittleEndian.AppendUint32(b, v)
	}
	return binary.LittleEndian.AppendUint16(b, uint16(v))
}

func (t Type) read(b []byte) (uint32, []byte) {
	if t.wide() {
		return binary.LittleEndian.Uint32(b), b[4:]
	}
	return uint32(binary.LittleEndian.Uint16(b)), b[2:]
}

// ParseData reads a packet. Bytes after its last element are ignored.
func ParseData(b []byte) (*Data, error) {
	if len(b) < 2 {
		return nil, bad("%d bytes are too few for an EIEIO header", len(b))
	}
	if IsCommand(b) {
		return nil, bad("an EIEIO command, expected data")
	}
	count, flags := int(b[0]), b[1]
	d := &Data{
		Type: Type(flags >> 2 & 3), Tag: flags & 3, Time: flags&flagTime != 0,
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
	d.Elements = make([]Element, count)
	for i := range d.Elements {
		d.Elements[i].Key, b = d.Type.read(b)
		if d.Type.payload() {
			d.Elements[i].Payload, b = d.Type.read(b)
		}
	}
	return d, nil
}

// Events returns the elements with prefix and base applied.
func (d *Data) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		prefix := uint32(d.Prefix)
		if d.Upper {
			prefix <<= 16
		}
		for _, e := range d.Elements {
			ev := Event{Key: e.Key, Payload: e.Payload, HasPayload: d.Type.payload() || d.HasBase}
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

// Command is the command of an EIEIO command packet, 14 bits.
type Command uint16

// The commands between the toolchain and this program.
const (
	CommandDatabase Command = 1 // the database has been written, and its path follows; as an answer: it has been read
	CommandStop     Command = 10
	CommandStart    Command = 11
)

// IsCommand reports whether a packet is a command, not data.
func IsCommand(b []byte) bool { return len(b) >= 2 && b[1]&0xc0 == 0x40 }

// Append appends a command to b. Its data must be appended after it.
func (c Command) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(b, 1<<14|uint16(c)&0x3fff)
}

// ParseCommand reads a command and returns what follows it.
func ParseCommand(b []byte) (Command, []byte, error) {
	if !IsCommand(b) {
		return 0, nil, bad("not an EIEIO command")
	}
	return Command(binary.LittleEndian.Uint16(b) & 0x3fff), b[2:], nil
}
