package kernel

// SpikeSum adds up the spikes of one row of a map, counts [len(fanCols)][c], each column's weighted with its fan-out:
// the windows that read it, of Window.Cover. Times the row's own fan-out and the channels that read it, that is the
// row's synaptic operations.
func SpikeSum(counts []uint8, c int, fanCols []int) uint64 {
	byteSum := current.Load().byteSum
	var sum uint64
	for first := 0; first < len(fanCols); {
		last := first + 1
		for last < len(fanCols) && fanCols[last] == fanCols[first] {
			last++
		}
		sum += byteSum(counts[first*c:last*c]) * uint64(fanCols[first])
		first = last
	}
	return sum
}

func byteSumPlain(counts []uint8) uint64 {
	var sum uint64
	for _, n := range counts {
		sum += uint64(n)
	}
	return sum
}
