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

// plainly decodes pictures of one component as decoder.line does, by the functions that it has written out. It is not ok for
// others.
func plainly(data []byte) (samples []uint16, ok bool) {
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
	run, width := 0, p.frame.width
	for range p.frame.height {
		above[width+1], line[0] = above[width], above[1]
		for x := 1; x <= width; {
			left, up, between := int(line[x-1]), int(above[x]), int(above[x-1])
			n, ok := 1, false
			if q := d.region(int(above[x+1])-up, up-between, between-left); q == 0 {
				n, ok = d.run(above[x:], line[x-1:], &run)
			} else {
				var v int
				v, ok = d.regular(q, left, up, between)
				line[x] = uint16(v)
			}
			if !ok {
				return nil, true
			}
			x += n
		}
		samples = append(samples, line[1:1+width]...)
		above, line = line, above
	}
	if !d.bits.finished() {
		return nil, true
	}
	return samples, true
}

func TestLineIsWhatItHasWrittenOut(t *testing.T) {
	compared := 0
	for _, g := range goldens(t) {
		if _, ok := plainly(g.stream); !ok || g.Width > 1000 {
			continue
		}
		compared++
		// The stream itself, and with damage: what one refuses, the other refuses.
		for i := -1; i < 50; i++ {
			data, at := slices.Clone(g.stream), 0
			if i >= 0 {
				at = 25 + i*(len(data)-27)/50
				data[at] ^= 1 << (i % 8)
			}
			want, ok := plainly(data)
			got, err := decode(data)
			if err != nil {
				got = nil
			}
			if ok && !slices.Equal(got, want) {
				t.Errorf("%s with byte %d changed: other samples (%v)", g.Name, at, err)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d streams compared", compared)
	}
}
