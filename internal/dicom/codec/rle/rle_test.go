package rle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

func decoded(t testing.TB, data []byte, width, height, components, bytesPerSample int) []uint16 {
	t.Helper()
	h, err := Inspect(data, width, height, components, bytesPerSample)
	if err != nil {
		t.Fatal(err)
	}
	if h.LeastBytes > int64(len(data)) || h.Bits != 8*bytesPerSample {
		t.Fatalf("%+v of %d bytes", h, len(data))
	}
	to := make([]uint16, h.Samples())
	if err := Decode(context.Background(), data, h, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestGoldens compares frames of dcmtk, gdcm, pydicom and pylibjpeg with the pictures that they were made of.
func TestGoldens(t *testing.T) {
	for _, g := range codectest.Goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			got := decoded(t, g.Stream, g.Width, g.Height, g.Components, g.Bits/8)
			if codectest.Digest(got) != g.Digest {
				t.Errorf("samples differ from those of %v", g.Readers)
			}
		})
	}
}

// TestReal compares real frames with what other decoders find in them.
func TestReal(t *testing.T) {
	codectest.CheckReal(t, []string{dicom.RLELossless}, 3, func(d *dicom.Dataset, frame []byte) []uint16 {
		number := func(tag dicom.Tag) int {
			v, ok := d.Int(tag)
			if !ok {
				t.Fatalf("no %s", tag)
			}
			return v
		}
		return decoded(t, frame, number(dicom.Columns), number(dicom.Rows), number(dicom.SamplesPerPixel), number(dicom.BitsAllocated)/8)
	})
}

// TestFrames compares real pictures that other encoders encoded with what other decoders find in them.
func TestFrames(t *testing.T) {
	codectest.CheckFrames(t, []string{dicom.RLELossless}, func(frame []byte, width, height, components, bits int) []uint16 {
		return decoded(t, frame, width, height, components, bits/8)
	})
}

// frame puts segments behind a header.
func frame(segments ...string) []byte {
	header := make([]byte, headerBytes)
	header[0] = byte(len(segments))
	at := headerBytes
	for i, s := range segments {
		header[4+4*i], header[5+4*i] = byte(at), byte(at>>8)
		at += len(s)
	}
	return append(header, strings.Join(segments, "")...)
}

func TestDamage(t *testing.T) {
	for name, c := range map[string]struct {
		data           []byte
		bytesPerSample int
		want           string // of the error, "" for none
	}{
		"sound":                         {frame("\x01AB\xffC"), 1, ""},
		"nothing done on the way":       {frame("\x80\x01AB\x80\xffC"), 1, ""},
		"a zero to make it even":        {frame("\x03ABCD\x00"), 1, ""},
		"a byte to make the plane even": {frame("\xfdA\x00B"), 1, ""},
		"a run of one byte too many":    {frame("\xfcA"), 1, ""},
		"a run of two bytes too many":   {frame("\xfbA"), 1, "2 bytes too long"},
		"literals two bytes too many":   {frame("\x05ABCDEF"), 1, "2 bytes too long"},
		"more follows":                  {frame("\xfdA\x02BCD"), 1, "follow the plane's last"},
		"ends early":                    {frame("\xfeA"), 1, "ends after 3 of 4"},
		"ends in a run":                 {frame("\x03AB"), 1, "ends within a run"},
		"ends before a run's value":     {frame("\xfeA\xff"), 1, "ends after 3 of 4"},
		"no header":                     {make([]byte, 63), 1, "too few"},
		"header alone":                  {frame()[:64], 1, "0 segments"},
		"too few segments":              {frame("\xfdA"), 2, "1 segments; the picture has 2"},
		"too many segments":             {frame("\xfdA", "\xfdA"), 1, "2 segments; the picture has 1"},
		"an empty segment":              {frame("", "\xfdA"), 2, "segment 2 begins at 64"},
		"offset beyond the end":         {slices.Concat([]byte{1, 0, 0, 0, 99}, make([]byte, 70)), 1, "begins at 99"},
		"offset within the header":      {slices.Concat([]byte{1, 0, 0, 0, 8}, make([]byte, 70)), 1, "begins at 8"},
		"offset of 32 bits":             {slices.Concat([]byte{1, 0, 0, 0, 255, 255, 255, 255}, make([]byte, 70)), 1, "begins at 4294967295"},
	} {
		t.Run(name, func(t *testing.T) {
			h := codec.Header{Width: 2, Height: 2, Components: 1, Bits: 8 * c.bytesPerSample}
			err := Decode(context.Background(), c.data, h, make([]uint16, 4))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, codec.ErrDamaged) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	for _, c := range [][4]int{{0, 1, 1, 1}, {1, 0, 1, 1}, {1 << 16, 1, 1, 1}, {1, 1, 2, 1}, {1, 1, 4, 1}, {1, 1, 1, 4}, {1, 1, 1, 0}, {-1, -1, 1, 1}} {
		if _, err := Inspect(frame("\x00A"), c[0], c[1], c[2], c[3]); !errors.Is(err, codec.ErrUnsupported) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := Decode(context.Background(), frame("\x00A"), codec.Header{Width: 1, Height: 1, Components: 1, Bits: 8}, make([]uint16, 2)); err == nil {
		t.Error("two samples of one were decoded")
	}
}

// TestCut cuts frames everywhere: a part is never taken for the whole.
func TestCut(t *testing.T) {
	for _, g := range codectest.Goldens(t)[:3] {
		h := codec.Header{Width: g.Width, Height: g.Height, Components: g.Components, Bits: g.Bits}
		to := make([]uint16, h.Samples())
		for n := range len(g.Stream) - 1 {
			if err := Decode(context.Background(), g.Stream[:n], h, to); !errors.Is(err, codec.ErrDamaged) {
				t.Fatalf("%s: cut to %d of %d bytes: %v", g.Name, n, len(g.Stream), err)
			}
		}
	}
}

func TestContext(t *testing.T) {
	cause := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	g := codectest.Goldens(t)[0]
	h := codec.Header{Width: g.Width, Height: g.Height, Components: g.Components, Bits: g.Bits}
	if err := Decode(ctx, g.Stream, h, make([]uint16, h.Samples())); !errors.Is(err, cause) {
		t.Error(err)
	}
}

// FuzzDecode holds what is promised of any bytes: an error of a known kind or a whole picture, and no more memory than was
// said.
func FuzzDecode(f *testing.F) {
	for _, g := range codectest.Goldens(f) {
		f.Add(g.Stream, uint8(g.Width), uint8(g.Height), uint8(g.Components), uint8(g.Bits/8))
	}
	f.Fuzz(func(t *testing.T, data []byte, width, height, components, bytesPerSample uint8) {
		h, err := Inspect(data, int(width), int(height), int(components), int(bytesPerSample))
		if err != nil {
			codectest.KnownError(t, err)
			return
		}
		codectest.Bounded(t, data, h, func(to []uint16) error { return Decode(context.Background(), data, h, to) })
	})
}

func BenchmarkDecode(b *testing.B) {
	// 1841 x 1955 samples of 16 bits: a plane of runs, and one of literals.
	const width, height = 1841, 1955
	var high, low []byte
	for left := width * height; left > 0; left -= 128 {
		n := min(left, 128)
		high = append(high, byte(1-n), byte(left))
		low = append(low, byte(n-1))
		for i := range n {
			low = append(low, byte(i*left))
		}
	}
	data := frame("A", "B")[:headerBytes]
	at := headerBytes + len(high)
	data[8], data[9], data[10], data[11] = byte(at), byte(at>>8), byte(at>>16), byte(at>>24)
	data = slices.Concat(data, high, low)
	h, err := Inspect(data, width, height, 1, 2)
	if err != nil {
		b.Fatal(err)
	}
	codectest.Benchmark(b, h.Samples(), func(to []uint16) error { return Decode(context.Background(), data, h, to) })
}
