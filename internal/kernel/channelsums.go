package kernel

import "encoding/binary"

// ChannelSums adds to sums [C] the counts of each channel at all places, counts [places][C].
func ChannelSums(sums []uint32, counts []uint8) {
	const low = 0x00ff_00ff_00ff_00ff
	c := len(sums)
	eights := c &^ 7
	for k := 0; k < eights; k += 8 {
		// Eight channels in two words of four sums of 16 bits, which 257 counts cannot fill.
		for at := k; at < len(counts); {
			var even, odd uint64
			for n := 0; n < 257 && at < len(counts); n++ {
				eight := binary.LittleEndian.Uint64(counts[at:])
				even += eight & low
				odd += eight >> 8 & low
				at += c
			}
			for i := range 4 {
				sums[k+2*i] += uint32(even >> (16 * i) & 0xffff)
				sums[k+2*i+1] += uint32(odd >> (16 * i) & 0xffff)
			}
		}
	}
	for at := 0; eights < c && at < len(counts); at += c {
		for k, n := range counts[at+eights : at+c] {
			sums[eights+k] += uint32(n)
		}
	}
}
