package kernel

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTier is wrapped by the errors of Named.
var ErrTier = errors.New("kernel: no such processor tier here")

// Tier is the arithmetic for one kind of processor: [Preferred], [Named] and [Generic] give one. Layers and steps that it
// computes are its methods. Two are equal if they are of one name. The zero value is none, and must not be used.
type Tier struct{ *tier }

// tier is what a Tier is made of.
type tier struct {
	name        string
	packInt8    func(c *Int8Conv, weights []int8) int8Rows
	packFloat32 func(c *Float32Conv, weights []float32) float32Rows
	accumulate  accumulation
	nonzero     func(counts []uint8) uint64
	spikingReLU func(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) // all of one length
	lif         func(p LIF, counts []uint8, v, x []float32) (spikes uint64)               // likewise
	graded      func(p Graded, counts []uint8, v, x []float32) (spikes uint64)            // likewise
	relu        func(x []float32)

	maxPool2x2      func(dst, src []uint8, w Window)
	maxPoolFloat2x2 func(dst, src []float32, w Window)

	greys greys
}

// generic is the tier that defines the answers.
var generic = tier{
	name:        "generic",
	packInt8:    packInt8Generic,
	packFloat32: packFloat32Generic,
	accumulate:  accumulateGeneric,
	nonzero:     nonzeroGeneric,
	spikingReLU: spikingReLUGeneric,
	lif:         lifGeneric,
	graded:      gradedGeneric,
	relu:        reluGeneric,

	maxPool2x2:      maxPoolGeneric[uint8],
	maxPoolFloat2x2: maxPoolGeneric[float32],

	greys: greysGeneric,
}

// Preferred is the first of [Available].
func Preferred() Tier { return Tier{tiers()[0]} }

// Generic is plain Go, which every processor runs and which defines the answers.
func Generic() Tier { return Tier{&generic} }

// Named returns the tier with a name, one of [Available], or the preferred one for "". The error wraps ErrTier and lists the names.
func Named(name string) (Tier, error) {
	for _, t := range tiers() {
		if name == "" || name == t.name {
			return Tier{t}, nil
		}
	}
	return Tier{}, fmt.Errorf("%w: %q, must be one of %s", ErrTier, name, strings.Join(Available(), ", "))
}

// Name is short and stable: "generic", "neon", "avx2", "avx512bw", "avx512vnni".
func (t Tier) Name() string { return t.name }

// Available lists the tiers that this processor and its operating system can run, the preferred one first; "generic" always can.
func Available() []string {
	var names []string
	for _, t := range tiers() {
		names = append(names, t.name)
	}
	return names
}
