//go:build !purego

package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestStepsByListsAreThoseByMaps goes through layers whose channels are active at unlike shares of the pixels, several inputs each: the
// first is tried both ways.
func TestStepsByListsAreThoseByMaps(t *testing.T) {
	if !Preferred().hasLists() {
		t.Skip("this processor has no lists of groups")
	}
	tier := Tier{&avx512vnni}
	r := rand.New(rand.NewPCG(51, 52))
	var s Int8Steps
	var ws Workspace
	ways := map[string]int{}
	for range rounds(60) {
		in := Shape{8 + r.IntN(12), 8 + r.IntN(24), 8 + r.IntN(150)}
		w, _ := NewWindow(in, 2+r.IntN(2), 2+r.IntN(2), 1+r.IntN(2), 1, r.IntN(2) == 0, 1+r.IntN(80))
		l := newLayer(r, w)
		c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			steps := 1 + r.IntN(5)
			var maps []uint8
			var want uint64
			fresh, loud := newLayer(r, w), 6+r.IntN(6)
			for range steps {
				for i := range fresh.src { // one channel in some fires at most places, the others hardly anywhere
					fresh.src[i] = 0
					if share := r.IntN(100); share < 1 || share < 70 && i%in.C%loud == 0 {
						fresh.src[i] = uint8(r.IntN(128))
					}
				}
				maps = append(maps, fresh.src...)
				for y, fan := range c.cover.rows {
					want += Generic().Messages(fresh.src[y*in.W*in.C:][:in.W*in.C], in.C, c.cover.columns) * uint64(fan)
				}
			}
			messages, few := s.Open(c, maps, steps)
			if !few {
				ways["dense"]++
				continue
			}
			if messages != want {
				t.Fatalf("%d messages, want %d", messages, want)
			}
			switch e := s.events.(type) {
			case *listedSteps:
				ways["lists"]++
				for t := range steps {
					if !e.kept.maps[t].listed {
						ways["dense maps among lists"]++
					}
				}
			case *opened512:
				ways["events"]++
			}
			n := w.Out.W * w.Out.C
			got := make([]float32, steps*n)
			for y := range w.Out.H {
				s.Rows(got, y)
				for step := range steps {
					row := make([]float32, n)
					c.Row(row, maps[step*in.Len():], y, &ws)
					sameBits(t, got[step*n:][:n], row)
				}
			}
		}
	}
	if ways["lists"] < rounds(50) || ways["events"] < rounds(20) {
		t.Errorf("ways that were taken: %v", ways)
	}
	t.Log(ways)
}

// hasLists says that the processor has a tier that lists groups.
func (t Tier) hasLists() bool { return t.name == avx512vnni.name && hasBytes }
