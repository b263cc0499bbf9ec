package kernel

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomPicture has few greys or many.
func randomPicture(r *rand.Rand, n int) []uint8 {
	picture, low, more := make([]uint8, n), r.IntN(256), 0
	if r.IntN(4) > 0 {
		more = r.IntN(256 - low)
	}
	for i := range picture {
		picture[i] = uint8(low + r.IntN(more+1))
	}
	return picture
}

func TestRanksAreThoseOfSorting(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(71, 72))
		for range rounds(500) {
			picture := randomPicture(r, 1+r.IntN(400))
			sorted := slices.Sorted(slices.Values(picture))
			ranks := []int{1 + r.IntN(len(picture)), 1 + r.IntN(len(picture))}
			if r.IntN(4) == 0 {
				ranks = []int{1, len(picture)}
			}
			a, b := tier.Ranks(picture, ranks[0], ranks[1])
			for i, got := range []Rank{a, b} {
				grey := sorted[ranks[i]-1]
				below, _ := slices.BinarySearch(sorted, grey)
				at := len(sorted) - below
				if grey < 255 {
					above, _ := slices.BinarySearch(sorted, grey+1)
					at = above - below
				}
				if want := (Rank{grey, below, at}); got != want {
					t.Fatalf("rank %d of %v: %+v, want %+v", ranks[i], sorted, got, want)
				}
			}
		}
	})
}

func TestTranslationsAreOfTheTable(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(73, 74))
		for n := range 300 {
			var table [256]uint8
			for i := range table {
				table[i] = uint8(r.IntN(256))
			}
			src, got, want := randomPicture(r, n), make([]uint8, n+1), make([]uint8, n+1)
			for i, p := range src {
				want[i] = table[p]
			}
			if tier.Translate(got, src, &table); !bytes.Equal(got, want) {
				t.Fatalf("%v becomes %v, want %v", src, got, want)
			}
			if tier.Translate(src, src, &table); !bytes.Equal(src, want[:n]) {
				t.Fatalf("in place it becomes %v, want %v", src, want)
			}
		}
	})
}

// TestMomentsAndHalves has the brightest pictures, for which sums are largest, beside random ones.
func TestMomentsAndHalves(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(75, 76))
		for i := range rounds(300) {
			n := r.IntN(500)
			if i%50 == 0 {
				n = 1<<16 + r.IntN(100) // more than the assembly takes at once
			}
			upper, lower := randomPicture(r, 2*n), randomPicture(r, 2*n)
			if i%10 == 0 {
				for i := range upper {
					upper[i], lower[i] = 255, 255
				}
			}
			var sum, squares uint64
			for _, p := range upper {
				sum += uint64(p)
				squares += uint64(p) * uint64(p)
			}
			if gotSum, gotSquares := tier.Moments(upper); gotSum != sum || gotSquares != squares {
				t.Fatalf("%d pixels: sum %d and squares %d, want %d and %d", 2*n, gotSum, gotSquares, sum, squares)
			}
			to, want := make([]int32, n+1), make([]int32, n+1)
			squares = 0
			for k := range n {
				want[k] = int32(upper[2*k]) + int32(upper[2*k+1]) + int32(lower[2*k]) + int32(lower[2*k+1])
				squares += uint64(want[k]) * uint64(want[k])
			}
			if got := tier.HalveBytes(to[:n], upper, lower); got != squares || !slices.Equal(to, want) {
				t.Fatalf("%d squares: %v, sum of squares %d, want %v, %d", n, to, got, want, squares)
			}

			// Sums again, of as many pixels as may be, over their own beginning.
			sums, below := make([]int32, 2*n), make([]int32, 2*n)
			for k := range sums {
				sums[k], below[k] = int32(upper[k])*4096, int32(lower[k])*4096
			}
			for k := range n {
				want[k] *= 4096
			}
			squares *= 4096 * 4096
			if got := tier.HalveSums(sums[:n], sums, below); got != squares || !slices.Equal(sums[:n], want[:n]) {
				t.Fatalf("%d squares of sums: %v, sum of squares %d, want %v, %d", n, sums[:n], got, want[:n], squares)
			}
		}
		// All there can be at once.
		bright := bytes.Repeat([]byte{255}, 1<<20)
		if sum, squares := tier.Moments(bright); sum != 255<<20 || squares != 255*255<<20 {
			t.Errorf("a white picture: sum %d, squares %d", sum, squares)
		}
	})
}
