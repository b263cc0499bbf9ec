package kernel

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// layer is a random convolution of whole numbers and an input for it.
type layer struct {
	window      Window
	weights     []int8
	scale, bias []float32
	src         []uint8
}

func newLayer(r *rand.Rand, w Window) layer {
	l := layer{
		window:  w,
		weights: make([]int8, w.KH*w.KW*w.In.C*w.Out.C),
		scale:   make([]float32, w.Out.C),
		bias:    make([]float32, w.Out.C),
		src:     make([]uint8, w.In.Len()),
	}
	for i := range l.weights {
		l.weights[i] = int8(r.Uint32())
	}
	for i := range l.scale {
		l.scale[i], l.bias[i] = r.Float32()*2-1, r.Float32()*100-50
	}
	sparse := r.IntN(2) == 0
	for i := range l.src {
		if !sparse || r.IntN(4) == 0 {
			l.src[i] = uint8(r.Uint32())
		}
	}
	return l
}

func randomWindow(r *rand.Rand) Window {
	for {
		in := Shape{1 + r.IntN(12), 1 + r.IntN(40), 1 + r.IntN(24)}
		out := 1 + r.IntN(150)
		switch r.IntN(4) {
		case 0:
			in.C = 1 + r.IntN(140)
		case 1: // many inputs, and a few channels more than registers hold
			in.C, out = 60+r.IntN(80), 16*r.IntN(4)+1+r.IntN(4)
		}
		w, ok := NewWindow(in, 1+r.IntN(6), 1+r.IntN(6), 1+r.IntN(3), 1+r.IntN(3), r.IntN(2) == 0, out)
		if ok {
			return w
		}
	}
}

// reference computes the layer by its definition, in int64 and index by index.
func (l layer) reference() []float32 {
	w := l.window
	dst := make([]float32, w.Out.Len())
	for y := range w.Out.H {
		for x := range w.Out.W {
			for o := range w.Out.C {
				var sum int64
				for i := range w.KH {
					for j := range w.KW {
						sy, sx := y*w.SH+i-w.PadTop, x*w.SW+j-w.PadLeft
						if sy < 0 || sy >= w.In.H || sx < 0 || sx >= w.In.W {
							continue
						}
						for k := range w.In.C {
							a := l.src[(sy*w.In.W+sx)*w.In.C+k]
							b := l.weights[((i*w.KW+j)*w.In.C+k)*w.Out.C+o]
							sum += int64(a) * int64(b)
						}
					}
				}
				dst[(y*w.Out.W+x)*w.Out.C+o] = float32(float32(sum)*l.scale[o]) + l.bias[o]
			}
		}
	}
	return dst
}

// compute also holds the layer without silent channels to the whole of it.
func (l layer) compute(t testing.TB, tier Tier) []float32 {
	t.Helper()
	c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
	if err != nil {
		t.Fatal(err)
	}
	var ws Workspace
	dst := l.rows(c, l.src, &ws)
	loud, src := c.WithoutSilent(l.src, &ws)
	sameBits(t, l.rows(loud, src, &ws), dst)
	return dst
}

func (l layer) rows(c *Int8Conv, src []uint8, ws *Workspace) []float32 {
	n := l.window.Out.W * l.window.Out.C
	dst := make([]float32, l.window.Out.Len())
	for y := range l.window.Out.H {
		c.Row(dst[y*n:][:n], src, y, ws)
	}
	return dst
}

// quieten makes channels unlike: of a place where one is active most others are silent, and some channels are so at most places.
func (l layer) quieten(r *rand.Rand) {
	c := l.window.In.C
	loud := make([]uint32, c)
	for k := range loud {
		loud[k] = 1 + r.Uint32N(1000)*r.Uint32N(1000)/1000
	}
	for i := range l.src {
		if r.Uint32N(2000) >= loud[i%c] {
			l.src[i] = 0
		}
	}
}

// silence makes about share in 1000 of the channels silent.
func (l layer) silence(r *rand.Rand, share int) {
	for k := range l.window.In.C {
		if r.IntN(1000) < share {
			for i := k; i < len(l.src); i += l.window.In.C {
				l.src[i] = 0
			}
		}
	}
}

func sameBits(t testing.TB, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("element %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// onEveryTier runs a test with each tier in turn.
func onEveryTier(t *testing.T, test func(t *testing.T, tier Tier)) {
	for _, tier := range tiers() {
		t.Run(tier.name, func(t *testing.T) { test(t, Tier{tier}) })
	}
}

func TestInt8ConvIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(1, 2))
		for range rounds(120) {
			l := newLayer(r, randomWindow(r))
			sameBits(t, l.compute(t, tier), l.reference())
		}
	})
}

// TestInt8ConvOfFewInputsIsExact goes through the kernels of first layers.
func TestInt8ConvOfFewInputsIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(29, 30))
		for i := range 8 * 8 * 3 * 3 * 2 {
			kh, kw, stride, c, same := 1+i%8, 1+i/8%8, 1+i/64%3, 1+i/192%3, i/576 == 0
			if w, ok := NewWindow(Shape{kh + 1 + r.IntN(4), 4 + r.IntN(40), c}, kh, kw, 1, stride, same, 1+r.IntN(20)); ok {
				l := newLayer(r, w)
				sameBits(t, l.compute(t, tier), l.reference())
			}
		}
	})
}

// TestInt8ConvWithoutSilentChannelsIsExact uses one workspace for all layers.
func TestInt8ConvWithoutSilentChannelsIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(25, 26))
		var ws Workspace
		kept, listed := 0, 0
		for range rounds(120) {
			in := Shape{8 + r.IntN(6), 8 + r.IntN(24), 1 + r.IntN(200)}
			if r.IntN(8) == 0 {
				in.C += 200 // more than two sections
			}
			w, _ := NewWindow(in, 1+r.IntN(3), 2+r.IntN(3), 1+r.IntN(2), 1+r.IntN(2), r.IntN(2) == 0, 1+r.IntN(80))
			l := newLayer(r, w)
			c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if r.IntN(2) == 0 {
					l.quieten(r)
				} else {
					l.silence(r, 100*r.IntN(11))
				}
				loud, src := c.WithoutSilent(l.src, &ws)
				sameBits(t, l.rows(loud, src, &ws), l.reference())
				if loud != c {
					kept++
				}
				if _, dense := loud.rows.(int8Events); loud != c && !dense {
					listed++
				}
			}
		}
		if tier.Name() == "avx512vnni" && hasDriver && (kept < rounds(60) || listed < rounds(25) || listed == kept) {
			t.Errorf("channels were left out %d times, and groups %d", kept, listed)
		}
	})
}

func TestInt8ConvAtTheLimitOfInt32(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		for _, weight := range []int8{-128, 127} {
			l := newLayer(rand.New(rand.NewPCG(3, 4)), Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, maxTaps}, Out: Shape{1, 1, 3}})
			for i := range l.weights {
				l.weights[i] = weight
			}
			for i := range l.src {
				l.src[i] = 255
			}
			sameBits(t, l.compute(t, tier), l.reference())
		}
	})
}

func TestInt8ConvDoesNotAllocate(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{6, 9, 5}, 3, 3, 1, 1, true, 20)
		l := newLayer(rand.New(rand.NewPCG(5, 6)), w)
		c, err := tier.NewInt8Conv(w, l.weights, l.scale, nil)
		if err != nil {
			t.Fatal(err)
		}
		var ws Workspace
		dst := make([]float32, w.Out.W*w.Out.C)
		c.Row(dst, l.src, 0, &ws)
		if n := testing.AllocsPerRun(10, func() {
			for y := range w.Out.H {
				c.Row(dst, l.src, y, &ws)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestALayerServesManyGoroutines(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{9, 11, 7}, 3, 3, 1, 1, true, 18)
		l := newLayer(rand.New(rand.NewPCG(23, 24)), w)
		c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
		if err != nil {
			t.Fatal(err)
		}
		outputs, n := make([][]float32, 4), w.Out.W*w.Out.C
		var group sync.WaitGroup
		for i := range outputs {
			outputs[i] = make([]float32, w.Out.Len())
			group.Go(func() {
				var ws Workspace
				for range 20 {
					for y := range w.Out.H {
						c.Row(outputs[i][y*n:], l.src, y, &ws)
					}
				}
			})
		}
		group.Wait()
		for _, got := range outputs {
			sameBits(t, got, l.reference())
		}
	})
}

func TestInt8DenseIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(7, 8))
		for range rounds(100) {
			in, out := 1+r.IntN(700), 1+r.IntN(150)
			l := newLayer(r, Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, in}, Out: Shape{1, 1, out}})
			sameBits(t, l.compute(t, tier), l.reference())
		}
	})
}

func TestInt8RefusesWhatDoesNotFit(t *testing.T) {
	tier := Preferred()
	w := Window{KH: 1, KW: 1, SH: 1, SW: 1, In: Shape{1, 1, 4}, Out: Shape{1, 1, 2}}
	huge, deaf := w, w
	huge.In.C, deaf.In.C = maxTaps+1, 0
	for name, try := range map[string]func() error{
		"overflow": func() error {
			_, err := tier.NewInt8Conv(huge, make([]int8, (maxTaps+1)*2), make([]float32, 2), nil)
			return err
		},
		"weights": func() error {
			_, err := tier.NewInt8Conv(w, make([]int8, 7), make([]float32, 2), nil)
			return err
		},
		"scale": func() error {
			_, err := tier.NewInt8Conv(w, make([]int8, 8), make([]float32, 3), nil)
			return err
		},
		"bias": func() error {
			_, err := tier.NewInt8Conv(w, make([]int8, 8), make([]float32, 2), make([]float32, 1))
			return err
		},
		"no inputs": func() error {
			_, err := tier.NewInt8Conv(deaf, nil, make([]float32, 2), nil)
			return err
		},
	} {
		if err := try(); !errors.Is(err, ErrLayer) {
			t.Errorf("%s: error %v, want ErrLayer", name, err)
		}
	}
}

func TestAMessageCountsOnceWhateverItsCount(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(9, 10))
		for range rounds(120) {
			width, c := 1+r.IntN(30), 1+r.IntN(140)
			counts, fan := make([]uint8, width*c), make([]int, width)
			for i := range fan {
				fan[i] = min(i+1, width-i, 3)
			}
			var want uint64
			for i := range counts {
				if counts[i] = uint8(r.Uint32() >> r.IntN(32)); counts[i] > 0 {
					want += uint64(fan[i/c])
				}
			}
			if got := tier.Messages(counts, c, fan); got != want {
				t.Fatalf("%d columns of %d: %d, want %d", width, c, got, want)
			}
		}
	})
}
