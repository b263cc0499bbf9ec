package spinnaker

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read is what SpiNNMan reads in a packet.
type read struct {
	Hex    string
	Type   elementType
	Tag    uint8
	Prefix *uint16
	Upper  int
	Base   *uint32
	Time   bool
	Events [][2]*uint32

	Command *commandCode
	Error   string
}

// ours is the same, read by us.
func ours(b []byte) (r read) {
	if isCommand(b) {
		c, _, err := parseCommand(b)
		if err != nil {
			return read{Error: err.Error()}
		}
		return read{Command: &c}
	}
	d, err := parseData(b)
	if err != nil {
		return read{Error: err.Error()}
	}
	r = read{Type: d.Type, Tag: d.Tag, Time: d.Time, Events: [][2]*uint32{}}
	if d.HasPrefix {
		r.Prefix = &d.Prefix
		if d.Upper {
			r.Upper = 1
		}
	}
	if d.HasBase {
		r.Base = &d.Base
	}
	for e := range d.Events() {
		ev := [2]*uint32{&e.Key, nil}
		if e.HasPayload {
			ev[1] = &e.Payload
		}
		r.Events = append(r.Events, ev)
	}
	return r
}

type vectors struct {
	Data []read
	SDP  []struct {
		Hex      string
		Reply    bool
		Tag      uint8
		To, From [4]uint8
	}
	SCP                           []struct{ Name, Hex string }
	Inject, Database, Start, Stop string
	Commands                      []struct {
		Command commandCode
		Hex     string
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPacketsAreSpiNNMans(t *testing.T) {
	v := readVectors(t)
	if len(v.Data) < 100 || len(v.SDP) == 0 || len(v.Commands) == 0 {
		t.Fatal("no vectors")
	}
	for _, want := range v.Data {
		b := unhex(t, want.Hex)
		got := ours(b)
		got.Hex = want.Hex
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-SpiNNMan +us):\n%s", want.Hex, diff)
		}
		if d, err := parseData(b); err == nil && !bytes.Equal(d.Append(nil), b) {
			t.Errorf("%s is written as %x", want.Hex, d.Append(nil))
		}
	}
	address := func(a [4]uint8) sdpAddress { return sdpAddress{a[0], a[1], a[2], a[3]} }
	for _, s := range v.SDP {
		want := sdpHeader{s.Reply, s.Tag, address(s.To), address(s.From)}
		if got := hex.EncodeToString(want.Append(nil)); got != s.Hex {
			t.Errorf("%+v is written as %s, SpiNNMan has %s", want, got, s.Hex)
		}
		if got, rest, err := parseSDP(unhex(t, s.Hex)); err != nil || got != want || len(rest) != 0 {
			t.Errorf("%s: %+v, %v", s.Hex, got, err)
		}
	}
	for _, c := range v.Commands {
		if got := hex.EncodeToString(c.Command.Append(nil)); got != c.Hex {
			t.Errorf("command %d is written as %s, SpiNNMan has %s", c.Command, got, c.Hex)
		}
	}
	for _, s := range v.SCP {
		r := map[string]scpRequest{"version": {Command: commandVersion}, "set": tagToSender(5), "get": tagState(5)}[s.Name]
		r.Sequence = 9
		h := sdpHeader{Reply: true, Tag: hostTag, To: sdpAddress{X: 2, Y: 3}, From: sdpAddress{X: 2, Y: 3, CPU: host.CPU, Port: host.Port}}
		if got := hex.EncodeToString(r.Append(h.Append(nil))); got != s.Hex {
			t.Errorf("%s is written as %s, SpiNNMan has %s", s.Name, got, s.Hex)
		}
		if got, err := parseRequest(unhex(t, s.Hex)[sdpSize:]); err != nil || got.Args != r.Args || got.Command != r.Command || got.Sequence != 9 {
			t.Errorf("%s: %+v, %v", s.Name, got, err)
		}
	}
	d := dataPacket{Type: key16, Elements: []element{{Key: 0x1234}}}
	if got := hex.EncodeToString(d.Append(sdpHeader{To: sdpAddress{3, 4, 5, 1}}.Append(nil))); got != v.Inject {
		t.Errorf("a spike is written as %s, SpiNNMan has %s", got, v.Inject)
	}
	for want, got := range map[string][]byte{
		v.Database: append(commandDatabase.Append(nil), "/a/b.sqlite3"...), v.Start: commandStart.Append(nil), v.Stop: commandStop.Append(nil),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("%x, SpiNNMan has %s", got, want)
		}
	}
}

func TestElementsFitIntoAPacket(t *testing.T) {
	for typ, want := range map[elementType]int{key16: 127, key32: 63, keyPayload16: 63, keyPayload32: 31} {
		if got := typ.MaxElements(); got != want {
			t.Errorf("type %d: %d elements, want %d", typ, got, want)
		}
	}
}

func TestBadPacketsAreRefused(t *testing.T) {
	for _, s := range []string{"", "01", "0100", "010000", "0208010000", "ff0c0000", "0140"} {
		if d, err := parseData(unhex(t, s)); !errors.Is(err, errPacket) {
			t.Errorf("%q: %+v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "07000000000000", "0800000000000000"} {
		if h, _, err := parseSDP(unhex(t, s)); !errors.Is(err, errPacket) {
			t.Errorf("%q: %+v, %v", s, h, err)
		}
	}
	if _, err := parseResponse(make([]byte, 3)); !errors.Is(err, errPacket) {
		t.Error(err)
	}
	if _, err := tagCount(make([]byte, 24)); !errors.Is(err, errPacket) {
		t.Error(err)
	}
}

func FuzzPacket(f *testing.F) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		f.Fatal(err)
	}
	for _, d := range v.Data {
		b, _ := hex.DecodeString(d.Hex)
		f.Add(b)
	}
	for _, d := range v.SCP {
		b, _ := hex.DecodeString(d.Hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := parseData(b); err == nil {
			if w := d.Append(nil); !bytes.Equal(w, b[:len(w)]) {
				t.Errorf("%x is written as %x", b, w)
			}
		}
		if c, rest, err := parseCommand(b); err == nil && !bytes.Equal(append(c.Append(nil), rest...), b) {
			t.Errorf("command %x is written as %x", b, append(c.Append(nil), rest...))
		}
		h, rest, err := parseSDP(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(h.Append(nil), rest...), b) {
			t.Errorf("%x is written as %x", b, append(h.Append(nil), rest...))
		}
		if r, err := parseRequest(rest); err == nil && !bytes.Equal(r.Append(nil), rest) {
			t.Errorf("request %x is written as %x", rest, r.Append(nil))
		}
		if r, err := parseResponse(rest); err == nil {
			if !bytes.Equal(r.Append(nil), rest) {
				t.Errorf("response %x is written as %x", rest, r.Append(nil))
			}
			tagCount(r.Data)
		}
	})
}
