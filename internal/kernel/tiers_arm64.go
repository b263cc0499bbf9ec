//go:build !purego

package kernel

import (
	"math"

	"golang.org/x/sys/cpu"
)

//go:generate go run -C asm .

// neon is for processors with SDOT: those of Armv8.4, and most of 8.2. What it has no assembly for is plain Go.
var neon = func() tier {
	t := generic
	t.name, t.packInt8, t.graded = "neon", packInt8NEON, gradedTierNEON
	return t
}()

// tiers are those that the processor has.
func tiers() []*tier {
	if cpu.ARM64.HasASIMDDP {
		return []*tier{&neon, &generic}
	}
	return []*tier{&generic}
}

// maxNeuronsNEON is how many neurons a call of the assembly may take: their spikes are summed in 32 bits.
const maxNeuronsNEON = 1 << 24

func gradedTierNEON(p Graded, counts []uint8, v, x []float32) (spikes uint64) {
	for n := min(len(x), maxNeuronsNEON) &^ 15; n > 0; n = min(len(x), maxNeuronsNEON) &^ 15 {
		spikes += gradedNEON(&counts[0], &v[0], &x[0], n, uint64(math.Float32bits(p.Decay)), uint64(math.Float32bits(float32(p.Most))))
		counts, v, x = counts[n:], v[n:], x[n:]
	}
	return spikes + gradedGeneric(p, counts, v, x)
}
