//go:build !purego

package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestTilesReadWhatWasCopied: every position of every tile lies in the copy, and finds its windows' inputs there.
func TestTilesReadWhatWasCopied(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	flat := 0
	for range 400 {
		w := randomWindow(r)
		l := newTileLayout(&w)
		c := tileConv{conv: &Int8Conv{window: w}, layout: l}
		src := make([]uint8, w.In.Len())
		for i := range src {
			src[i] = uint8(1 + r.IntN(255))
		}
		got := make([]uint8, l.stride())
		for i := range got {
			got[i] = uint8(r.Uint32()) // what was there before
		}
		c.copyMap(got, src)
		if l.flat {
			flat++
		}
		rows, run := w.Out.H, l.whole
		if l.flat {
			rows = 1
		}
		last := (rows-1)*l.rowStride + (run.across*run.each-1)*l.pixelStride + l.offsets[w.KH-1] + 64*l.groups
		for _, offset := range l.offsets {
			last = max(last, (rows-1)*l.rowStride+(run.across*run.each-1)*l.pixelStride+offset+64*l.groups)
		}
		if last = max(last, (w.Out.H-1)*l.rowStride+(l.row.across*l.row.each-1)*l.pixelStride+l.offsets[w.KH-1]+64*l.groups); last > l.size {
			t.Fatalf("%+v: reads up to %d of %d bytes", w, last, l.size)
		}
		for y := range w.Out.H {
			for x := range w.Out.W {
				for i := range w.KH {
					at := got[y*l.rowStride+x*l.pixelStride+l.offsets[i]:]
					for j := range w.KW * w.In.C {
						var want uint8
						sy, sx := y*w.SH+i-w.PadTop, x*w.SW+j/w.In.C-w.PadLeft
						if sy >= 0 && sy < w.In.H && sx >= 0 && sx < w.In.W {
							want = src[(sy*w.In.W+sx)*w.In.C+j%w.In.C]
						}
						if at[j] != want {
							t.Fatalf("%+v: input %d of row %d at %d, %d is %d, want %d", w, j, i, y, x, at[j], want)
						}
					}
				}
			}
		}
	}
	if flat < 50 || flat > 350 {
		t.Errorf("%d of 400 layers are flat", flat)
	}
}

// TestManyInputsAreTakenAsTiles, and few as events.
func TestManyInputsAreTakenAsTiles(t *testing.T) {
	tier, err := Named("avx512amx")
	if err != nil {
		t.Skip("this processor has no AMX")
	}
	w, _ := NewWindow(Shape{16, 16, 80}, 3, 3, 1, 1, true, 80)
	l := newLayer(rand.New(rand.NewPCG(43, 44)), w)
	c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
	if err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{1, 5, 1000} {
		maps := make([]uint8, 2*w.In.Len())
		for i := 0; i < len(maps); i += every {
			maps[i] = 200
		}
		var s Int8Steps
		_, few := s.Open(c, maps, 2)
		if _, tiles := s.events.(*tileMemory); !few || tiles != (every < 1000) {
			t.Errorf("one of %d inputs: taken %v, as tiles %v", every, few, tiles)
		}
	}
}

// TestHalvesOfARowAreWhole: the two halves of a row have its positions, each once, and a tile is never asked for fewer than none.
func TestHalvesOfARowAreWhole(t *testing.T) {
	used := 0
	for width := 1; width < 600; width++ {
		w, _ := NewWindow(Shape{3, width, 16}, 3, 3, 1, 1, true, 48)
		c := &Int8Conv{window: w, scale: make([]float32, 48), bias: make([]float32, 48)}
		h := newTileHalves(newTileConv(c, make([]int8, 9*16*48)))
		if h == nil {
			continue
		}
		used++
		first, second := h.run.across*h.run.each, (h.run.across-1)*h.run.each+h.last2
		if first+second != width || h.run.each > 16 || h.last2 < 0 || h.last2 > h.run.each {
			t.Errorf("%d positions: %+v and %d", width, h.run, h.last2)
		}
	}
	if used < 400 {
		t.Errorf("only %d widths are divided", used)
	}
}
