package jpegls

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// spliced is data with more bytes before the first marker of a kind.
func spliced(t *testing.T, data []byte, marker byte, more ...byte) []byte {
	t.Helper()
	i := bytes.Index(data, []byte{0xff, marker})
	if i < 0 {
		t.Fatalf("no marker ff%02x", marker)
	}
	return slices.Concat(data[:i], more, data[i:])
}

// changed is data with other bytes behind the first marker of a kind, from an offset on.
func changed(t *testing.T, data []byte, marker byte, offset int, to ...byte) []byte {
	t.Helper()
	i := bytes.Index(data, []byte{0xff, marker})
	if i < 0 {
		t.Fatalf("no marker ff%02x", marker)
	}
	data = slices.Clone(data)
	copy(data[i+2+offset:], to)
	return data
}

func TestSegmentsThatChangeNothing(t *testing.T) {
	plain := stream(t, "grey12")
	want, err := decode(plain)
	if err != nil {
		t.Fatal(err)
	}
	end := len(plain) - 2
	spiff := append([]byte{0xff, 0xe8, 0, 32}, "SPIFF\x00\x01\x00"...)
	spiff = append(spiff, make([]byte, 22)...)
	spiff = append(spiff, 0xff, 0xe8, 0, 8, 0, 0, 0, 1, 0xff, 0xd8) // the end of its directory
	sized := changed(t, plain, markerSOF, 3, 0, 0, 0, 0)
	for name, data := range map[string][]byte{
		"comment":                  spliced(t, plain, markerSOF, 0xff, 0xfe, 0, 5, 'a', 'b', 'c'),
		"application data":         spliced(t, plain, markerSOS, 0xff, 0xe1, 0, 4, 0xff, 0xd8),
		"SPIFF":                    spliced(t, plain, markerSOF, spiff...),
		"no colour transform":      spliced(t, plain, markerSOF, 0xff, 0xe8, 0, 7, 'm', 'r', 'f', 'x', 0),
		"fill bytes":               spliced(t, plain, markerSOS, 0xff, 0xff),
		"defaults written as 0":    spliced(t, plain, markerSOS, 0xff, 0xf8, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"defaults written out":     spliced(t, plain, markerSOS, 0xff, 0xf8, 0, 13, 1, 15, 255, 0, 18, 0, 67, 1, 20, 0, 64),
		"presets before the frame": spliced(t, plain, markerSOF, 0xff, 0xf8, 0, 13, 1, 15, 255, 0, 18, 0, 67, 1, 20, 0, 64),
		"no restart interval":      spliced(t, plain, markerSOS, 0xff, 0xdd, 0, 4, 0, 0),
		"a longer interval":        spliced(t, plain, markerSOS, 0xff, 0xdd, 0, 6, 0, 0, 0, 47),
		"size of 2 bytes":          spliced(t, sized, markerSOS, 0xff, 0xf8, 0, 8, 4, 2, 0, 47, 0, 61),
		"size of 4 bytes":          spliced(t, sized, markerSOF, 0xff, 0xf8, 0, 12, 4, 4, 0, 0, 0, 47, 0, 0, 0, 61),
		"no end of image":          plain[:end],
		"half an end of image":     plain[:end+1],
		"zeros for the end":        append(slices.Clone(plain[:end]), 0, 0, 0, 0),
		"many zeros for the end":   append(slices.Clone(plain[:end]), make([]byte, 40)...),
		"padded end of image":      slices.Insert(slices.Clone(plain), end, 0xff),
		"bytes after the end":      append(slices.Clone(plain), "\x00junk\xff\xd8\xff"...),
	} {
		got, err := decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !slices.Equal(got, want) {
			t.Errorf("%s: other samples than without", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	grey, colour := stream(t, "grey12"), stream(t, "colour8_3_line")
	presets := func(bytes ...byte) []byte {
		return spliced(t, grey, markerSOS, append([]byte{0xff, 0xf8, 0, 13, 1}, bytes...)...)
	}
	end := len(grey) - 2
	for _, c := range []struct {
		name string
		data []byte
		kind error
		says string
	}{
		{"mapping table", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 6, 2, 1, 1, 7), codec.ErrUnsupported, "mapping table"},
		{"mapping table used", changed(t, grey, markerSOS, 4, 1), codec.ErrUnsupported, "mapping table"},
		{"colour transform", spliced(t, colour, markerSOF, 0xff, 0xe8, 0, 7, 'm', 'r', 'f', 'x', 2), codec.ErrUnsupported, "colour transform 2"},
		{"subsampled", changed(t, colour, markerSOF, 9, 0x21), codec.ErrUnsupported, "subsampled"},
		{"point transform", changed(t, grey, markerSOS, 7, 2), codec.ErrUnsupported, "point transform 2"},
		{"extended frame", changed(t, grey, markerSOF, -1, markerSOF2), codec.ErrUnsupported, "T.870"},
		{"extended parameters", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 4, 5, 0), codec.ErrUnsupported, "T.870"},
		{"lossless JPEG", changed(t, grey, markerSOF, -1, 0xc3), codec.ErrUnsupported, "SOF3"},
		{"lines in DNL", changed(t, grey, markerSOF, 3, 0, 0), codec.ErrUnsupported, "DNL"},
		{"too many lines", spliced(t, changed(t, grey, markerSOF, 3, 0, 0), markerSOS, 0xff, 0xf8, 0, 10, 4, 3, 1, 0, 0, 0, 0, 0), codec.ErrUnsupported, "65535"},
		{"five components", spliced(t, []byte{0xff, 0xd8, 0xff, 0xda}, markerSOS, 0xff, 0xf7, 0, 23, 8, 0, 1, 0, 1, 5, 1, 17, 0, 2, 17, 0, 3, 17, 0, 4, 17, 0, 5, 17, 0), codec.ErrUnsupported, "5 components"},

		{"nothing", nil, codec.ErrDamaged, "start of image"},
		{"fill before the start", slices.Concat([]byte{0xff}, grey), codec.ErrDamaged, "start of image"},
		{"start only", grey[:2], codec.ErrDamaged, "ends after 2 bytes"},
		{"no frame", slices.Concat(grey[:2], grey[bytes.Index(grey, []byte{0xff, 0xda}):]), codec.ErrDamaged, "before the frame"},
		{"two frames", slices.Concat(grey[:15], grey[2:]), codec.ErrDamaged, "two frame headers"},
		{"17 bits", changed(t, grey, markerSOF, 2, 17), codec.ErrDamaged, "17 bits"},
		{"1 bit", changed(t, grey, markerSOF, 2, 1), codec.ErrDamaged, "1 bits"},
		{"no columns", changed(t, grey, markerSOF, 5, 0, 0), codec.ErrDamaged, "no columns"},
		{"no components", changed(t, grey, markerSOF, 7, 0), codec.ErrDamaged, "frame header"},
		{"components alike", changed(t, colour, markerSOF, 11, 1), codec.ErrDamaged, "two components 1"},
		{"no samples", changed(t, grey, markerSOF, 9, 0x10), codec.ErrDamaged, "no samples"},
		{"unknown component", changed(t, grey, markerSOS, 3, 9), codec.ErrDamaged, "component 9"},
		{"component twice in a scan", changed(t, colour, markerSOS, 5, 1), codec.ErrDamaged, "component 1"},
		{"unknown interleaving", changed(t, colour, markerSOS, 10, 3), codec.ErrDamaged, "interleave mode 3"},
		{"not interleaved", changed(t, colour, markerSOS, 10, 0), codec.ErrDamaged, "interleave mode 0"},
		{"NEAR", changed(t, stream(t, "grey3"), markerSOS, 5, 4), codec.ErrDamaged, "NEAR is 4"},
		{"MAXVAL", presets(16, 0, 0, 0, 0, 0, 0, 0, 0, 0), codec.ErrDamaged, "4096"},
		{"thresholds that fall", presets(0, 0, 0, 99, 0, 0, 0, 0, 0, 0), codec.ErrDamaged, "99, 67, 276"},
		{"threshold too large", presets(0, 0, 0, 0, 0, 0, 255, 255, 0, 0), codec.ErrDamaged, "65535"},
		{"RESET", presets(0, 0, 0, 0, 0, 0, 0, 0, 0, 2), codec.ErrDamaged, "RESET is 2"},
		{"short presets", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 4, 1, 0), codec.ErrDamaged, "preset parameters"},
		{"empty LSE", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 2), codec.ErrDamaged, "empty"},
		{"unknown LSE", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 3, 99), codec.ErrDamaged, "LSE segment 99"},
		{"odd size", spliced(t, grey, markerSOS, 0xff, 0xf8, 0, 8, 4, 3, 0, 47, 0, 61), codec.ErrDamaged, "a size of"},
		{"restart interval", spliced(t, grey, markerSOS, 0xff, 0xdd, 0, 3, 1), codec.ErrDamaged, "restart interval"},
		{"restart marker among headers", spliced(t, grey, markerSOS, 0xff, 0xd0), codec.ErrDamaged, "ffd0"},
		{"Huffman tables", spliced(t, grey, markerSOS, 0xff, 0xc4, 0, 3, 0), codec.ErrDamaged, "ffc4"},
		{"segment too long", changed(t, grey, markerSOF, 0, 0xff, 0xff), codec.ErrDamaged, "a segment of 65535 bytes"},
		{"segment too short", changed(t, grey, markerSOF, 0, 0, 1), codec.ErrDamaged, "a segment of 1 bytes"},
		{"no marker", changed(t, grey, markerSOF, -2, 0), codec.ErrDamaged, "want a marker"},
		{"components that never come", changed(t, stream(t, "colour8_3_none"), markerSOS, 3, 2), codec.ErrDamaged, "came before"},
		{"end after a component", slices.Concat(colour[:bytes.Index(colour, []byte{0xff, 0xda})], []byte{0xff, 0xd9}), codec.ErrDamaged, "before all"},

		{"other thresholds than said", slices.Delete(stream(t, "jai15"), 15, 30), codec.ErrDamaged, "JAI"},
		{"a byte left over", slices.Insert(slices.Clone(grey), end, 0), codec.ErrDamaged, "left over"},
		{"bytes left over", append(slices.Clone(grey[:end]), 0, 1), codec.ErrDamaged, "left over"},
		{"a line too many", changed(t, grey, markerSOF, 4, 48), codec.ErrDamaged, "line 47"},
		{"a line too few", changed(t, grey, markerSOF, 4, 46), codec.ErrDamaged, "left over after line 45"},
		{"restart markers that never come", spliced(t, grey, markerSOS, 0xff, 0xdd, 0, 4, 0, 9), codec.ErrDamaged, ""},
		{"other padding than zeros", append(append(slices.Clone(stream(t, "grey12")[:len(stream(t, "grey12"))-2]), make([]byte, 40)...), 1), codec.ErrDamaged, "left over"},
		{"another restart marker", changed(t, stream(t, "restart"), markerRST0, -1, markerRST0+1), codec.ErrDamaged, "want restart marker ffd0"},
		{"restart markers that nothing announces", slices.Delete(stream(t, "restart"), 2, 8), codec.ErrDamaged, ""},
	} {
		_, err := decode(c.data)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v that says %q", c.name, err, c.kind, c.says)
		}
	}
}

// TestPrefixes cuts streams short, long ones at every few bytes but for the last hundred.
func TestPrefixes(t *testing.T) {
	for _, name := range []string{"grey8", "grey12_near10", "colour8_3_none", "colour8_3_line", "colour16_3_sample", "restart_line", "restart", "preset_reset65535"} {
		data := stream(t, name)
		want, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(data); n += 1 + len(data)/400*min(1, (len(data)-n)/100) {
			got, err := decode(data[:n])
			switch {
			case err != nil && !errors.Is(err, codec.ErrDamaged):
				t.Errorf("%s: %d bytes of %d: %v", name, n, len(data), err)
			case err == nil && (n < len(data)-3 || !slices.Equal(got, want)):
				t.Errorf("%s: %d bytes of %d are taken for a whole picture", name, n, len(data))
			}
		}
	}
}

func TestRoomOfAnotherSize(t *testing.T) {
	data := stream(t, "grey8")
	for _, n := range []int{0, 61*47 - 1, 61*47 + 1} {
		if err := Decode(context.Background(), data, make([]uint16, n)); err == nil || !strings.Contains(err.Error(), "want 2867") {
			t.Errorf("%d samples: %v", n, err)
		}
	}
}

// TestBomb is a picture that is all one run: a bit a line and more samples than a small stream should have.
func TestBomb(t *testing.T) {
	const width, height = 32768, 128
	e := encoder{width: width, height: height, count: 1, bits: 16}
	data := e.encode(make([]uint16, width*height))
	h, err := Inspect(data)
	if err != nil {
		t.Fatal(err)
	}
	if n := int64(len(data)); h.LeastBytes > n || h.LeastBytes < n/3 {
		t.Errorf("%d bytes at least, has %d", h.LeastBytes, n)
	}
	if lines := int64(width) * height; h.Work < lines || h.Work > 3*lines {
		t.Errorf("%d ns for %d samples in runs", h.Work, lines)
	}
	// The same data as a picture of the greatest size.
	huge := changed(t, data, markerSOF, 3, 0xff, 0xff, 0xff, 0xff)
	if h, err = Inspect(huge); err != nil {
		t.Fatal(err)
	}
	if h.Width != 65535 || h.Height != 65535 || h.LeastBytes < 2*65535/8 || h.LeastBytes <= int64(len(huge)) {
		t.Errorf("%+v of %d bytes", h, len(huge))
	}
}

func TestContextEnds(t *testing.T) {
	const width, height = 1000, 100
	e := encoder{width: width, height: height, count: 1, bits: 12}
	data := e.encode(synthetic(width, height, 1, 4095, 60, 1))
	cause := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	to := make([]uint16, width*height)
	if err := Decode(ctx, data, to); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
	if i := slices.IndexFunc(to, func(v uint16) bool { return v != 0 }); i >= 0 {
		t.Errorf("decoded sample %d after the end", i)
	}

	// It is asked every 17 lines, and ends when asked for the third time.
	last := &endsLater{Context: context.Background(), looks: 2, err: cause}
	if err := Decode(last, data, to); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
	begun := func(line int) bool {
		return slices.ContainsFunc(to[line*width:][:width], func(v uint16) bool { return v != 0 })
	}
	if !begun(0) || !begun(33) || begun(34) || last.looks != 0 {
		t.Errorf("it did not stop before line 34")
	}
}

// endsLater is a context that ends once it was asked so many times.
type endsLater struct {
	context.Context
	looks int
	err   error
}

func (c *endsLater) Err() error {
	if c.looks == 0 {
		return c.err
	}
	c.looks--
	return nil
}

func TestMemory(t *testing.T) {
	for _, name := range []string{"size1x1", "grey16", "flat_sample"} {
		data := stream(t, name)
		h, err := Inspect(data)
		if err != nil {
			t.Fatal(err)
		}
		to := make([]uint16, h.Samples())
		runtime.GC()
		runtime.GC() // twice, to empty the pool
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Decode(context.Background(), data, to); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(h.Memory)+64<<10 {
			t.Errorf("%s: allocates %d bytes, says %d", name, used, h.Memory)
		}
	}
}
