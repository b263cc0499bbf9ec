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
			if r.IntN(6) == 0 {
				c.rows.(*vnniInt8).ways.pictures.Store(0) // a trial again
			}
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
	if ways["lists"] < rounds(50) || ways["events"] < rounds(8) {
		t.Errorf("ways that were taken: %v", ways)
	}
	t.Log(ways)
}

// hasLists says that the processor has a tier that lists groups.
func (t Tier) hasLists() bool { return t.name == avx512vnni.name && hasBytes }

// TestListsStaySmall is of windows that make many more lists than there are inputs.
func TestListsStaySmall(t *testing.T) {
	if !Preferred().hasLists() {
		t.Skip("this processor has no lists of groups")
	}
	for _, l := range []struct {
		in           Shape
		kh, kw, size int
	}{{Shape{1, 1024, 64}, 31, 31, 64}, {Shape{1, 1024, 16}, 31, 3, 64}, {Shape{40, 40, 64}, 3, 3, 40}, {Shape{48, 48, 100}, 3, 3, 8}} {
		w, _ := NewWindow(l.in, l.kh, l.kw, 1, 1, true, 1)
		c, err := Tier{&avx512vnni}.NewInt8Conv(w, make([]int8, l.kh*l.kw*l.in.C), []float32{1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		maps, r := make([]uint8, l.size*l.in.Len()), rand.New(rand.NewPCG(53, 54))
		for i := range maps {
			if r.IntN(10) == 0 {
				maps[i] = 1
			}
		}
		var lists listedSteps
		p := c.rows.(*vnniInt8)
		lists.open(p, maps, l.size)
		size := 0
		for _, m := range lists.kept.maps {
			size += cap(m.counts) + 2*cap(m.lists.lists)
		}
		if size > maxListed {
			t.Errorf("%v, %d steps: %d bytes", l.in, l.size, size)
		}
		var ws Workspace
		p.withoutSilent(maps[:l.in.Len()], &ws)
		for _, m := range ws.kept.(*vnniKept).maps {
			if lists := 2 * cap(m.lists.lists); lists > 2*l.in.Len()+4096 {
				t.Errorf("%v: %d bytes of lists of one map", l.in, lists)
			}
		}
	}
}

// TestTheWayOfFewerMultiplicationsIsTaken has groups that fire together at single pixels, which make few events and many lists, and channels of
// which one in eight fires at most pixels, which make many events and few lists.
func TestTheWayOfFewerMultiplicationsIsTaken(t *testing.T) {
	if !Preferred().hasLists() {
		t.Skip("this processor has no lists of groups")
	}
	w, _ := NewWindow(Shape{16, 24, 64}, 3, 3, 1, 1, true, 64)
	r := rand.New(rand.NewPCG(55, 56))
	together, apart, rarer := make([]uint8, 2*w.In.Len()), make([]uint8, 2*w.In.Len()), make([]uint8, w.In.Len())
	for i := range together {
		if i%4 > 0 && together[i-1] > 0 || i%4 == 0 && r.IntN(10) == 0 {
			together[i] = 1
		}
		if i%8 == 0 && r.IntN(10) < 8 {
			apart[i] = 1
		}
		if i < len(rarer) && i%8 == 0 && r.IntN(10) < 2 {
			rarer[i] = 1 // lists would be better if an event of one step were as much work as one of two
		}
	}
	for _, try := range []struct {
		maps  []uint8
		steps int
		lists bool
	}{{together, 2, false}, {apart, 2, true}, {together, 1, false}, {rarer, 1, false}} {
		c, err := Tier{&avx512vnni}.NewInt8Conv(w, make([]int8, 9*64*64), make([]float32, 64), nil)
		if err != nil {
			t.Fatal(err)
		}
		var s Int8Steps
		for range 3 { // two trials, and what comes of them
			if _, few := s.Open(c, try.maps[:try.steps*w.In.Len()], try.steps); !few {
				t.Fatal("step by step")
			}
			if _, lists := s.events.(*listedSteps); lists != try.lists {
				t.Errorf("%d steps, lists: %v, want %v", try.steps, lists, try.lists)
			}
		}
	}
}
