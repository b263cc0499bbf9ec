package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// encoder writes JPEG-LS by the text of T.87, step by step and with no regard to speed: parameters that no encoder at hand
// can write, and pictures that a test makes up. The streams of testdata/golden.py show that its decoder agrees with others.
type encoder struct {
	width, height, count, bits int
	near, interleave           int
	presets                    *presets // written as an LSE segment
	restart                    int

	coding   coding
	a, b     [367]int
	c, n     [367]int
	negative [2]int
	out      []byte
	acc      uint64 // bits not written yet
	held     int
}

// encode is the stream of samples, [height][width][count].
func (e *encoder) encode(samples []uint16) []byte {
	e.out = []byte{0xff, 0xd8}
	frame := []byte{byte(e.bits)}
	frame = binary.BigEndian.AppendUint16(frame, uint16(e.height))
	frame = binary.BigEndian.AppendUint16(frame, uint16(e.width))
	frame = append(frame, byte(e.count))
	for i := range e.count {
		frame = append(frame, byte(i+1), 0x11, 0)
	}
	e.segment(0xf7, frame)
	p := presets{}
	if e.presets != nil {
		p = *e.presets
		body := []byte{1}
		for _, v := range []int{p.maxval, p.t1, p.t2, p.t3, p.reset} {
			body = binary.BigEndian.AppendUint16(body, uint16(v))
		}
		e.segment(0xf8, body)
	}
	if e.restart > 0 {
		e.segment(0xdd, []byte{byte(e.restart >> 8), byte(e.restart)})
	}
	var err error
	if e.coding, err = p.coding(e.bits, e.near); err != nil {
		panic(err)
	}
	if e.interleave == byComponent {
		for c := range e.count {
			e.scan(samples, c, 1)
		}
	} else {
		e.scan(samples, 0, e.count)
	}
	return append(e.out, 0xff, 0xd9)
}

func (e *encoder) segment(marker byte, body []byte) {
	e.out = append(e.out, 0xff, marker)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(2+len(body)))
	e.out = append(e.out, body...)
}

func (e *encoder) reset() {
	for q := range e.a {
		e.a[q], e.b[q], e.c[q], e.n[q] = max(2, (e.coding.span+32)/64), 0, 0, 1
	}
	e.negative = [2]int{}
}

// scan encodes the components from first on.
func (e *encoder) scan(samples []uint16, first, count int) {
	head := []byte{byte(count)}
	for i := range count {
		head = append(head, byte(first+i+1), 0)
	}
	e.segment(0xda, append(head, byte(e.near), byte(e.interleave), 0))
	e.reset()
	w := e.width
	var run [4]int
	// Lines are the samples as a decoder has them, with one more at either end.
	above, line := make([][]int, count), make([][]int, count)
	for i := range count {
		above[i], line[i] = make([]int, w+2), make([]int, w+2)
	}
	for y := range e.height {
		if e.restart > 0 && y > 0 && y%e.restart == 0 {
			e.flush()
			e.out = append(e.out, 0xff, byte(0xd0+(y/e.restart-1)%8))
			e.reset()
			run = [4]int{}
			for i := range count {
				clear(above[i])
				clear(line[i])
			}
		}
		source := make([][]int, count)
		for i := range count {
			source[i] = make([]int, w+2)
			for x := range w {
				source[i][x+1] = int(samples[(y*w+x)*e.count+first+i])
			}
			above[i][w+1], line[i][0] = above[i][w], above[i][1]
		}
		if e.interleave == bySample {
			e.line(source, above, line, &run[0])
		} else {
			for i := range count {
				e.line(source[i:i+1], above[i:i+1], line[i:i+1], &run[i])
			}
		}
		above, line = line, above
	}
	e.flush()
}

func (e *encoder) line(source, above, line [][]int, run *int) {
	near, w := e.near, e.width
	for x := 1; x <= w; x++ {
		q := make([]int, len(line))
		flat := true
		for i := range line {
			a, b, c, d := line[i][x-1], above[i][x], above[i][x-1], above[i][x+1]
			q[i] = 81*int(e.coding.quantize(d-b)) + 9*int(e.coding.quantize(b-c)) + int(e.coding.quantize(c-a))
			flat = flat && q[i] == 0
		}
		if !flat {
			for i := range line {
				line[i][x] = e.regular(q[i], source[i][x], line[i][x-1], above[i][x], above[i][x-1])
			}
			continue
		}
		n := 0
		for ; x+n <= w; n++ {
			same := true
			for i := range line {
				difference := source[i][x+n] - line[i][x-1]
				same = same && max(difference, -difference) <= near
			}
			if !same {
				break
			}
		}
		for i := range line {
			for j := range n {
				line[i][x+j] = line[i][x-1]
			}
		}
		rest := n
		for rest >= 1<<runBits[*run] {
			e.put(1, 1)
			rest -= 1 << runBits[*run]
			*run = min(*run+1, 31)
		}
		x += n
		if x > w {
			if rest > 0 {
				e.put(1, 1)
			}
			return
		}
		e.put(0, 1)
		e.put(rest, int(runBits[*run]))
		for i := range line {
			a, b := line[i][x-1], above[i][x]
			kind := 0
			if len(line) == 1 && max(a-b, b-a) <= near {
				kind = 1
			}
			line[i][x] = e.runEnd(kind, source[i][x], a, b, *run)
		}
		*run = max(*run-1, 0)
	}
}

// quantized is an error in steps, reduced modulo RANGE, and the sample that it gives, T.87, A.4.4 and A.4.5.
func (e *encoder) quantized(difference, sign, prediction int) (int, int) {
	c := &e.coding
	v := difference * sign
	if v > 0 {
		v = (v + c.near) / c.step
	} else {
		v = -((c.near - v) / c.step)
	}
	sample := min(max(prediction+sign*v*c.step, 0), c.maxval)
	if v < 0 {
		v += c.span
	}
	if v >= (c.span+1)/2 {
		v -= c.span
	}
	return v, sample
}

func (e *encoder) regular(q, sample, a, b, c int) int {
	sign := 1
	if q < 0 {
		q, sign = -q, -1
	}
	p := a + b - c
	if c >= max(a, b) {
		p = min(a, b)
	} else if c <= min(a, b) {
		p = max(a, b)
	}
	p = min(max(p+sign*e.c[q], 0), e.coding.maxval)
	v, got := e.quantized(sample-p, sign, p)
	k := 0
	for e.n[q]<<k < e.a[q] {
		k++
	}
	var m int
	if e.near == 0 && k == 0 && 2*e.b[q] <= -e.n[q] {
		if m = 2*v + 1; v < 0 {
			m = -2 * (v + 1)
		}
	} else if m = 2 * v; v < 0 {
		m = -2*v - 1
	}
	e.golomb(m, k, e.coding.limit)
	e.b[q] += v * e.coding.step
	e.a[q] += max(v, -v)
	if e.n[q] == e.coding.reset {
		e.a[q], e.n[q] = e.a[q]/2, e.n[q]/2
		if e.b[q] >= 0 {
			e.b[q] /= 2
		} else {
			e.b[q] = -((1 - e.b[q]) / 2)
		}
	}
	e.n[q]++
	if e.b[q] <= -e.n[q] {
		e.b[q] += e.n[q]
		if e.c[q] > -128 {
			e.c[q]--
		}
		if e.b[q] <= -e.n[q] {
			e.b[q] = -e.n[q] + 1
		}
	} else if e.b[q] > 0 {
		e.b[q] -= e.n[q]
		if e.c[q] < 127 {
			e.c[q]++
		}
		if e.b[q] > 0 {
			e.b[q] = 0
		}
	}
	return got
}

func (e *encoder) runEnd(kind, sample, a, b, run int) int {
	q, sign, p := 365+kind, 1, b
	if kind == 1 {
		p = a
	} else if a > b {
		sign = -1
	}
	v, got := e.quantized(sample-p, sign, p)
	temp := e.a[q]
	if kind == 1 {
		temp += e.n[q] / 2
	}
	k := 0
	for e.n[q]<<k < temp {
		k++
	}
	odd := 0
	if k == 0 && v > 0 && 2*e.negative[kind] < e.n[q] || v < 0 && (2*e.negative[kind] >= e.n[q] || k != 0) {
		odd = 1
	}
	m := 2*max(v, -v) - kind - odd
	e.golomb(m, k, e.coding.limit-int(runBits[run])-1)
	if v < 0 {
		e.negative[kind]++
	}
	e.a[q] += (m + 1 - kind) / 2
	if e.n[q] == e.coding.reset {
		e.a[q], e.n[q], e.negative[kind] = e.a[q]/2, e.n[q]/2, e.negative[kind]/2
	}
	e.n[q]++
	return got
}

func (e *encoder) golomb(m, k, limit int) {
	most := limit - e.coding.qbpp - 1
	if m>>k < most {
		e.put(0, m>>k)
		e.put(1, 1)
		e.put(m&(1<<k-1), k)
		return
	}
	e.put(0, most)
	e.put(1, 1)
	e.put(m-1, e.coding.qbpp)
}

// put writes the n bits of v. A byte after ff has only 7. Headers never end with ff.
func (e *encoder) put(v, n int) {
	if bits.Len(uint(v)) > n {
		panic("a code that does not fit")
	}
	for i := n - 1; i >= 0; i-- {
		e.acc = e.acc<<1 | uint64(v>>i&1)
		e.held++
		if e.held == 8 || e.held == 7 && e.out[len(e.out)-1] == 0xff {
			e.out = append(e.out, byte(e.acc))
			e.acc, e.held = 0, 0
		}
	}
}

// flush fills the last byte with zeros.
func (e *encoder) flush() {
	after := e.out[len(e.out)-1] == 0xff
	for e.held > 0 {
		e.put(0, 1)
	}
	if !after && e.out[len(e.out)-1] == 0xff {
		e.out = append(e.out, 0)
	}
}
