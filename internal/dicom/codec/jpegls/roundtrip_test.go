package jpegls

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// synthetic is a picture with noise, a gradient, flat areas and a few samples that are far off.
func synthetic(width, height, count, most int, noise float64, seed uint64) []uint16 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]uint16, 0, width*height*count)
	for y := range height {
		for x := range width {
			far := r.IntN(60) == 0
			for c := range count {
				s := float64(most)*(.1+.7*float64(x+y+2*c)/float64(width+height)) + noise*r.NormFloat64()
				switch {
				case y > height/2 && y < 2*height/3, x > width/2 && x < 3*width/4 && c != 1:
					s = float64(most / 3)
				case far:
					s = float64(most * r.IntN(2))
				}
				v = append(v, uint16(min(max(s, 0), float64(most))))
			}
		}
	}
	return v
}

// TestReferenceEncoder decodes what an encoder made by the text of the standard writes: parameters that no other encoder at
// hand has.
func TestReferenceEncoder(t *testing.T) {
	for i, e := range []encoder{
		{bits: 8, presets: &presets{maxval: 100}},
		{bits: 8, presets: &presets{maxval: 128}},
		{bits: 8, presets: &presets{maxval: 1}},
		{bits: 4, presets: &presets{maxval: 5}},
		{bits: 2, presets: &presets{maxval: 2}},
		{bits: 16, presets: &presets{maxval: 4095}},
		{bits: 16, presets: &presets{maxval: 32768}},
		{bits: 16, presets: &presets{maxval: 65534, t1: 1, t2: 60000, t3: 65534, reset: 65534}},
		{bits: 10, near: 4, presets: &presets{maxval: 1000}},
		{bits: 12, near: 9, presets: &presets{maxval: 19, reset: 3}},
		{bits: 16, near: 255},
		{bits: 16, near: 255, presets: &presets{maxval: 511}},
		{bits: 8, near: 127},
		{bits: 3, near: 3},
		{bits: 13, restart: 1},
		{bits: 8, count: 2},
		{bits: 8, count: 2, interleave: byLine},
		{bits: 8, count: 2, interleave: bySample},
		{bits: 11, count: 4, interleave: bySample, near: 1, restart: 4},
		{bits: 16, count: 4, interleave: byLine, presets: &presets{maxval: 50000, reset: 200}},
		{bits: 9, count: 3, restart: 9},
	} {
		e.width, e.height, e.count = 43, 31, max(e.count, 1)
		most := 1<<e.bits - 1
		if e.presets != nil && e.presets.maxval > 0 {
			most = e.presets.maxval
		}
		name := fmt.Sprintf("%d: %d bits, %d components", i, e.bits, e.count)
		for _, noise := range []float64{.4, float64(most) / 100, float64(most) / 3} {
			source := synthetic(e.width, e.height, e.count, most, noise, uint64(i))
			data := e.encode(source)
			got, err := decode(data)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if e.near == 0 {
				if !slices.Equal(got, source) {
					t.Errorf("%s: other samples than were encoded", name)
				}
				continue
			}
			for j := range got {
				if d := int(got[j]) - int(source[j]); max(d, -d) > e.near {
					t.Errorf("%s: sample %d is off by %d, want at most %d", name, j, d, e.near)
					break
				}
			}
		}
	}
}

// TestGoldensEncodeAlike shows that the encoder of these tests writes what CharLS writes.
func TestGoldensEncodeAlike(t *testing.T) {
	checked := 0
	for _, g := range goldens(t) {
		p := parser{data: g.stream}
		s, err := p.scanHeader()
		if err != nil {
			t.Fatalf("%s: %v", g.Name, err)
		}
		if s.near > 0 {
			// A decoded sample that was clamped may be coded by another error than the original.
			continue
		}
		samples, err := decode(g.stream)
		if err != nil {
			t.Fatalf("%s: %v", g.Name, err)
		}
		e := encoder{width: g.Width, height: g.Height, count: g.Components, bits: g.Bits, near: s.near, interleave: s.interleave, restart: p.frame.restart}
		if p.frame.presets != (presets{}) {
			e.presets = &p.frame.presets
		}
		ours := parser{data: e.encode(samples)}
		if _, err := ours.scanHeader(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(entropy(ours.data, ours.at), entropy(g.stream, p.at)) {
			t.Errorf("%s: other bits than CharLS writes", g.Name)
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("only %d streams compared", checked)
	}
}

// entropy is the first entropy-coded segment.
func entropy(data []byte, at int) []byte { return data[at:segmentEnd(data, at)] }

// general decodes pictures of one component by generalLine, which losslessLine must agree with. It is not ok for others.
func general(data []byte) (samples []uint16, ok bool) {
	p := parser{data: data}
	s, err := p.scanHeader()
	if err != nil || p.frame.count > 1 || p.frame.restart > 0 {
		return nil, false
	}
	d := new(decoder)
	d.allocate(&p.frame)
	d.prepare(&s.coding)
	d.reset()
	d.bits.begin(p.data, p.at)
	above, line := d.lines[:d.across], d.lines[d.across:]
	run := 0
	for range p.frame.height {
		above[d.across-1], line[0] = above[d.across-2], above[1]
		if !d.generalLine(above, line, &run) {
			return nil, true
		}
		samples = append(samples, line[1:d.across-1]...)
		above, line = line, above
	}
	return samples, true
}

func TestGeneralLine(t *testing.T) {
	compared := 0
	for _, g := range goldens(t) {
		want, err := decode(g.stream)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := general(g.stream)
		if !ok {
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: otherwise by the function for all coding parameters", g.Name)
		}
		// Damage that one finds, the other finds.
		for i := range 50 {
			data := slices.Clone(g.stream)
			at := 25 + i*(len(data)-27)/50
			data[at] ^= 1 << (i % 8)
			want, err := decode(data)
			if got, ok := general(data); ok && err == nil && !slices.Equal(got, want) {
				t.Errorf("%s with byte %d changed: otherwise by the function for all coding parameters", g.Name, at)
			}
		}
		compared++
	}
	if compared < 20 {
		t.Errorf("only %d streams compared", compared)
	}
}
