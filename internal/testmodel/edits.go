package testmodel

import (
	"bytes"
	"slices"
)

// MaxEdits is how many bytes of edits a fuzz target should look at.
const MaxEdits = 40

// Edited applies edits of five bytes each to a file: where (two), how much to cut, what to put there and how often. The first
// two thirds of the values of what are tokens, the others bytes.
//
// A fuzz target that takes edits rather than a file gets on: Go shortens every input that is new, before it tries others, in a
// time that grows with the square of the input's length, and a file of a kilobyte takes it a minute.
func Edited(file, edits []byte, tokens []string) []byte {
	for ; len(edits) >= 5; edits = edits[5:] {
		at := (int(edits[0])<<8 | int(edits[1])) % (len(file) + 1)
		cut := min(int(edits[2]), len(file)-at)
		put := []byte{edits[3]}
		if n := int(edits[3]); n < 170 && len(tokens) > 0 {
			put = []byte(tokens[n%len(tokens)])
		}
		file = slices.Concat(file[:at], bytes.Repeat(put, int(edits[4])%8), file[at+cut:])
	}
	return file
}
