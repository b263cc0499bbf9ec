package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded is memory for n elements right before a page that must not be touched.
func guarded[T float32 | uint8 | int32](t *testing.T, n int) []T {
	t.Helper()
	page, size := syscall.Getpagesize(), n*int(unsafe.Sizeof(*new(T)))
	whole := (size + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, whole+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	if err := syscall.Mprotect(mem[whole:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[whole-size])), n)
}

func guardedCopy[T float32 | uint8 | int32](t *testing.T, from []T) []T {
	to := guarded[T](t, len(from))
	copy(to, from)
	return to
}

// TestNothingIsTouchedBeyondTheSlices would die of a signal.
func TestNothingIsTouchedBeyondTheSlices(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(15, 16))
		opened, drove := 0, 0
		for range 40 {
			l := newLayer(r, randomWindow(r))
			w := l.window
			c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			src, dst := guardedCopy(t, l.src), guarded[float32](t, w.Out.W*w.Out.C)
			var ws Workspace
			for y := range w.Out.H {
				c.Row(dst, src, y, &ws)
			}
			l.silence(r, 500)
			loud, few := c.WithoutSilent(guardedCopy(t, l.src), &ws)
			l.rows(loud, few, &ws)

			sums, inputs := 1+r.IntN(300), 1+r.IntN(9)
			tier.accumulate(guarded[float32](t, sums), guarded[float32](t, inputs), guarded[float32](t, inputs*sums))

			pixels := guarded[uint8](t, 2*(1+r.IntN(300)))
			tier.Ranks(pixels, 1, len(pixels))
			tier.Moments(pixels)
			tier.Translate(guarded[uint8](t, len(pixels)), pixels, new([256]uint8))
			tier.HalveBytes(guarded[int32](t, len(pixels)/2), pixels, pixels)
			tier.HalveSums(guarded[int32](t, len(pixels)/2), guarded[int32](t, len(pixels)), guarded[int32](t, len(pixels)))

			f1 := newFirstLayer(r)
			first, err := tier.NewInt8Conv(f1.window, f1.weights, f1.scale, f1.bias)
			if err != nil {
				t.Fatal(err)
			}
			out := f1.window.Out
			if pool, ok := NewWindow(out, 2, 2, 2, 2, false, out.C); ok {
				if d := first.Driver(1, make([]float32, out.W*out.C), pool); d != nil {
					drove++
					src, pooled := guardedCopy(t, f1.src), guarded[uint8](t, pool.Out.W*out.C)
					for y := 0; y < out.H; y += 2 {
						d.Row(pooled, src, y, &ws)
					}
				}
				if s := first.Shower(LIF{1, .5, false}, 0, 9, pool); s != nil {
					src, maps := guardedCopy(t, f1.src), guarded[uint8](t, 9*pool.Out.Len())
					for y := 0; y < out.H; y += 2 {
						s.Rows(maps, src, y, 9, &ws)
					}
				}
			}

			for n := 1; n <= 3; n++ {
				maps := guarded[uint8](t, n*w.In.Len())
				for i := range maps {
					if r.IntN(20) == 0 {
						maps[i] = uint8(r.IntN(128))
					}
				}
				var steps Int8Steps
				if _, few := steps.Open(c, maps, n); few {
					opened++
					currents := guarded[float32](t, n*len(dst))
					for y := range w.Out.H {
						steps.Rows(currents, y)
					}
					steps.Fire(guarded[uint8](t, n*w.Out.Len()), Graded{1, 15}, 0.5)
				}
			}

			f := newFloatLayer(r, w)
			floats, err := tier.NewFloat32Conv(w, f.weights, f.bias)
			if err != nil {
				t.Fatal(err)
			}
			values := guardedCopy(t, f.src)
			for y := range w.Out.H {
				floats.Row(dst, values, y, &ws)
			}

			p := randomPool(r)
			tier.MaxPool(guarded[uint8](t, p.Out.Len()), guarded[uint8](t, p.In.Len()), &p)
			tier.MaxPoolFloat32(guarded[float32](t, p.Out.Len()), guarded[float32](t, p.In.Len()), &p)

			n := r.IntN(200)
			counts, v, x := guarded[uint8](t, n), guarded[float32](t, n), guardedCopy(t, randomFloats(r, n, 300))
			tier.SpikingReLU(counts, v, x, 1)
			tier.LIF(LIF{0.5, 1, false}, counts, v, x)
			tier.LIF(LIF{0.5, 1, true}, counts, v, x)
			tier.Graded(Graded{0.5, 15}, counts, v, x)
			tier.Messages(counts, n, []int{1})
		}
		if tier.Name() != "generic" && opened < 20 {
			t.Errorf("only %d layers were computed from events", opened)
		}
		if tier.Name() == "avx512vnni" && hasDriver && drove < 10 {
			t.Errorf("only %d layers drove neurons", drove)
		}
	})
}
