package jpeg2000

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// attempt decodes a stream that may be anything.
func attempt(data []byte) ([]uint16, error) {
	h, err := Inspect(data)
	if err != nil {
		return nil, err
	}
	to := make([]uint16, h.Samples())
	return to, Decode(context.Background(), data, to)
}

// TestEveryTruncationIsAnError cuts streams at every byte. They are whole without an EOC marker.
func TestEveryTruncationIsAnError(t *testing.T) {
	for _, name := range []string{
		"grey12", "boxes", "open", "tiles", "tile-parts", "interleaved", "packed-main", "packed-tile", "colour8", "lossy97",
	} {
		data := goldenNamed(t, name)
		_, whole := decoded(t, data)
		for n := range data {
			samples, err := attempt(data[:n])
			if err == nil && n >= len(data)-2 && slices.Equal(samples, whole) {
				continue
			}
			if !errors.Is(err, codec.ErrDamaged) {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
}

// TestCutsBetweenTilePartsAreFound cuts a stream where a tile-part ends, without an EOC marker, and whose tile-parts do not
// say how many there are.
func TestCutsBetweenTilePartsAreFound(t *testing.T) {
	data := bytes.Clone(goldenNamed(t, "tile-parts"))
	at := bytes.Index(data, []byte{markerSOT >> 8, markerSOT & 0xFF})
	for cuts := 0; be16(data[at:]) == markerSOT; cuts++ {
		if _, err := attempt(data[:at]); !errors.Is(err, codec.ErrDamaged) {
			t.Errorf("cut %d: %v", cuts, err)
		}
		data[at+11] = 0
		at += int(be32(data[at+6:]))
	}
	if _, err := attempt(data[:at]); err != nil {
		t.Error(err)
	}
}

// TestDamageIsFoundOrDecoded changes bytes. What comes of it is a picture or an error that says why there is none.
func TestDamageIsFoundOrDecoded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for _, g := range goldens(t) {
		for range 60 {
			data := bytes.Clone(g.data)
			for range 1 + r.IntN(3) {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
			if h, err := Inspect(data); err == nil && h.Samples() > 1<<20 {
				continue
			}
			_, err := attempt(data)
			if err == nil {
				continue
			}
			found++
			if !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
				t.Fatalf("%s: %v", g.name, err)
			}
		}
	}
	if found < 100 {
		t.Errorf("damage was found %d times", found)
	}
}

// TestSegmentationSymbolsFindDamage changes the bytes of code-blocks that end their passes with symbols.
func TestSegmentationSymbolsFindDamage(t *testing.T) {
	data := goldenNamed(t, "symbols")
	found := 0
	for at := len(data) / 2; at < len(data)/2+200; at++ {
		changed := bytes.Clone(data)
		changed[at] ^= 0x10
		if _, err := attempt(changed); errors.Is(err, codec.ErrDamaged) {
			found++
		}
	}
	if found < 190 {
		t.Errorf("%d of 200 changes were found", found)
	}
}

// where is the place behind a marker and its segment's length.
func where(t *testing.T, data []byte, marker uint16) int {
	t.Helper()
	at := bytes.Index(data, []byte{byte(marker >> 8), byte(marker)})
	if at < 0 {
		t.Fatalf("no marker %04X", marker)
	}
	return at + 4
}

func TestWhatIsNotSupportedIsNamed(t *testing.T) {
	grey, colour := goldenNamed(t, "grey12"), goldenNamed(t, "colour8")
	size, cod := where(t, grey, markerSIZ), where(t, grey, markerCOD)
	highThroughput, err := os.ReadFile(filepath.Join("testdata", "high-throughput.jph"))
	if err != nil {
		t.Fatal(err)
	}
	change := func(data []byte, at int, with ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], with)
		return data
	}
	insert := func(data []byte, at int, with ...byte) []byte { return slices.Insert(bytes.Clone(data), at, with...) }
	box := insert(goldenNamed(t, "boxes"), 0)
	copy(box[bytes.Index(box, []byte("colr")):], "pclr")
	for _, c := range []struct {
		what string
		data []byte
	}{
		{"T.814", highThroughput},
		{"T.814", change(grey, cod+8, 0x40)},
		{"T.801", change(grey, size, 0x80)},
		{"T.801", change(grey, cod+9, 2)},
		{"T.801", change(grey, cod+4, 2)},
		{"FF74", insert(grey, cod-4, 0xFF, 0x74, 0, 3, 0)},
		{"T.801", insert(grey, cod-4, 0xFF, 0x5E, 0, 5, 0, 1, 3)},
		{"17 bits", change(grey, size+36, 16)},
		{"different depths", change(colour, where(t, colour, markerSIZ)+39, 11)},
		{"sub-sampled", change(colour, where(t, colour, markerSIZ)+40, 2)},
		{"5 components", change(grey, size+34, 0, 5)},
		{"palette", box},
		{"70000", change(change(grey, size+2, 0, 1, 0x11, 0x70), size+18, 0, 1, 0x11, 0x70)},
	} {
		_, err := Inspect(c.data)
		if !errors.Is(err, codec.ErrUnsupported) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// TestComponentsOwnHeadersWin moves COC and QCC before COD and QCD, which they beat wherever they stand.
func TestComponentsOwnHeadersWin(t *testing.T) {
	data := goldenNamed(t, "component-headers")
	_, want := decoded(t, data)
	first := where(t, data, markerCOC) - 4
	end := bytes.Index(data, []byte{markerSOT >> 8, markerSOT & 0xFF})
	siz := where(t, data, markerCOD) - 4
	moved := slices.Concat(data[:siz], data[first:end], data[siz:first], data[end:])
	if _, got := decoded(t, moved); !slices.Equal(got, want) {
		t.Error("COD or QCD beat COC or QCC")
	}
}

func TestDecodeStopsWithItsContext(t *testing.T) {
	cause := errors.New("the caller is gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	data := goldenNamed(t, "grey12")
	h, err := Inspect(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(ctx, data, make([]uint16, h.Samples())); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if err := Decode(context.Background(), data, make([]uint16, h.Samples()-1)); err == nil {
		t.Error("decoded into too small a slice")
	}
}

// countdown is a context that ends when it was asked so many times.
type countdown struct {
	context.Context
	asked, end int
}

func (c *countdown) Err() error {
	if c.asked++; c.asked > c.end {
		return context.Canceled
	}
	return nil
}

// TestDecodeAsksItsContextOften counts how often it does: for each code-block, some rows and columns, and some packets.
func TestDecodeAsksItsContextOften(t *testing.T) {
	for name, c := range map[string]struct {
		data  []byte
		least int
	}{
		"film": {film(t, "film12", 4), 16 * (16 + 8 + 8)}, "packets": {bomb(100, 65535, 0, 0xFF, orderLRCP, 65535), 200},
		"irreversible": {goldenNamed(t, "lossy97"), 16},
	} {
		h, err := Inspect(c.data)
		if err != nil {
			t.Fatal(err)
		}
		to, ctx := make([]uint16, h.Samples()), &countdown{context.Background(), 0, 1 << 30}
		if err := Decode(ctx, c.data, to); err != nil || ctx.asked < c.least {
			t.Errorf("%s: asked %d times, of at least %d, %v", name, ctx.asked, c.least, err)
		}
		for end := range 10 {
			end = ctx.asked * end / 10
			if err := Decode(&countdown{context.Background(), 0, end}, c.data, to); err == nil {
				t.Errorf("%s: decoded, although its context ended at question %d", name, end)
			}
		}
	}
}

// bomb is a stream of a picture of side x side samples, of so many layers, with the smallest precincts, and packets that
// are so many zeros.
func bomb(side uint32, layers uint16, levels, precinct, order byte, packets int) []byte {
	data := []byte{0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0}
	for _, v := range []uint32{side, side, 0, 0, side, side, 0, 0} {
		data = binary.BigEndian.AppendUint32(data, v)
	}
	data = append(data, 0, 1, 7, 1, 1, 0xFF, 0x52, 0, 12+levels+1, 1, order)
	data = binary.BigEndian.AppendUint16(data, layers)
	data = append(data, 0, levels, 4, 4, 0, 1)
	for range levels + 1 {
		data = append(data, precinct)
	}
	data = append(data, 0xFF, 0x5C, 0, 3+3*levels+1, 0x40)
	for range 3*int(levels) + 1 {
		data = append(data, 8<<3)
	}
	data = append(data, 0xFF, 0x90, 0, 10, 0, 0)
	data = binary.BigEndian.AppendUint32(data, uint32(14+packets))
	data = append(data, 0, 1, 0xFF, 0x93)
	return append(append(data, make([]byte, packets)...), 0xFF, 0xD9)
}

// TestBombs decodes what asks for much with little.
func TestBombs(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"precincts of one code-block of one sample", bomb(4000, 1, 5, 0x11, orderPCRL, 10), codec.ErrUnsupported},
		{"all layers empty", bomb(1000, 65535, 0, 0xFF, orderLRCP, 65535), nil},
		{"empty packets of many precincts", bomb(1000, 65535, 5, 0x66, orderRLCP, 900000), nil},
		{"all levels", bomb(2000, 1, 32, 0xFF, orderCPRL, 33), nil},
		{"fewer packets than precincts", bomb(1000, 1, 5, 0x55, orderLRCP, 8), codec.ErrDamaged},
		{"more layers than packets", bomb(1000, 65535, 5, 0xFF, orderRLCP, 100), nil},
	} {
		h, err := Inspect(c.data)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		to := make([]uint16, h.Samples())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		err = Decode(context.Background(), c.data, to)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(h.Memory) {
			t.Errorf("%s: allocated %d bytes, announced %d", c.name, n, h.Memory)
		}
		if took > 5*time.Second {
			t.Errorf("%s: took %v", c.name, took)
		}
	}
}

// TestMemoryIsAsAnnounced holds all that decoding allocates, kept or not, against the header.
func TestMemoryIsAsAnnounced(t *testing.T) {
	for _, g := range goldens(t) {
		h, err := Inspect(g.data)
		if err != nil {
			t.Fatal(err)
		}
		to := make([]uint16, h.Samples())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Decode(context.Background(), g.data, to); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(h.Memory) {
			t.Errorf("%s: allocated %d bytes, announced %d", g.name, n, h.Memory)
		}
		if declared := 2 * int64(h.Samples()); h.Memory > 4*declared+9<<20+3*int64(len(g.data)) {
			t.Errorf("%s: announced %d bytes for %d of samples", g.name, h.Memory, declared)
		}
	}
}

// TestSamplesAreRounded rounds to the nearest integer, of two to the even one, and limits what no sample can be.
func TestSamplesAreRounded(t *testing.T) {
	for v, want := range map[float32]int32{
		0: 0, .5: 0, 1.5: 2, -.5: 0, -1.5: -2, 2.51: 3, -70000.75: -70001,
		1e30: 1 << 20, -1e30: -1 << 20, float32(math.Inf(1)): 1 << 20, float32(math.Inf(-1)): -1 << 20,
	} {
		if got := nearest(v); got != want {
			t.Errorf("%g is rounded to %d, want %d", v, got, want)
		}
	}
	if got := nearest(float32(math.NaN())); got != -1<<20 {
		t.Errorf("what is no number is rounded to %d", got)
	}
}

// TestRegionsAreUnshifted moves what is above the background back, H.1, and leaves the background, which has fewer bits.
func TestRegionsAreUnshifted(t *testing.T) {
	const negative = 1 << 31
	d := blockDecoder{samples: []uint32{0, 2 * 5, 2*7 + 1 | negative, 2 * 8, (2*3 + 1) << 3, (2*5+1)<<3 | negative}}
	d.unshift(3)
	want := []uint32{0, 2 * 5, 2*7 + 1 | negative, 2, 2*3 + 1, 2*5 + 1 | negative}
	if !slices.Equal(d.samples, want) {
		t.Errorf("%x, want %x", d.samples, want)
	}
	if d.unshift(40); !slices.Equal(d.samples, want) {
		t.Error("a shift of more than all bit-planes changed samples")
	}
}
