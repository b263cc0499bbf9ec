package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// poolReference takes each maximum by its definition.
func poolReference[T float32 | uint8](src []T, w *Window) []T {
	dst := make([]T, w.Out.Len())
	for y := range w.Out.H {
		for x := range w.Out.W {
			for k := range w.Out.C {
				top := src[((y*w.SH)*w.In.W+x*w.SW)*w.In.C+k]
				for i := range w.KH {
					for j := range w.KW {
						top = max(top, src[((y*w.SH+i)*w.In.W+x*w.SW+j)*w.In.C+k])
					}
				}
				dst[(y*w.Out.W+x)*w.Out.C+k] = top
			}
		}
	}
	return dst
}

func randomPool(r *rand.Rand) Window {
	for {
		c := 1 + r.IntN(200)
		k := [2]int{2, 2}
		if r.IntN(4) == 0 {
			k = [2]int{1 + r.IntN(3), 1 + r.IntN(3)}
		}
		w, ok := NewWindow(Shape{1 + r.IntN(8), 1 + r.IntN(9), c}, k[0], k[1], 1+r.IntN(3), 1+r.IntN(3), false, c)
		if ok {
			return w
		}
	}
}

func TestMaxPool(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(13, 14))
		for range 300 {
			w := randomPool(r)
			counts, values := make([]uint8, w.In.Len()), randomFloats(r, w.In.Len(), 9)
			for i := range counts {
				counts[i] = uint8(r.Uint32())
			}
			const guard = 77
			got := make([]uint8, w.Out.Len()+1)
			got[w.Out.Len()] = guard
			tier.MaxPool(got, counts, &w)
			for i, want := range poolReference(counts, &w) {
				if got[i] != want {
					t.Fatalf("%+v: count %d is %d, want %d", w, i, got[i], want)
				}
			}
			floats := make([]float32, w.Out.Len()+1)
			floats[w.Out.Len()] = guard
			tier.MaxPoolFloat32(floats, values, &w)
			for i, want := range poolReference(values, &w) {
				if nan := want != want; nan != (floats[i] != floats[i]) || !nan && math.Float32bits(floats[i]) != math.Float32bits(want) {
					t.Fatalf("%+v: value %d is %v, want %v", w, i, floats[i], want)
				}
			}
			if got[w.Out.Len()] != guard || floats[w.Out.Len()] != guard {
				t.Fatal("written past the output")
			}
		}
	})
}
