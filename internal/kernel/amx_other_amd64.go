//go:build !linux && !purego

package kernel

// hasAMX is false where nobody has tried how the system is asked for tiles.
func hasAMX() bool { return false }
