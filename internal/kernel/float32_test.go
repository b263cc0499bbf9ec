package kernel

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// floatLayer is a random convolution in float32 and an input for it.
type floatLayer struct {
	window             Window
	weights, bias, src []float32
}

func newFloatLayer(r *rand.Rand, w Window) floatLayer {
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	return floatLayer{w, random(w.KH * w.KW * w.In.C * w.Out.C), random(w.Out.C), random(w.In.Len())}
}

// compute gives the whole output.
func (l floatLayer) compute(t testing.TB, tier Tier, ws *Workspace) []float32 {
	t.Helper()
	c, err := tier.NewFloat32Conv(l.window, l.weights, l.bias)
	if err != nil {
		t.Fatal(err)
	}
	n := l.window.Out.W * l.window.Out.C
	dst := make([]float32, l.window.Out.Len())
	for y := range l.window.Out.H {
		c.Row(dst[y*n:], l.src, y, ws)
	}
	return dst
}

// check holds an output to the layer's definition, in float64, within what either way of rounding may lose: twice
// the bound of Float32Conv lies between two tiers, once between a tier and the truth.
func (l floatLayer) check(t testing.TB, got []float32) {
	t.Helper()
	w := l.window
	bound := float64(w.KH*w.KW*w.In.C+1) * 0x1p-24 * 1.01 // the 1.01 is for the terms of second order
	for y := range w.Out.H {
		for x := range w.Out.W {
			for o := range w.Out.C {
				sum, size := float64(l.bias[o]), math.Abs(float64(l.bias[o]))
				for i := range w.KH {
					for j := range w.KW {
						sy, sx := y*w.SH+i-w.PadTop, x*w.SW+j-w.PadLeft
						if sy < 0 || sy >= w.In.H || sx < 0 || sx >= w.In.W {
							continue
						}
						for k := range w.In.C {
							product := float64(l.src[(sy*w.In.W+sx)*w.In.C+k]) * float64(l.weights[((i*w.KW+j)*w.In.C+k)*w.Out.C+o])
							sum += product
							size += math.Abs(product)
						}
					}
				}
				if v := got[(y*w.Out.W+x)*w.Out.C+o]; !(math.Abs(float64(v)-sum) <= bound*size) {
					t.Fatalf("%+v: output %d,%d,%d is %v, want %v within %v", w, y, x, o, v, sum, bound*size)
				}
			}
		}
	}
}

func TestFloat32ConvIsWithinRounding(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(17, 18))
		var ws Workspace
		for range rounds(120) {
			l := newFloatLayer(r, randomWindow(r))
			l.check(t, l.compute(t, tier, &ws))
		}
	})
}

func TestFloat32DenseIsWithinRounding(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(19, 20))
		for range rounds(100) {
			in, out := 1+r.IntN(700), 1+r.IntN(150)
			l := newFloatLayer(r, Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, in}, Out: Shape{1, 1, out}})
			l.check(t, l.compute(t, tier, new(Workspace)))
		}
	})
}

// TestFloat32ConvDoesNotSpreadNaN has an input that is not a number right after a window's inputs.
func TestFloat32ConvDoesNotSpreadNaN(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{3, 5, 19}, 3, 3, 1, 1, false, 18)
		l := newFloatLayer(rand.New(rand.NewPCG(21, 22)), w)
		for y := range w.In.H {
			for k := range w.In.C {
				l.src[(y*w.In.W+3)*w.In.C+k] = float32(math.NaN())
			}
		}
		for i, v := range l.compute(t, tier, new(Workspace)) {
			if nan := v != v; nan != (i/w.Out.C > 0) {
				t.Fatalf("output %d is %v", i, v)
			}
		}
	})
}

func TestFloat32RefusesWhatDoesNotFit(t *testing.T) {
	tier := Preferred()
	w := Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, 4}, Out: Shape{1, 1, 2}}
	deaf, mute := w, w
	deaf.In.C, mute.Out.C = 0, 0
	for name, try := range map[string]func() error{
		"weights": func() error { _, err := tier.NewFloat32Conv(w, make([]float32, 7), nil); return err },
		"bias":    func() error { _, err := tier.NewFloat32Conv(w, make([]float32, 8), make([]float32, 1)); return err },
		"inputs":  func() error { _, err := tier.NewFloat32Conv(deaf, nil, nil); return err },
		"outputs": func() error { _, err := tier.NewFloat32Conv(mute, nil, nil); return err },
	} {
		if err := try(); !errors.Is(err, ErrLayer) {
			t.Errorf("%s: error %v, want ErrLayer", name, err)
		}
	}
}
