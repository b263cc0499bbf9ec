//go:build race

package kernel

// rounds of a loop over random layers: few, since the race detector slows plain Go down and has little to find here.
func rounds(n int) int { return n / 8 }
