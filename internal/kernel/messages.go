package kernel

// Messages counts the spike messages of one row of a map, counts [len(fanCols)][c], each column's weighted with its
// fan-out: the windows that read it, of Window.Cover. A neuron that fires sends one message, whatever its count. Times the
// row's own fan-out and the channels that read it, that is the row's synaptic operations.
func (t Tier) Messages(counts []uint8, c int, fanCols []int) uint64 {
	return messagesOf(t.nonzero, counts, c, fanCols)
}

// messagesOf is Messages by a tier's way to count.
func messagesOf(nonzero func([]uint8) uint64, counts []uint8, c int, fanCols []int) uint64 {
	var sum uint64
	for first := 0; first < len(fanCols); {
		last := first + 1
		for last < len(fanCols) && fanCols[last] == fanCols[first] {
			last++
		}
		sum += nonzero(counts[first*c:last*c]) * uint64(fanCols[first])
		first = last
	}
	return sum
}

func nonzeroGeneric(counts []uint8) (n uint64) {
	for _, c := range counts {
		if c != 0 {
			n++
		}
	}
	return n
}
