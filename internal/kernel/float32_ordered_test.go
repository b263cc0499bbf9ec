package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestOrderedSumsHaveTheBitsOfPlainGo: rounding shows an addition out of order, and a product that is not rounded.
func TestOrderedSumsHaveTheBitsOfPlainGo(t *testing.T) {
	negativeZero := float32(math.Copysign(0, -1))
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(61, 62))
		for i := range rounds(300) {
			w := randomWindow(r)
			if i%2 == 0 {
				w = Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, 1 + r.IntN(200)}, Out: Shape{1, 1, 1 + r.IntN(300)}}
			}
			l := newFloatLayer(r, w)
			for i := range l.src {
				switch r.IntN(8) {
				case 0, 1, 2:
					l.src[i] = 0
				case 3:
					l.src[i] = negativeZero
				case 4:
					l.src[i] *= 0x1p-148 // products that underflow
				}
			}
			switch r.IntN(8) {
			case 0:
				l.weights[r.IntN(len(l.weights))] = float32(math.Inf(1)) // nothing, where it meets a zero
			case 1:
				l.src[r.IntN(len(l.src))] = float32(math.NaN())
			}
			want := l.compute(t, Generic(), new(Workspace))
			c, err := tier.NewOrderedFloat32Conv(w, l.weights, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			n := w.Out.W * w.Out.C
			got := make([]float32, w.Out.Len())
			for i := range got {
				got[i] = 7 // what lies there is written over
			}
			for y := range w.Out.H {
				c.Row(got[y*n:], l.src, y, new(Workspace))
			}
			for i, v := range got {
				if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
					t.Fatalf("%+v: output %d is %v, want %v", w, i, v, want[i])
				}
			}
		}
	})
}

func TestOrderedRefusesWhatDoesNotFit(t *testing.T) {
	w := Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, 4}, Out: Shape{1, 1, 2}}
	if _, err := Preferred().NewOrderedFloat32Conv(w, make([]float32, 7), nil); err == nil {
		t.Error("7 weights for 8 were taken")
	}
}
