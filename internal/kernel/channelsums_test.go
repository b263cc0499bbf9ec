package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestChannelSumsAreThoseOfALoop(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for range 300 {
		c, places := 1+r.IntN(40), r.IntN(600)
		counts := make([]uint8, c*places)
		most := 1 + r.IntN(256)
		for i := range counts {
			counts[i] = uint8(255 - r.IntN(most))
		}
		got, want := make([]uint32, c), make([]uint32, c)
		got[0], want[0] = 7, 7
		for i, n := range counts {
			want[i%c] += uint32(n)
		}
		if ChannelSums(got, counts); !slices.Equal(got, want) {
			t.Fatalf("%d places of %d channels: %d, want %d", places, c, got, want)
		}
	}
}
