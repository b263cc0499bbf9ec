package radiograph

import "encoding/binary"

// unfilter undoes the filter of a row (PNG specification, third edition, section 9) in place, with the row above it. A
// pixel's left neighbour is step bytes before it.
func unfilter(filter byte, line, above []byte, step int) bool {
	above = above[:len(line)]
	switch filter {
	case 0:
	case 1:
		if step == 1 {
			subLine(line)
			break
		}
		for i := step; i < len(line); i++ {
			line[i] += line[i-step]
		}
	case 2:
		addBytes(line, above)
	case 3:
		if step == 1 {
			averageLine(line, above)
			break
		}
		for i := range min(step, len(line)) {
			line[i] += above[i] / 2
		}
		for i := step; i < len(line); i++ {
			line[i] += uint8((int(line[i-step]) + int(above[i])) / 2)
		}
	case 4:
		if step == 1 {
			paethLine(line, above)
			break
		}
		for first := range min(step, len(line)) {
			left, aboveLeft := 0, 0
			for i := first; i < len(line); i += step {
				up := int(above[i])
				left = int(uint8(paeth(left, up, aboveLeft) + int(line[i])))
				line[i], aboveLeft = uint8(left), up
			}
		}
	default:
		return false
	}
	return true
}

// subLine is the filter Sub for pixels of a byte. Here and below a pixel waits for the one before it, which is in a register for that.
func subLine(line []byte) {
	left := uint8(0)
	for i, b := range line {
		left += b
		line[i] = left
	}
}

// averageLine is the filter Average for pixels of a byte.
func averageLine(line, above []byte) {
	left := uint(0)
	for i, up := range above[:len(line)] {
		left = uint(uint8((left+uint(up))/2 + uint(line[i])))
		line[i] = uint8(left)
	}
}

// paethLine is the Paeth filter for pixels of a byte.
func paethLine(line, above []byte) {
	left, aboveLeft := 0, 0
	for i, b := range above[:len(line)] {
		up := int(b)
		left = int(uint8(paeth(left, up, aboveLeft) + int(line[i])))
		line[i], aboveLeft = uint8(left), up
	}
}

// paeth is the neighbour that is nearest to left + up - aboveLeft, in this order where two are equally near.
func paeth(left, up, aboveLeft int) int {
	toLeft, toUp := up-aboveLeft, left-aboveLeft
	toAboveLeft := distance(toLeft + toUp)
	toLeft, toUp = distance(toLeft), distance(toUp)
	nearest, far := left, toLeft
	if toUp < far {
		nearest, far = up, toUp
	}
	if toAboveLeft < far {
		nearest = aboveLeft
	}
	return nearest
}

// distance is the magnitude of a number, without a jump.
func distance(v int) int {
	sign := v >> 63
	return v ^ sign - sign
}

// addBytes adds one row to another, eight bytes at a time: the low seven bits of each apart from the highest.
func addBytes(line, more []byte) {
	const low = 0x7f7f7f7f7f7f7f7f
	for len(line) >= 8 && len(more) >= 8 {
		a, b := binary.LittleEndian.Uint64(line), binary.LittleEndian.Uint64(more)
		binary.LittleEndian.PutUint64(line, (a&low+b&low)^(a^b)&^low)
		line, more = line[8:], more[8:]
	}
	for i := range line {
		line[i] += more[i]
	}
}
