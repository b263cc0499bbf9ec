//go:build !purego

package lumajpeg

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spikeray/spikeray/internal/dct"
	"golang.org/x/sys/cpu"
)

func energy(b *block) (sum int) {
	for _, c := range b.coefficient {
		sum += int(c) * int(c)
	}
	return sum
}

// loudest scales a pattern to a block of the largest energy there can be.
func loudest(pattern *[64]float64) *block {
	sum := 0.0
	for _, p := range pattern {
		sum += p * p
	}
	b := &block{last: 63}
	for gain := math.Sqrt(maxEnergy / sum); ; gain *= 0.9999 {
		for i, p := range pattern {
			b.coefficient[i] = int16(math.Round(gain * p))
		}
		if energy(b) <= maxEnergy {
			return b
		}
	}
}

// cosine holds the 8 values whose transform is one sample, at x, and zeros.
func cosine(x int) (pattern [8]float64) {
	for k := range pattern {
		pattern[k] = math.Cos(float64(2*x+1) * float64(k) * math.Pi / 16)
	}
	pattern[0] /= math.Sqrt2
	return pattern
}

// TestAVX2IsGeneric holds the assembly against the generic transforms, which define it.
func TestAVX2IsGeneric(t *testing.T) {
	if !cpu.X86.HasAVX2 {
		t.Skip("no AVX2 here")
	}
	const stride = 11
	scaled := func(what string, b *block, by *steps, mayBeLoud bool) {
		t.Helper()
		for _, pair := range []struct {
			size         int
			generic, got transform
		}{{8, genericTransforms[1], transform8AVX2}, {4, genericTransforms[2], transform4AVX2}} {
			// Rows apart show what is written beside them.
			var want, got [8 * stride]byte
			n := (pair.size-1)*stride + pair.size
			one, other := *b, *b
			loud := pair.generic(want[:n], stride, &one, by)
			if loud && !mayBeLoud {
				t.Fatalf("%s: energy %d", what, energy(b))
			}
			if pair.got(got[:n], stride, &other, by) != loud || !bytes.Equal(got[:], want[:]) {
				t.Fatalf("%s, size %d: %v of %v times %v, want %v and that it is loud %v", what, pair.size, got, *b, *by, want, loud)
			}
		}
	}
	quiet := 0
	beside := func(what string, b *block, by *steps) {
		if quickBeside == nil {
			return
		}
		t.Helper()
		fainter := *b
		for i := range fainter.coefficient {
			fainter.coefficient[i] /= 4
		}
		for _, pair := range [][2]block{{*b, fainter}, {fainter, *b}} {
			const stride = 2*8 + 3
			var want, got [8 * stride]byte
			left, right := pair[0], pair[1]
			ok := quickBeside(got[:7*stride+16], stride, &left, &right, by)
			loud := genericTransforms[1](want[:], stride, &left, by)
			loud = genericTransforms[1](want[8:], stride, &right, by) || loud
			if ok {
				quiet++
			}
			if together := energy(&left) + energy(&right); ok != (!loud && together <= maxEnergy) || ok && !bytes.Equal(got[:], want[:]) {
				t.Fatalf("%s: %v, %v of two blocks %v times %v, want %v", what, ok, got, pair, *by, want)
			}
		}
	}
	same := func(what string, b *block) { t.Helper(); scaled(what, b, &ones, false) }

	random := rand.New(rand.NewPCG(3, 4))
	for range 150_000 {
		// From faint to the loudest, from few coefficients to all.
		var pattern [64]float64
		b := &block{last: random.IntN(64)}
		for k := range b.last + 1 {
			pattern[dct.Zigzag[k]] = random.NormFloat64()
		}
		gain := math.Exp(-8 * random.Float64())
		for i, c := range loudest(&pattern).coefficient {
			b.coefficient[i] = int16(float64(c) * gain)
		}
		same("random", b)
	}
	for range 50_000 {
		// One column, as loud in one sample between the passes as can be, or one sample at the end.
		var pattern [64]float64
		column, row := cosine(random.IntN(8)), cosine(random.IntN(8))
		only := random.IntN(16)
		for i := range pattern {
			switch sign := float64(1 - 2*random.IntN(2)); {
			case only >= 8:
				pattern[i] = column[i/8] * row[i%8]
			case i%8 == only:
				pattern[i] = column[i/8]
				if random.IntN(8) == 0 {
					pattern[i] *= sign
				}
			}
		}
		if random.IntN(2) == 0 {
			for i := range pattern {
				pattern[i] = -pattern[i]
			}
		}
		b := loudest(&pattern)
		for i := range b.coefficient {
			// Rounding of all kinds.
			if c := &b.coefficient[i]; *c != 0 {
				*c -= *c / 1000 * int16(random.IntN(3))
			}
		}
		same("cosine", b)
	}
	for place := range 64 {
		for c := -2709; c <= 2709; c++ {
			b := &block{last: 63}
			b.coefficient[place] = int16(c)
			same("single", b)
			if b.last = 0; place == 0 {
				same("mean", b)
			}
		}
	}
	for range 200_000 {
		// Any coefficients by any steps, from faint to beyond what a product of 16 bits holds, and just as loud as may be.
		var pattern [64]float64
		var by steps
		b := &block{last: random.IntN(64)}
		most := 1 << (1 + random.IntN(16))
		for k := range b.last + 1 {
			pattern[dct.Zigzag[k]] = random.NormFloat64()
		}
		edge := loudest(&pattern)
		for i := range by {
			by[i] = uint16(1 + random.IntN(most-1))
			b.coefficient[i] = edge.coefficient[i] / int16(min(by[i], math.MaxInt16))
			if random.IntN(64) == 0 && dct.Zigzag[b.last] >= uint8(i) && edge.coefficient[i] != 0 {
				b.coefficient[i] = int16(random.Uint32())
			}
		}
		scaled("steps", b, &by, true)
		beside("steps", b, &by)
	}
	for place := range 64 {
		for _, c := range []int16{math.MinInt16, -2710, -2709, -1, 1, 2709, 2710, math.MaxInt16} {
			for _, step := range []uint16{0, 1, 2, 24, 0x7fff, 0x8000, math.MaxUint16} {
				by, b := ones, &block{last: 63}
				by[place], b.coefficient[place] = step, c
				scaled("single step", b, &by, true)
				beside("single step", b, &by)
			}
		}
	}
	if quickBeside != nil && quiet < 1000 {
		t.Errorf("two blocks at once were transformed %d times", quiet)
	}
}

func BenchmarkTransform(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	blk := block{last: 20}
	for k := range blk.last + 1 {
		blk.coefficient[dct.Zigzag[k]] = int16(random.IntN(80) - 40)
	}
	var dst [64]byte
	before := blk
	for _, v := range []struct {
		name string
		f    transform
	}{{"size=8/generic", genericTransforms[1]}, {"size=8/chosen", quickTransforms[1]}, {"size=4/generic", genericTransforms[2]}, {"size=4/chosen", quickTransforms[2]}} {
		b.Run(v.name, func(b *testing.B) {
			for b.Loop() {
				blk = before
				v.f(dst[:], 8, &blk, &ones)
			}
		})
	}
}
