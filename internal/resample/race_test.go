//go:build race

package resample

const raceEnabled = true
