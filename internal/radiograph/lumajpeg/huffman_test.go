package lumajpeg

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestPairsGoOn holds of any table that a look that has a pair consumes bits and goes ahead in the block, so that decoding ends.
func TestPairsGoOn(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	h, whole, codes := new(huffman), 0, 0
	for range 300 {
		specification := make([]byte, 16, 16+256)
		// Codes of a few lengths, and often none that begins with many zeros and is short.
		for length, free := 0, 1; length < 16 && free > 1 || length == 0; length++ {
			free *= 2
			n := random.IntN(min(free, 12))
			specification[length] = byte(n)
			free -= n
			for range n {
				specification = append(specification, byte(random.IntN(16)<<4|random.IntN(11)))
			}
		}
		if !h.define(specification, true) {
			continue
		}
		codes++
		for i, p := range h.pairs {
			if p.first() == 0xff {
				continue
			}
			whole++
			if p.bits() == 0 || p.bits() > lookBits || p.advance() == 0 || p.second() < p.first() && p.advance() < endOfBlock {
				t.Fatalf("bits %012b of % x: pair %x", i, specification, uint64(p))
			}
		}
	}
	if codes < 100 || whole == 0 {
		t.Errorf("%d codes with %d pairs were tried", codes, whole)
	}
}

// TestPairsFollowEntries holds what the assembly takes for granted.
func TestPairsFollowEntries(t *testing.T) {
	var h huffman
	if apart := unsafe.Offsetof(h.pairs) - unsafe.Offsetof(h.look); apart != 4<<lookBits {
		t.Errorf("pairs are %d bytes behind the entries", apart)
	}
}
