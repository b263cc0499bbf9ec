package jpeg2000

// Tag trees, B.10.2. The nodes of a tree lie level by level, from the leaves to the root. A node is the least value it can
// have, times two, plus one when that is its value.

// treeNodes is how many nodes a tree of so many leaves has.
func treeNodes(across, down int) int {
	n := across * down
	for across > 1 || down > 1 {
		across, down = (across+1)/2, (down+1)/2
		n += across * down
	}
	return n
}

// tag decodes the value of a leaf as far as it is below limit, and tells whether it is known.
func (b *headerBits) tag(nodes []uint32, across, down, x, y int, limit uint32) (value uint32, known bool) {
	var starts, widths [17]int
	levels := 0
	for start := 0; ; levels++ {
		starts[levels], widths[levels] = start, across
		if across <= 1 && down <= 1 {
			break
		}
		start += across * down
		across, down = (across+1)/2, (down+1)/2
	}
	for level := levels; level >= 0; level-- {
		node := &nodes[starts[level]+y>>level*widths[level]+x>>level]
		value, known = max(value, *node>>1), *node&1 != 0
		for !known && value < limit && !b.over {
			if known = b.bit() != 0; !known {
				value++
			}
		}
		*node = value << 1
		if known {
			*node |= 1
		}
	}
	return value, known
}
