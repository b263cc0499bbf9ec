package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

// evenly makes an input of even patches, like a picture's, with an edge or a speck here and there.
func (l layer) evenly(r *rand.Rand) {
	level := r.IntN(256)
	for i := range l.src {
		switch r.IntN(60) {
		case 0:
			level = r.IntN(256)
		case 1:
			l.src[i] = uint8(r.Uint32())
			continue
		}
		l.src[i] = uint8(min(max(level+r.IntN(3)-1, 0), 255))
	}
}

// newFirstLayer is one of few inputs, whose sums come to some spikes a step at most. Some channels never spike, and some do everywhere.
func newFirstLayer(r *rand.Rand) layer {
	for {
		in := Shape{5 + r.IntN(10), 5 + r.IntN(60), 1 + r.IntN(2)}
		w, ok := NewWindow(in, 1+r.IntN(5), 1+r.IntN(8/in.C), 1+r.IntN(2), 1+r.IntN(2), r.IntN(3) == 0, 1+r.IntN(maxDrivenAnywhere))
		if !ok {
			continue
		}
		l := newLayer(r, w)
		l.evenly(r)
		taps := w.KH * w.KW * w.In.C
		for o := range l.scale {
			l.scale[o] = (r.Float32() - .2) * 10 / float32(255*127*taps)
			l.bias[o] = (r.Float32() - .7) * .5
		}
		for range r.IntN(3) {
			l.scale[r.IntN(len(l.scale))] = 0
		}
		return l
	}
}

// hasDriver says that the tier avx512vnni can move bytes freely on this processor: then it drives neurons and leaves groups out.
var hasDriver = cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2

// maxDrivenAnywhere is more channels than any tier drives.
const maxDrivenAnywhere = 140

// driven is the layer's neurons in plain Go by their currents, each row a step, and their pooled counts.
func (l layer) driven(c *Int8Conv, start []float32, dt float32, pool Window) (pooled []uint8, spikes uint64) {
	out := l.window.Out
	row := out.W * out.C
	v, counts := append([]float32(nil), start...), make([]uint8, out.Len())
	for y := range out.H {
		some, _ := Generic().SpikingReLU(counts[y*row:][:row], v, l.rows(c, l.src, new(Workspace))[y*row:][:row], dt)
		spikes += some
	}
	pooled = make([]uint8, pool.Out.Len())
	Generic().MaxPool(pooled, counts, &pool)
	return pooled, spikes
}

func TestADriverIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(41, 42))
		var ws Workspace
		tried, drove := 0, 0
		for range rounds(300) {
			l := newFirstLayer(r)
			out := l.window.Out
			pool, ok := NewWindow(out, 2, 2, 2, 2, false, out.C)
			if !ok {
				continue
			}
			c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			start := make([]float32, out.W*out.C)
			for i := range start {
				start[i] = r.Float32()
			}
			dt := []float32{1, 2, .7}[r.IntN(3)]
			tried++
			d := c.Driver(dt, start, pool)
			if d == nil {
				continue
			}
			drove++
			want, wantSpikes := l.driven(c, start, dt, pool)
			for range 2 { // again from the start
				got, spikes := make([]uint8, pool.Out.Len()), uint64(0)
				row := pool.Out.W * pool.Out.C
				for y := 0; y < out.H; y += 2 {
					var to []uint8
					if y+1 < out.H {
						to = got[y/2*row:][:row]
					}
					spikes += d.Row(to, l.src, y, &ws)
				}
				if spikes != wantSpikes || string(got) != string(want) {
					t.Fatalf("%+v: %d spikes, want %d, or other counts", l.window, spikes, wantSpikes)
				}
			}
		}
		if tier.Name() == "avx512vnni" && hasDriver && drove < tried/2 {
			t.Errorf("%d of %d layers were driven", drove, tried)
		}
	})
}

// shown is the layer's neurons in plain Go by their currents, which are the same at each step, and their pooled spikes at each.
func (l layer) shown(c *Int8Conv, n LIF, start float32, steps int, pool Window) (pooled []uint8, spikes uint64) {
	v, counts := make([]float32, l.window.Out.Len()), make([]uint8, l.window.Out.Len())
	for i := range v {
		v[i] = start
	}
	currents := l.rows(c, l.src, new(Workspace))
	for range steps {
		spikes += Generic().LIF(n, counts, v, currents)
		to := make([]uint8, pool.Out.Len())
		Generic().MaxPool(to, counts, &pool)
		pooled = append(pooled, to...)
	}
	return pooled, spikes
}

func TestAShowerIsExact(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(47, 48))
		var ws Workspace
		tried, showed, fired := 0, 0, uint64(0)
		for range rounds(300) {
			l := newFirstLayer(r)
			out := l.window.Out
			pool, ok := NewWindow(out, 2, 2, 2, 2, false, out.C)
			if !ok {
				continue
			}
			c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			n := LIF{Decay: 1, Threshold: .1 + r.Float32(), ResetToZero: r.IntN(2) == 0}
			if r.IntN(2) == 0 {
				n.Decay = r.Float32()
			}
			start, most := n.Threshold*(r.Float32()-.3), 1+r.IntN(30)
			tried++
			s := c.Shower(n, start, most, pool)
			if s == nil {
				continue
			}
			showed++
			if s.For(most + 1) {
				t.Fatal("it is for more steps than it was made for")
			}
			for _, steps := range []int{most, 1 + r.IntN(most)} {
				want, wantSpikes := l.shown(c, n, start, steps, pool)
				got, spikes := make([]uint8, len(want)), uint64(0)
				for y := 0; y < out.H; y += 2 {
					spikes += s.Rows(got, l.src, y, steps, &ws)
				}
				if spikes != wantSpikes || string(got) != string(want) {
					t.Fatalf("%+v, %d of %d steps, %+v: %d spikes, want %d, or other maps", l.window, steps, most, n, spikes, wantSpikes)
				}
				fired += spikes
			}
		}
		if tier.Name() == "avx512vnni" && hasDriver && (showed < tried/2 || fired < 1000) {
			t.Errorf("%d of %d layers were shown, with %d spikes", showed, tried, fired)
		}
	})
}

// TestSilentIsTheHighestCurrentWithoutASpike looks at it and at the next number.
func TestSilentIsTheHighestCurrentWithoutASpike(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{6, 14, 1}, 5, 5, 1, 1, false, 40)
		pool, _ := NewWindow(w.Out, 2, 2, 2, 2, false, w.Out.C)
		r := rand.New(rand.NewPCG(49, 50))
		fires := func(n LIF, start, current float32, steps int) bool {
			v, counts, spikes := []float32{start}, make([]uint8, 1), uint64(0)
			for range steps {
				spikes += tier.LIF(n, counts, v, []float32{current})
			}
			return spikes > 0
		}
		for range rounds(60) {
			n, steps := LIF{Decay: 1, Threshold: .1 + r.Float32()}, 1+r.IntN(20)
			if r.IntN(2) == 0 {
				n.Decay = r.Float32()
			}
			start := n.Threshold * (r.Float32() - .5)
			var edge float32 // by halving
			for low, high := float32(-10), float32(10); ; {
				if edge = low + (high-low)/2; edge == low || edge == high {
					edge = low
					break
				}
				if fires(n, start, edge, steps) {
					high = edge
				} else {
					low = edge
				}
			}
			for _, current := range []float32{edge, math.Nextafter32(edge, 10)} {
				l := newLayer(r, w)
				for o := range l.bias { // whatever the input, which is even: the bounds meet it
					l.scale[o], l.bias[o] = 0, current
				}
				c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
				if err != nil {
					t.Fatal(err)
				}
				s := c.Shower(n, start, steps, pool)
				if s == nil {
					if tier.Name() == "avx512vnni" && hasDriver {
						t.Fatal("the neurons are not shown their currents")
					}
					t.Skip("this tier shows neurons nothing")
				}
				want, wantSpikes := l.shown(c, n, start, steps, pool)
				got := make([]uint8, len(want))
				if spikes := s.Rows(got, l.src, 0, steps, new(Workspace)); spikes != wantSpikes || string(got) != string(want) {
					t.Fatalf("%+v from %v in %v for %d steps: %d spikes, want %d", n, start, current, steps, spikes, wantSpikes)
				}
			}
		}
	})
}

// TestADriverWakesForTheLeastCurrent goes along pictures of one grey, whose sums the bounds meet exactly, at the last without a current and the
// first with one.
func TestADriverWakesForTheLeastCurrent(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{6, 14, 1}, 5, 5, 1, 1, false, 40)
		pool, _ := NewWindow(w.Out, 2, 2, 2, 2, false, w.Out.C)
		start := make([]float32, w.Out.W*w.Out.C)
		for i := range start {
			start[i] = 1 - 0x1p-24 // any current makes it spike
		}
		for _, sign := range []float32{1, -1} {
			l := newLayer(rand.New(rand.NewPCG(45, 46)), w)
			for level := range 255 {
				for i := range l.src {
					l.src[i] = uint8(level)
				}
				for o := range l.scale {
					sum := 0
					for i := o; i < len(l.weights); i += len(l.scale) {
						sum += level * int(l.weights[i])
					}
					// Channel by channel a current of -1, 0 and 1 times the scale at this level.
					l.scale[o] = sign * 0x1p-14
					l.bias[o] = float32(o%3-1)*0x1p-14 - float32(sum)*l.scale[o]
				}
				c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
				if err != nil {
					t.Fatal(err)
				}
				d := c.Driver(1, start, pool)
				if d == nil {
					t.Skip("this tier drives no neurons")
				}
				got := make([]uint8, pool.Out.Len())
				d.Row(got, l.src, 0, new(Workspace))
				for i, n := range got {
					if want := uint8(i % w.Out.C % 3 / 2); n != want {
						t.Fatalf("level %d: channel %d sends %d, want %d", level, i%w.Out.C, n, want)
					}
				}
			}
		}
	})
}

// TestADriverRefusesWhatItCannotDoExactly is of what would make other spikes than by currents.
func TestADriverRefusesWhatItCannotDoExactly(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		w, _ := NewWindow(Shape{12, 20, 1}, 5, 5, 1, 1, false, 24)
		pool, _ := NewWindow(w.Out, 2, 2, 2, 2, false, w.Out.C)
		nan, infinite := float32(math.NaN()), float32(math.Inf(1))
		try := func(change func(l *layer, start []float32, dt *float32, pool *Window)) *Driver {
			l := newLayer(rand.New(rand.NewPCG(43, 44)), w)
			for o := range l.scale {
				l.scale[o], l.bias[o] = 1e-5, 0
			}
			start, dt, pool := make([]float32, w.Out.W*w.Out.C), float32(1), pool
			change(&l, start, &dt, &pool)
			c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			return c.Driver(dt, start, pool)
		}
		if try(func(*layer, []float32, *float32, *Window) {}) == nil {
			t.Skip("this tier drives no neurons")
		}
		for name, change := range map[string]func(l *layer, start []float32, dt *float32, pool *Window){
			"a start of 1":         func(_ *layer, start []float32, _ *float32, _ *Window) { start[7] = 1 },
			"a start below 0":      func(_ *layer, start []float32, _ *float32, _ *Window) { start[7] = -1e-3 },
			"a start not a number": func(_ *layer, start []float32, _ *float32, _ *Window) { start[7] = nan },
			"too many spikes":      func(l *layer, _ []float32, _ *float32, _ *Window) { l.bias[3] = 300 },
			"a step backwards":     func(_ *layer, _ []float32, dt *float32, _ *Window) { *dt = -1 },
			"too long a step":      func(_ *layer, _ []float32, dt *float32, _ *Window) { *dt = 1000 },
			"a step not a number":  func(_ *layer, _ []float32, dt *float32, _ *Window) { *dt = nan },
			"a bias not a number":  func(l *layer, _ []float32, _ *float32, _ *Window) { l.bias[3] = nan },
			"an infinite scale":    func(l *layer, _ []float32, _ *float32, _ *Window) { l.scale[3] = infinite },
			"another pooling":      func(_ *layer, _ []float32, _ *float32, p *Window) { p.KW = 3 },
		} {
			if try(change) != nil {
				t.Errorf("%s: driven", name)
			}
		}
	})
}
