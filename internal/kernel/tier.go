package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// Env is the environment variable that chooses a tier: one of Available.
const Env = "SPIKERAY_KERNEL"

// ErrTier is wrapped by the errors of Select.
var ErrTier = errors.New("kernel: no such processor tier here")

// tier is the arithmetic for one kind of processor.
type tier struct {
	name        string
	packInt8    func(c *Int8Conv, weights []int8) int8Rows
	packFloat32 func(c *Float32Conv, weights []float32) float32Rows
	nonzero     func(counts []uint8) uint64
	spikingReLU func(counts []uint8, v, x []float32, dt float32) (spikes, clipped uint64) // all of one length
	lif         func(p LIF, counts []uint8, v, x []float32) (spikes uint64)               // likewise
	graded      func(p Graded, counts []uint8, v, x []float32) (spikes uint64)            // likewise
	relu        func(x []float32)

	maxPool2x2      func(dst, src []uint8, w Window)
	maxPoolFloat2x2 func(dst, src []float32, w Window)
}

// plain is the tier that defines the answers.
var plain = tier{
	name:        "generic",
	packInt8:    packInt8Plain,
	packFloat32: packFloat32Plain,
	nonzero:     nonzeroPlain,
	spikingReLU: spikingReLUPlain,
	lif:         lifPlain,
	graded:      gradedPlain,
	relu:        reluPlain,

	maxPool2x2:      maxPoolPlain[uint8],
	maxPoolFloat2x2: maxPoolPlain[float32],
}

var current atomic.Pointer[tier]

func init() {
	if Select(os.Getenv(Env)) != nil {
		_ = Select("") // a server that asks again with Select has the error to print
	}
}

// Tier is the name of the tier in use.
func Tier() string { return current.Load().name }

// Plain says that everything is to be computed in plain Go: assembly of other packages heeds it too.
func Plain() bool { return current.Load() == &plain }

// Available lists the tiers that this processor and its system can run, the fastest first; "generic" is always there.
func Available() []string {
	var names []string
	for _, t := range tiers() {
		names = append(names, t.name)
	}
	return names
}

// Select sets the tier by name, or the fastest one with "". What was built before, an Int8Conv say, keeps its tier, so
// this belongs before anything is built. The program starts with what the variable Env names, and with the fastest
// if that is not there: a server should give its value to Select and print the error, which wraps ErrTier.
func Select(name string) error {
	for _, t := range tiers() {
		if name == "" || name == t.name {
			current.Store(t)
			return nil
		}
	}
	return fmt.Errorf("%w: %q; there are %s", ErrTier, name, strings.Join(Available(), ", "))
}
