package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestStepsAreTheRowsOfEachStep: whatever a tier makes of few inputs, the bits are those of each map by itself.
func TestStepsAreTheRowsOfEachStep(t *testing.T) {
	onEveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		var s Int8Steps
		var ws Workspace
		for range 300 {
			l := newLayer(r, randomWindow(r))
			steps := 1 + r.IntN(5)
			in, out := l.window.In.Len(), l.window.Out.Len()
			share := r.IntN(100)
			maps := make([]uint8, steps*in)
			for i := range maps {
				if r.IntN(100) < share {
					maps[i] = uint8(r.Uint32())
				}
			}
			c, err := NewInt8Conv(l.window, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, steps*out)
			for i := range steps {
				l.src = maps[i*in:][:in]
				copy(want[i*out:], l.reference())
			}
			s.Open(c, maps, steps, &ws)
			got := make([]float32, steps*out)
			row := l.window.Out.W * l.window.Out.C
			rows := make([]float32, steps*row)
			for y := range l.window.Out.H {
				s.Rows(rows, y)
				for i := range steps {
					copy(got[i*out+y*row:], rows[i*row:][:row])
				}
			}
			sameBits(t, got, want)
		}
	})
}
