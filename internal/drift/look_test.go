package drift

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spikeray/spikeray/internal/kernel"
)

// same says that two looks are of the same bits, or no numbers in the same places.
func same(a, b Look) bool {
	for k := range a.Detail {
		if math.Float64bits(a.Detail[k]) != math.Float64bits(b.Detail[k]) && !(math.IsNaN(a.Detail[k]) && math.IsNaN(b.Detail[k])) {
			return false
		}
	}
	a.Detail, b.Detail = [4]float64{}, [4]float64{}
	return a == b
}

// TestDetailIsOfDeviationsFromTheMeansOfSquares computes it by its definition, square by square, for sizes that squares do not fill as well.
func TestDetailIsOfDeviationsFromTheMeansOfSquares(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		width, height := 1+r.IntN(150), 1+r.IntN(150)
		picture := make([]uint8, width*height)
		level := make([]int64, width*height)
		for i := range picture {
			picture[i] = uint8(r.IntN(256))
			level[i] = int64(picture[i])
		}
		look := Measure(kernel.Preferred(), picture, width, height)
		if plain := Measure(kernel.Generic(), picture, width, height); !same(look, plain) {
			t.Fatalf("%dx%d: %+v, in plain Go %+v", width, height, look, plain)
		}
		got := look.Detail
		for k := range got {
			w, h := width/2, height/2
			next, deviation := make([]int64, w*h), int64(0) // 16 times the sum of squared deviations, in elements of this level
			for y := range h {
				for x := range w {
					at := 2*y*width + 2*x
					square := [4]int64{level[at], level[at+1], level[at+width], level[at+width+1]}
					sum := square[0] + square[1] + square[2] + square[3]
					for _, v := range square {
						deviation += (4*v - sum) * (4*v - sum)
					}
					next[y*w+x] = sum
				}
			}
			want := math.NaN()
			if w*h > 0 {
				want = math.Log2(math.Sqrt(float64(deviation)/(64*float64(w*h)))/float64(int(1)<<(2*k)) + 1.0/256)
			}
			if got[k] != want && !(math.IsNaN(got[k]) && math.IsNaN(want)) && math.Abs(got[k]-want) > 1e-12 {
				t.Fatalf("%dx%d, %d: %v, want %v", width, height, k, got[k], want)
			}
			level, width, height = next, w, h
		}
	}
}
