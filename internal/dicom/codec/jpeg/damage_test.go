package jpeg

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// stream is a golden stream by its name.
func stream(t testing.TB, name string) []byte {
	t.Helper()
	for _, g := range codectest.Goldens(t) {
		if g.Name == name {
			return g.Stream
		}
	}
	t.Fatalf("no stream is called %q", name)
	return nil
}

const (
	losslessGrey = "dcmtk lossless 12 bits, predictor 1"
	restarted    = "lossless 12 bits, predictor 3, restarts every 3 rows"
	baseline     = "dcmtk baseline"
	colour       = "baseline colour 2x2"
	threeScans   = "lossless RGB of three scans"
)

// set changes the bytes at a place behind a marker, counted from its segment's body.
func set(marker byte, at int, to ...byte) func([]byte) []byte {
	return func(data []byte) []byte {
		i := bytes.Index(data, []byte{0xff, marker})
		copy(data[i+4+at:], to)
		return data
	}
}

// put puts bytes before the first marker of a kind.
func put(marker byte, b ...byte) func([]byte) []byte {
	return func(data []byte) []byte {
		return slices.Insert(data, bytes.Index(data, []byte{0xff, marker}), b...)
	}
}

func rename(from, to byte) func([]byte) []byte {
	return func(data []byte) []byte { return bytes.Replace(data, []byte{0xff, from}, []byte{0xff, to}, 1) }
}

func TestDamage(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		edit   func([]byte) []byte
		want   string
	}{
		"nothing":                       {baseline, func([]byte) []byte { return nil }, "does not begin with SOI"},
		"no SOI":                        {baseline, func(d []byte) []byte { return d[1:] }, "does not begin with SOI"},
		"two SOI":                       {baseline, put(sof0, 0xff, soi), "marker 0xd8"},
		"a restart between segments":    {baseline, put(sof0, 0xff, rst0), "marker 0xd0"},
		"EOI before the scan":           {baseline, put(sos, 0xff, eoi), "marker 0xd9"},
		"no marker":                     {baseline, put(sos, 0x12), "no marker at byte"},
		"a stuffed byte for a marker":   {baseline, put(sos, 0xff, 0), "no marker at byte"},
		"a segment beyond the end":      {baseline, put(sos, 0xff, 0xe1, 0xff, 0xff), "bytes; "},
		"a segment of one byte":         {baseline, put(sos, 0xff, 0xe1, 0, 1), "says it has 1 bytes"},
		"two frame headers":             {losslessGrey, put(sos, 0xff, sof3, 0, 11, 12, 0, 5, 0, 5, 1, 1, 0x11, 0), "two frame headers"},
		"no frame header":               {baseline, rename(sof0, 0xe5), "before the frame header"},
		"no scan":                       {baseline, func(d []byte) []byte { return d[:bytes.Index(d, []byte{0xff, sos})] }, "where a marker is due"},
		"no width":                      {baseline, set(sof0, 3, 0, 0), "a picture of 0 x"},
		"no components":                 {baseline, set(sof0, -2, 0, 8, 8, 0, 17, 0, 29, 0, 0xff, 0xe1, 0), "0 samples"},
		"height 0 without DNL":          {baseline, set(sof0, 1, 0, 0), "no DNL follows"},
		"far too large":                 {losslessGrey, set(sof3, 1, 0xff, 0xff, 0xff, 0xff), "has at least 536"},
		"9 bits of baseline":            {baseline, set(sof0, 0, 9), "sequential JPEG of 9 bits"},
		"17 bits of lossless":           {losslessGrey, set(sof3, 0, 17), "lossless JPEG of 17 bits"},
		"frame header of another size":  {baseline, set(sof0, 5, 2), "frame header has"},
		"no sampling factor":            {baseline, set(sof0, 7, 0x10), "sampling factors 1 and 0"},
		"quantisation table 4":          {baseline, set(sof0, 8, 4), "quantisation table 4; 0 to 3"},
		"quantisation table missing":    {baseline, set(sof0, 8, 3), "quantisation table 3 is missing"},
		"quantisation by 0":             {baseline, set(dqt, 9, 0), "has a 0"},
		"quantisation table cut":        {baseline, set(dqt, 0, 0x10), "quantisation table 0 of precision 1"},
		"Huffman table cut":             {losslessGrey, set(dht, 1, 99), "Huffman table 0 of class 0"},
		"Huffman table of class 2":      {losslessGrey, set(dht, 0, 0x20), "Huffman table 0 of class 2"},
		"Huffman table missing":         {losslessGrey, set(dht, 0, 3), "is missing"},
		"Huffman table of a bad symbol": {losslessGrey, set(dht, 17, 17), "symbol 0x11"},
		"Huffman codes that overflow":   {losslessGrey, overflow, "more codes of 1 bits"},
		"two components of one name":    {colour, set(sof0, 9, 1), "two components are called 1"},
		"scan of an unknown component":  {losslessGrey, set(sos, 1, 7), "component 7"},
		"scan of Huffman table 4":       {losslessGrey, set(sos, 2, 0x40), "Huffman tables 4 and 0"},
		"scan of no components":         {losslessGrey, func(d []byte) []byte { return set(sos, -2, 0, 6, 0, 1, 0, 0)(d) }, "a scan of 0 components"},
		"scan of too many components":   {losslessGrey, put(sos, 0xff, sos, 0, 10, 2, 1, 0, 1, 0, 1, 0, 0), "a scan of 2 components"},
		"scan header of another size":   {losslessGrey, set(sos, 0, 2), "scan header of"},
		"a component in two scans":      {threeScans, twice, "in two scans"},
		"predictor 0":                   {losslessGrey, set(sos, 3, 0), "predictor 0"},
		"predictor 8":                   {losslessGrey, set(sos, 3, 8), "predictor 8"},
		"all bits transformed away":     {"fill bytes", set(sos, 5, 12), "point transform of 12 bits"},
		"restarts within rows":          {restarted, set(dri, 0, 0, 30), "restarts after 30 samples"},
		"restart interval of a byte":    {restarted, put(dri, 0xff, dri, 0, 3, 1), "restart interval of 1 bytes"},
		"a restart left out":            {restarted, func(d []byte) []byte { return bytes.Replace(d, []byte{0xff, 0xd1}, nil, 1) }, ""},
		"restarts in another order":     {restarted, rename(0xd1, 0xd4), "no restart marker 0xd1"},
		"a block too few":               {baseline, set(sof0, 1, 0, 25), "the entropy-coded data ends"},
		"a row too few":                 {losslessGrey, set(sof3, 1, 0, 18), "the entropy-coded data ends"},
		"a row too many":                {losslessGrey, set(sof3, 1, 0, 16), "goes on after the last sample"},
		"a block too many":              {baseline, set(sof0, 1, 0, 16), "goes on after the last sample"},
		"samples beyond their bits":     {"fill bytes", set(sof3, 0, 9), "samples of more than 9 bits"},
		"MCUs of 18 blocks":             {colour, set(sof0, 7, 0x44), "MCUs of 18 blocks"},
	} {
		t.Run(name, func(t *testing.T) {
			data := c.edit(bytes.Clone(stream(t, c.stream)))
			h, err := Inspect(data)
			if err == nil {
				err = Decode(context.Background(), data, make([]uint16, h.Samples()))
			}
			if !errors.Is(err, codec.ErrDamaged) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// overflow gives a Huffman table three codes of one bit.
func overflow(data []byte) []byte {
	i := bytes.Index(data, []byte{0xff, dht}) + 5
	for j := range 16 {
		for data[i] < 3 && j > 0 && data[i+j] > 0 {
			data[i+j]--
			data[i]++
		}
	}
	return data
}

// twice repeats the first scan of three.
func twice(data []byte) []byte {
	first := bytes.Index(data, []byte{0xff, sos})
	second := first + 2 + bytes.Index(data[first+2:], []byte{0xff, sos})
	return slices.Concat(data[:second], data[first:])
}

func TestUnsupported(t *testing.T) {
	for marker, name := range processes {
		data := rename(sof0, marker)(bytes.Clone(stream(t, baseline)))
		if _, err := Inspect(data); !errors.Is(err, codec.ErrUnsupported) || !strings.HasSuffix(err.Error(), name) {
			t.Errorf("%#x: %v; want %q", marker, err, name)
		}
	}
	for name, c := range map[string]struct {
		stream string
		edit   func([]byte) []byte
		want   string
	}{
		"four components":         {baseline, put(sof0, 0xff, sof0, 0, 20, 8, 0, 9, 0, 9, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0), "4 components"},
		"lossless of fewer":       {threeScans, set(sof3, 7, 0x21), "lossless JPEG with sampling factors 2 and 1"},
		"three samples of two":    {colour, set(sof0, 7, 0x32, 0, 2, 0x22), "sampled 2 to 3"},
		"several transforms":      {threeScans, secondTransform, "different point transforms"},
		"arithmetic conditioning": {baseline, put(sof0, 0xff, 0xcc, 0, 4, 0, 0), "arithmetic"},
	} {
		data := c.edit(bytes.Clone(stream(t, c.stream)))
		h, err := Inspect(data)
		if err == nil {
			err = Decode(context.Background(), data, make([]uint16, h.Samples()))
		}
		if !errors.Is(err, codec.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// secondTransform gives the second scan another point transform.
func secondTransform(data []byte) []byte {
	i := bytes.LastIndex(data, []byte{0xff, sos})
	data[i+9] = 1
	return data
}

// TestTolerated decodes streams with what is no damage.
func TestTolerated(t *testing.T) {
	for name, edit := range map[string]func([]byte) []byte{
		"junk after EOI":               func(d []byte) []byte { return append(d, "\xff\xc0 and more"...) },
		"no EOI":                       func(d []byte) []byte { return d[:len(d)-2] },
		"no EOI but a byte of padding": func(d []byte) []byte { return append(d[:len(d)-2], 0) },
		"half an EOI":                  func(d []byte) []byte { return d[:len(d)-1] },
		"fill bytes before EOI":        put(eoi, 0xff, 0xff, 0xff),
		"a byte of zeros before EOI":   put(eoi, 0),
		"a byte of ones before EOI":    put(eoi, 0xff, 0),
		"fill bytes before a segment":  put(sos, 0xff, 0xff),
		"a comment":                    put(sos, 0xff, 0xfe, 0, 5, 'a', 'b', 'c'),
		"TEM":                          put(sos, 0xff, tem),
		"an Adobe segment":             put(sos, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1),
	} {
		for _, from := range []string{losslessGrey, restarted, baseline, colour, threeScans} {
			sound := stream(t, from)
			if data := edit(bytes.Clone(sound)); !slices.Equal(decoded(t, data), decoded(t, sound)) {
				t.Errorf("%s, %s: the samples differ", from, name)
			}
		}
	}
}

// TestCut cuts streams of all kinds everywhere: a part is never taken for the whole.
func TestCut(t *testing.T) {
	for _, g := range codectest.Goldens(t) {
		to := make([]uint16, g.Width*g.Height*g.Components)
		end := bytes.LastIndex(g.Stream, []byte{0xff, eoi})
		for g.Stream[end-1] == 0xff || g.Stream[end-2] == 0xff && g.Stream[end-1] == 0 {
			end-- // it may be padding
		}
		for n := range end {
			if err := Decode(context.Background(), g.Stream[:n], to); !errors.Is(err, codec.ErrDamaged) {
				t.Fatalf("%s: cut to %d of %d bytes: %v", g.Name, n, len(g.Stream), err)
			}
		}
	}
}

// TestSignExtended decodes samples below zero whose sign was extended to 16 bits.
func TestSignExtended(t *testing.T) {
	for _, c := range []struct {
		sample uint16
		bits   uint
		want   bool
	}{{4095, 12, false}, {4096, 12, true}, {0xffff, 12, false}, {0xf800, 12, false}, {0xf7ff, 12, true}, {0xffff, 16, false}, {255, 8, false}, {256, 8, true}, {0xffff, 8, true}} {
		if got := beyond([]uint16{0, c.sample, 1}, 1, c.bits); got != c.want {
			t.Errorf("%#x is beyond %d bits: %t", c.sample, c.bits, got)
		}
	}
}

func TestContext(t *testing.T) {
	cause := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	for _, name := range []string{losslessGrey, baseline, colour} {
		data := stream(t, name)
		h, err := Inspect(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(ctx, data, make([]uint16, h.Samples())); !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
		if err := Decode(context.Background(), data, make([]uint16, h.Samples()+1)); err == nil {
			t.Errorf("%s: a sample too many was decoded", name)
		}
	}
}
