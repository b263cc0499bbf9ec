package resample

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTapsGiveTheGenericPixels(t *testing.T) {
	if !hasTaps {
		t.Skip("no processor tier for it here")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	used, wideUsed, digitsUsed := 0, 0, 0
	for range 3000 {
		m := 4 * (1 + rng.IntN(60))
		n := m + rng.IntN(12*m)
		if rng.IntN(3) == 0 {
			m = 16 * (1 + rng.IntN(20))
			n = m + rng.IntN(3*m)
		}
		extent := float64(n) - rng.Float64()*0.9
		if extent < float64(m) {
			extent = float64(n)
		}
		var fast axis
		fast.compute(n, m, extent, true)
		if fast.taps.blocks == 0 {
			continue
		}
		used++
		for j, at := range fast.taps.first {
			if at < 0 || int(at)+8*fast.taps.blocks > n {
				t.Fatalf("%d of %v to %d: pixel %d reads %d to %d", n, extent, m, j, at, int(at)+8*fast.taps.blocks)
			}
		}
		two := fast
		two.wide.blocks = 0
		eight := two
		eight.digits.pieces = 0
		generic := eight
		generic.taps.blocks = 0
		row := make([]uint8, n)
		for i := range row {
			if row[i] = uint8(rng.IntN(256)); rng.IntN(4) == 0 {
				row[i] = 255
			}
		}
		got, want := make([]uint8, m), make([]uint8, m)
		fast.row8(got, row)
		generic.row8(want, row)
		if !bytes.Equal(got, want) {
			t.Fatalf("%d of %v to %d: %v, generic %v", n, extent, m, got, want)
		}
		if eight.row8(got, row); !bytes.Equal(got, want) {
			t.Fatalf("%d of %v to %d, eight weights at a time: %v, generic %v", n, extent, m, got, want)
		}
		if fast.digits.pieces > 0 {
			digitsUsed++
			for _, at := range fast.digits.first {
				if at < 0 || int(at)+digitsPiece*fast.digits.pieces > n {
					t.Fatalf("%d of %v to %d: reads %d to %d", n, extent, m, at, int(at)+digitsPiece*fast.digits.pieces)
				}
			}
			if two.row8(got, row); !bytes.Equal(got, want) {
				t.Fatalf("%d of %v to %d, two windows at a time: %v, generic %v", n, extent, m, got, want)
			}
		}
		if fast.wide.blocks > 0 {
			wideUsed++
			for _, at := range fast.wide.first {
				if at < 0 || int(at)+wideReach > n {
					t.Fatalf("%d of %v to %d: reads %d to %d", n, extent, m, at, int(at)+wideReach)
				}
			}
		}
	}
	if used < 1000 || hasDigits && digitsUsed < 500 || hasWide && wideUsed < 50 {
		t.Errorf("only %d rows were compared, %d of them two windows at a time and %d sixteen pixels", used, digitsUsed, wideUsed)
	}
}

func TestDigitsMakeUpTheWeight(t *testing.T) {
	for weight := int32(0); weight <= 1<<fractionBits; weight++ {
		d := digitsOf(weight)
		if int32(d[0])+int32(d[1])<<8+int32(d[2])<<16 != weight {
			t.Fatalf("%d has the digits %v", weight, d)
		}
	}
}

func TestAddedRowsAreTheGenericSums(t *testing.T) {
	s := scratch{assembly: hasTaps}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		row := make([]uint8, rng.IntN(80))
		sums, want := make([]uint64, len(row)+1), make([]uint64, len(row)+1)
		for i := range row {
			row[i] = uint8(rng.Uint32())
			sums[i] = uint64(rng.Uint32()>>2)<<32 | uint64(rng.Uint32()>>2)
		}
		weight := uint64(rng.IntN(1<<fractionBits+1))<<32 | uint64(rng.IntN(1<<fractionBits+1))
		copy(want, sums)
		for i, v := range row {
			want[i] += uint64(v) * weight
		}
		if s.addRow8(sums[:len(row)], row, weight); !slices.Equal(sums, want) {
			t.Fatalf("%d pixels: %x, generic %x", len(row), sums, want)
		}
		// Up to a level or two more than white.
		for i := range sums {
			sums[i] = rng.Uint64()&^(1<<32-1) | uint64(rng.IntN(257<<fractionBits))
		}
		copy(want, sums)
		s.takeRow8(row, sums)
		for i, v := range row {
			if v != round8(want[i]) {
				t.Fatalf("%d pixels: %d is %d, generic %d", len(row), i, v, round8(want[i]))
			}
			if want[i] >>= 32; sums[i] != want[i] {
				t.Fatalf("%d pixels: %#x is left of %d, generic %#x", len(row), sums[i], i, want[i])
			}
		}
	}
}

// TestGenericMakesAllPixels: what was laid out for the assembly before is not used, and the pixels are the same.
func TestGenericMakesAllPixels(t *testing.T) {
	var s scratch
	picture, _ := within(t, draw(400*300, 5), 400, 300)
	rows, err := newRaster(picture.Pix, picture.Stride, picture.Rect, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, want := make([]uint8, 100*100), make([]uint8, 100*100)
	s.resize(Resizer{}, want, 100, 100, rows, 400, 300)
	if s.assembly != hasTaps || (s.across.taps.blocks > 0) != hasTaps {
		t.Errorf("assembly is used: %v, and there: %v", s.assembly, hasTaps)
	}
	s.resize(Resizer{Generic: true}, got, 100, 100, rows, 400, 300)
	if s.assembly || s.across.taps.blocks > 0 || s.down.taps.blocks > 0 {
		t.Error("assembly is used though plain Go was asked for")
	}
	if !bytes.Equal(got, want) {
		t.Error("plain Go makes other pixels")
	}
}

// TestTheFiltersOfTwoTargetsAreKept: a picture is resized for the gate and for the network in turn.
func TestTheFiltersOfTwoTargetsAreKept(t *testing.T) {
	var s scratch
	picture, _ := within(t, draw(40*30, 6), 40, 30)
	rows, err := newRaster(picture.Pix, picture.Stride, picture.Rect, 1)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]uint8, 16*16)
	resize := func(side int) *axes {
		s.resize(Resizer{}, dst[:side*side], side, side, rows, 40, 30)
		if s.across.m != side || s.down.m != side {
			t.Fatalf("the filters are for %d x %d, want %d", s.across.m, s.down.m, side)
		}
		return s.axes
	}
	small, large := resize(8), resize(16)
	if small == large || resize(8) != small || resize(8) != small || resize(16) != large {
		t.Error("the filters of one target take the other's place")
	}
	if resize(4) != small || resize(16) != large {
		t.Error("a third target did not take the place of the one that was asked for before the last")
	}
}
