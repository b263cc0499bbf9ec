package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// jpegWay is one way to write the same coefficients as a JPEG.
type jpegWay struct {
	progressive, extended, interleaved bool
	components, h, v                   int // and luma's sampling factors
	restart                            int // MCUs between markers, 0 for none
	orientation                        uint16
	dcShift, acShift, split            int // of progressive scans: bits held back, and where the band is cut
}

// coefficients are a picture's blocks of 64 quantised coefficients in zigzag order.
type coefficients struct {
	width, height, across, down int
	table                       [64]int
	blocks                      [][64]int
}

// zigzag is the row and column of each coefficient in the order of the file (ITU-T T.81, figure A.6).
var zigzag = func() (order [64][2]int) {
	for i, row, column := 0, 0, 0; i < 64; i++ {
		order[i] = [2]int{row, column}
		switch up := (row+column)%2 == 0; {
		case up && column == 7, !up && row == 7:
			if up {
				row++
			} else {
				column++
			}
		case up && row == 0:
			column++
		case !up && column == 0:
			row++
		case up:
			row, column = row-1, column+1
		default:
			row, column = row+1, column-1
		}
	}
	return order
}()

// transformed makes coefficients of a picture, by T.81's equation A.3.3.
func transformed(r *rand.Rand, p *image.Gray) *coefficients {
	c := &coefficients{width: p.Rect.Dx(), height: p.Rect.Dy(), across: (p.Rect.Dx() + 7) / 8, down: (p.Rect.Dy() + 7) / 8}
	for i := range c.table {
		c.table[i] = 1 + r.IntN(6)
	}
	var cosine [8][8]float64
	for u := range 8 {
		for x := range 8 {
			cosine[u][x] = math.Cos(float64((2*x+1)*u)*math.Pi/16) / 2
			if u == 0 {
				cosine[u][x] /= math.Sqrt2
			}
		}
	}
	for b := range c.across * c.down {
		var rows [8][8]float64 // transformed along x
		for y := range 8 {
			for u := range 8 {
				for x := range 8 {
					v := p.Pix[min(b/c.across*8+y, c.height-1)*p.Stride+min(b%c.across*8+x, c.width-1)]
					rows[y][u] += (float64(v) - 128) * cosine[u][x]
				}
			}
		}
		var block [64]int
		for k, place := range zigzag {
			sum := 0.0
			for y := range 8 {
				sum += rows[y][place[1]] * cosine[place[0]][y]
			}
			block[k] = int(math.Round(sum / float64(c.table[k])))
		}
		c.blocks = append(c.blocks, block)
	}
	return c
}

// jpegWriter codes scans.
type jpegWriter struct {
	jpegWay
	c    *coefficients
	r    *rand.Rand
	file []byte

	held       uint64
	have       int
	previous   [3]int
	run        int   // blocks that end early and are not written yet
	correction []int // bits for them
}

func (w *jpegWriter) bits(v, n int) {
	w.held = w.held<<n | uint64(v)&(1<<n-1)
	for w.have += n; w.have >= 8; w.have -= 8 {
		b := byte(w.held >> (w.have - 8))
		if w.file = append(w.file, b); b == 0xff {
			w.file = append(w.file, 0)
		}
	}
}

// dc and ac write a symbol by tables in which DC's sixteen have four bits and AC's 256 have eight, but for the last, which have
// one more: the code of all ones is never used.
func (w *jpegWriter) dc(symbol int) {
	if symbol == 15 {
		w.bits(30, 5)
		return
	}
	w.bits(symbol, 4)
}

func (w *jpegWriter) ac(symbol int) {
	if symbol == 255 {
		w.bits(510, 9)
		return
	}
	w.bits(symbol, 8)
}

// number writes a value's own bits after its category.
func (w *jpegWriter) number(v, category int) {
	if v < 0 {
		v--
	}
	w.bits(v, category)
}

func category(v int) int { return bits.Len(uint(max(v, -v))) }

func (w *jpegWriter) segment(marker byte, body []byte) {
	for range w.r.IntN(3) {
		w.file = append(w.file, 0xff) // fill bytes
	}
	w.file = append(w.file, 0xff, marker)
	w.file = append(binary.BigEndian.AppendUint16(w.file, uint16(len(body)+2)), body...)
}

func (w jpegWay) encode(r *rand.Rand, c *coefficients) []byte {
	f := &jpegWriter{jpegWay: w, c: c, r: r, file: []byte{0xff, 0xd8}}
	if w.orientation > 0 {
		f.segment(0xe1, append([]byte("Exif\x00\x00"), orientationTIFF(binary.BigEndian, w.orientation)...))
	}
	if r.IntN(3) == 0 {
		f.segment(0xfe, []byte("\xff\xd9 is not the end \xff\xda"))
	}
	table := []byte{0}
	if w.extended {
		table[0] = 0x10 // of 16 bits
	}
	for _, q := range c.table {
		if w.extended {
			table = append(table, 0)
		}
		table = append(table, byte(q))
	}
	f.segment(0xdb, table)
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, uint16(c.height)), uint16(c.width))
	frame = append(frame, byte(w.components))
	for i := range w.components {
		factors := byte(0x11)
		if i == 0 {
			factors = byte(w.h<<4 | w.v)
		}
		frame = append(frame, byte(1+i), factors, 0)
	}
	marker := byte(0xc0)
	switch {
	case w.progressive:
		marker = 0xc2
	case w.extended:
		marker = 0xc1
	}
	f.segment(marker, frame)
	codes := append(make([]byte, 17), 0)
	codes[4], codes[5] = 15, 1
	codes = codes[:17]
	for i := range 16 {
		codes = append(codes, byte(i))
	}
	f.segment(0xc4, codes)
	codes = append([]byte{0x10}, make([]byte, 16)...)
	codes[8], codes[9] = 255, 1
	for i := range 256 {
		codes = append(codes, byte(i))
	}
	f.segment(0xc4, codes)
	if w.restart > 0 {
		f.segment(0xdd, []byte{byte(w.restart >> 8), byte(w.restart)})
	}

	var all [][]int
	for i := range w.components {
		all = append(all, []int{i})
	}
	if w.interleaved {
		together := []int{0, 1, 2}
		all = [][]int{together[:w.components]}
	}
	if !w.progressive {
		for _, s := range all {
			f.scan(s, 0, 63, 0, 0)
		}
	} else {
		for _, s := range all {
			f.scan(s, 0, 0, 0, w.dcShift)
		}
		for i := range w.components {
			f.scan([]int{i}, 1, w.split, 0, w.acShift)
			f.scan([]int{i}, w.split+1, 63, 0, w.acShift)
			for low := w.acShift - 1; low >= 0; low-- {
				f.scan([]int{i}, 1, 63, low+1, low)
			}
		}
		for _, s := range all {
			if w.dcShift > 0 {
				f.scan(s, 0, 0, w.dcShift, w.dcShift-1)
			}
		}
	}
	return append(f.file, 0xff, 0xd9)
}

// scan writes coefficients from..to of some components, less the low bits, or one more of these where high is not 0.
func (w *jpegWriter) scan(components []int, from, to, high, low int) {
	head := []byte{byte(len(components))}
	for _, i := range components {
		head = append(head, byte(1+i), 0)
	}
	w.segment(0xda, append(head, byte(from), byte(to), byte(high<<4|low)))
	w.previous = [3]int{}
	across, down := w.c.across, w.c.down
	h, v := 1, 1
	switch {
	case len(components) > 1:
		h, v = w.h, w.v
		across, down = (w.c.width+8*h-1)/(8*h), (w.c.height+8*v-1)/(8*v)
	case components[0] > 0: // chroma has fewer blocks of its own
		across, down = ((w.c.width+w.h-1)/w.h+7)/8, ((w.c.height+w.v-1)/w.v+7)/8
	}
	for mcu := range across * down {
		if w.restart > 0 && mcu > 0 && mcu%w.restart == 0 {
			w.flush()
			w.file = append(w.file, 0xff, 0xd0+byte((mcu/w.restart-1)%8))
			w.previous = [3]int{}
		}
		for _, i := range components {
			if i > 0 {
				w.block(i, &[64]int{}, from, to, high, low)
				continue
			}
			for b := range h * v {
				x, y := mcu%across*h+b%h, mcu/across*v+b/h
				block := &[64]int{} // beyond the picture
				if x < w.c.across && y < w.c.down {
					block = &w.c.blocks[y*w.c.across+x]
				}
				w.block(0, block, from, to, high, low)
			}
		}
	}
	w.flush()
}

// flush ends what lies between two markers.
func (w *jpegWriter) flush() {
	w.endRun()
	if w.have > 0 {
		w.bits(0x7f, 8-w.have)
	}
}

func (w *jpegWriter) block(component int, block *[64]int, from, to, high, low int) {
	if from == 0 {
		v := block[0] >> low
		if high > 0 {
			w.bits(v&1, 1)
			return
		}
		n := category(v - w.previous[component])
		w.dc(n)
		w.number(v-w.previous[component], n)
		w.previous[component] = v
		from = 1
	}
	switch {
	case to == 0:
	case high > 0:
		w.refine(block, from, to, low)
	default:
		w.band(block, from, to, low)
	}
}

// band codes coefficients for the first time (T.81, F.1.2.2 and G.1.2.2).
func (w *jpegWriter) band(block *[64]int, from, to, low int) {
	zeros := 0
	for _, v := range block[from : to+1] {
		// Towards zero, unlike DC.
		if v < 0 {
			v = -(-v >> low)
		} else {
			v >>= low
		}
		if v == 0 {
			zeros++
			continue
		}
		w.endRun()
		for ; zeros > 15; zeros -= 16 {
			w.ac(0xf0)
		}
		w.ac(zeros<<4 | category(v))
		w.number(v, category(v))
		zeros = 0
	}
	if zeros > 0 {
		w.endEarly(nil)
	}
}

// refine sends one more bit of coefficients (T.81, G.1.2.3).
func (w *jpegWriter) refine(block *[64]int, from, to, low int) {
	last := 0 // of those that are new
	for k := from; k <= to; k++ {
		if max(block[k], -block[k])>>low == 1 {
			last = k
		}
	}
	zeros, correction := 0, []int(nil)
	send := func(symbol int) {
		w.endRun()
		w.ac(symbol)
	}
	rest := func() {
		for _, b := range correction {
			w.bits(b, 1)
		}
		zeros, correction = 0, nil
	}
	for k := from; k <= to; k++ {
		size := max(block[k], -block[k]) >> low
		if size == 0 {
			zeros++
			continue
		}
		for zeros > 15 && k <= last {
			left := zeros - 16
			send(0xf0)
			rest()
			zeros = left
		}
		if size > 1 {
			correction = append(correction, size&1)
			continue
		}
		send(zeros<<4 | 1)
		if block[k] < 0 {
			w.bits(0, 1)
		} else {
			w.bits(1, 1)
		}
		rest()
	}
	if zeros > 0 || len(correction) > 0 {
		w.endEarly(correction)
	}
}

// endEarly says that a block has no more new coefficients.
func (w *jpegWriter) endEarly(correction []int) {
	w.run++
	w.correction = append(w.correction, correction...)
	if !w.progressive || w.run == 0x7fff || w.r.IntN(20) == 0 {
		w.endRun()
	}
}

func (w *jpegWriter) endRun() {
	if w.run > 0 {
		n := bits.Len(uint(w.run)) - 1
		w.ac(n << 4)
		w.bits(w.run, n)
	}
	for _, b := range w.correction {
		w.bits(b, 1)
	}
	w.run, w.correction = 0, nil
}

// oneJPEG writes the same coefficients plainly, and then in a way drawn by chance.
func oneJPEG(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	p := legalPicture(r)
	c := transformed(r, p)
	plain := jpegWay{components: 1, h: 1, v: 1}.encode(rand.New(rand.NewPCG(0, 0)), c)
	want, err := Decode(context.Background(), plain, Limits{})
	if err != nil {
		t.Fatalf("seed %d: a plain JPEG: %v", seed, err)
	}
	other, err := jpeg.Decode(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	grey := want.Image.(*image.Gray)
	for y := range c.height {
		for x := range c.width {
			if a, b := int(grey.GrayAt(x, y).Y), int(other.(*image.Gray).GrayAt(x, y).Y); a-b > 1 || b-a > 1 {
				t.Fatalf("seed %d: %d at %d, %d where the standard library has %d", seed, a, x, y, b)
			}
		}
	}
	w := jpegWay{progressive: r.IntN(2) == 0, extended: r.IntN(4) == 0, interleaved: r.IntN(2) == 0, components: 1 + 2*r.IntN(2), h: 1 + r.IntN(2), v: 1 + r.IntN(2),
		dcShift: r.IntN(2), acShift: r.IntN(4), split: 1 + r.IntN(62), restart: r.IntN(3) * r.IntN(20)}
	if r.IntN(4) == 0 {
		w.orientation = uint16(1 + r.IntN(8))
	}
	if w.components == 1 {
		w.h, w.v = 1+r.IntN(4), 1+r.IntN(4) // which mean nothing
		w.interleaved = false
	} else if r.IntN(6) == 0 {
		w.h = 4
	}
	data := w.encode(r, c)
	if r.IntN(4) == 0 {
		data = append(data, "bytes after the end"...)
	}
	if err := isPicture(data, upright(grey, int(w.orientation)).(*image.Gray)); err != nil {
		t.Errorf("seed %d: jpeg, %d x %d, %s: %v", seed, c.width, c.height, fmt.Sprintf("%+v", w), err)
	}
}
