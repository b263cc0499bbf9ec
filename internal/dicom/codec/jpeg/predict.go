package jpeg

// predictFirst makes samples of the differences in the first row of an interval: the prediction is the sample to the left,
// and of the first sample the middle of the range (T.81, H.1.2.1). Arithmetic is modulo 2^16.
func predictFirst(row []uint16, step int, middle uint16) {
	left := middle
	for x := 0; x < len(row); x += step {
		left += row[x]
		row[x] = left
	}
}

// predict makes samples of the differences in a further row (T.81, table H.1). The first sample's prediction is the one
// above. Ra is the sample to the left, Rb the one above, Rc the one above Ra; they are added without loss before the sum
// is taken modulo 2^16.
func predict(selection int, row, above []uint16, step int) {
	above = above[:len(row)]
	ra := row[0] + above[0]
	row[0] = ra
	rc := above[0]
	switch selection {
	case 1: // Ra
		for x := step; x < len(row); x += step {
			ra += row[x]
			row[x] = ra
		}
	case 2: // Rb
		for x := step; x < len(row); x += step {
			row[x] += above[x]
		}
	case 3: // Rc
		for x := step; x < len(row); x += step {
			row[x] += rc
			rc = above[x]
		}
	case 4: // Ra + Rb - Rc
		for x := step; x < len(row); x += step {
			rb := above[x]
			ra += row[x] + rb - rc
			row[x] = ra
			rc = rb
		}
	case 5: // Ra + (Rb - Rc)/2
		for x := step; x < len(row); x += step {
			rb := above[x]
			ra += row[x] + uint16((int32(rb)-int32(rc))>>1)
			row[x] = ra
			rc = rb
		}
	case 6: // Rb + (Ra - Rc)/2
		for x := step; x < len(row); x += step {
			rb := above[x]
			ra = row[x] + rb + uint16((int32(ra)-int32(rc))>>1)
			row[x] = ra
			rc = rb
		}
	case 7: // (Ra + Rb)/2
		for x := step; x < len(row); x += step {
			ra = row[x] + uint16((uint32(ra)+uint32(above[x]))>>1)
			row[x] = ra
		}
	}
}

// beyond tells rows with a sample that bits bits cannot hold, which only damage makes. Some encoders extend the sign of
// negative samples to 16 bits, though they say that samples have fewer; these are no damage.
func beyond(row []uint16, step int, bits uint) bool {
	if bits == 16 {
		return false
	}
	var least, most uint16
	if bits > 8 {
		least = 1 << (bits - 1) // below zero
	}
	for x := 0; x < len(row); x += step {
		most = max(most, row[x]+least)
	}
	return most >= least+1<<bits
}
