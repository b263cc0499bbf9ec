package jpeg2000

import "math/bits"

// The arithmetic decoder of T.800, annex C. Two things differ from its flow charts, and neither changes a decision.
//
// The bytes of a segment are freed of stuffed bits beforehand, so that the code register takes 32 bits at a time.
//
// A decision for the more probable symbol without renormalization subtracts the same Qe from the interval and from the
// code register. Both tests of the chart, "is the code below Qe" and "is the interval below 0x8000", are then one test of
// the sign of spare, which is the smaller of the code register and of what the interval has above 0x8000.

// scale is the position of the registers' units: the code register has this many bits below those that are compared.
const scale = 40

// least is the least interval between two decisions, 0x8000.
const least = 0x8000 << scale

// probability is a row of table C.2, for one sense of the more probable symbol.
type probability struct {
	qe         int64 // scaled
	mps        uint32
	more, less uint8 // the row after a more probable and after a less probable symbol
}

// probabilities holds row i of table C.2 at 2i where the more probable symbol is 0, and at 2i+1 where it is 1.
var probabilities = func() (t [2 * 47]probability) {
	for i, row := range [47]struct {
		qe         int64
		more, less uint8
		swap       uint8
	}{
		{0x5601, 1, 1, 1}, {0x3401, 2, 6, 0}, {0x1801, 3, 9, 0}, {0x0AC1, 4, 12, 0}, {0x0521, 5, 29, 0},
		{0x0221, 38, 33, 0}, {0x5601, 7, 6, 1}, {0x5401, 8, 14, 0}, {0x4801, 9, 14, 0}, {0x3801, 10, 14, 0},
		{0x3001, 11, 17, 0}, {0x2401, 12, 18, 0}, {0x1C01, 13, 20, 0}, {0x1601, 29, 21, 0}, {0x5601, 15, 14, 1},
		{0x5401, 16, 14, 0}, {0x5101, 17, 15, 0}, {0x4801, 18, 16, 0}, {0x3801, 19, 17, 0}, {0x3401, 20, 18, 0},
		{0x3001, 21, 19, 0}, {0x2801, 22, 19, 0}, {0x2401, 23, 20, 0}, {0x2201, 24, 21, 0}, {0x1C01, 25, 22, 0},
		{0x1801, 26, 23, 0}, {0x1601, 27, 24, 0}, {0x1401, 28, 25, 0}, {0x1201, 29, 26, 0}, {0x1101, 30, 27, 0},
		{0x0AC1, 31, 28, 0}, {0x09C1, 32, 29, 0}, {0x08A1, 33, 30, 0}, {0x0521, 34, 31, 0}, {0x0441, 35, 32, 0},
		{0x02A1, 36, 33, 0}, {0x0221, 37, 34, 0}, {0x0141, 38, 35, 0}, {0x0111, 39, 36, 0}, {0x0085, 40, 37, 0},
		{0x0049, 41, 38, 0}, {0x0025, 42, 39, 0}, {0x0015, 43, 40, 0}, {0x0009, 44, 41, 0}, {0x0005, 45, 42, 0},
		{0x0001, 45, 43, 0}, {0x5601, 46, 46, 0},
	} {
		for mps := range uint8(2) {
			t[2*i+int(mps)] = probability{
				qe: row.qe << scale, mps: uint32(mps), more: 2*row.more + mps, less: 2*row.less + (mps ^ row.swap),
			}
		}
	}
	return t
}()

// arithmetic is the state of the decoder within a segment.
type arithmetic struct {
	segment
	// The interval and the code register, both less spare.
	interval, code int64
	spare          int64
	ahead          int // bits of the code register that are known below scale
}

// start reads the first bits of a segment, as INITDEC of figure C.20 does.
func (a *arithmetic) start() {
	a.code, a.ahead = 0, -15
	a.fill()
	a.spare = min(0, a.code)
	a.interval, a.code = least-a.spare, a.code-a.spare
}

func (a *arithmetic) fill() {
	a.code += int64(a.word()) << uint(8-a.ahead)
	a.ahead += 32
}

// settle finishes a decision that left spare below zero: exchanges symbols where the chart does, moves the context to its
// next row and renormalizes (figures C.15 to C.19). It returns the new spare and the symbol.
func (a *arithmetic) settle(context *probability, spare int64) (int64, uint32) {
	interval, code := a.interval+spare, a.code+spare
	qe, symbol, next := context.qe, context.mps, context.more
	exchanged := interval < qe
	if code < 0 {
		code += qe
		if !exchanged {
			symbol, next = symbol^1, context.less
		}
		interval = qe
	} else if exchanged {
		symbol, next = symbol^1, context.less
	}
	*context = probabilities[next]
	shift := bits.LeadingZeros64(uint64(interval)) - (63 - scale - 15)
	interval <<= uint(shift) & 63
	code <<= uint(shift) & 63
	if a.ahead -= shift; a.ahead < 0 {
		a.code = code
		a.fill()
		code = a.code
	}
	spare = min(interval-least, code)
	a.interval, a.code = interval-spare, code-spare
	return spare, symbol
}
