package api

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// partDocument says which part of a form an answer is for, so that a client need not count.
type partDocument struct {
	Index    int     `json:"index"`
	Filename *string `json:"filename"` // nil when the part has none
}

// maxFileName bounds the bytes of a name that is told back.
const maxFileName = 255

// fileName is what may be told back of a name that a client gave a part: its last element, whatever separates them where
// it comes from, without characters that would steer a terminal or turn the direction of writing.
func fileName(given string) *string {
	name := given[strings.LastIndexAny(given, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r // of bytes that are no character, utf8.RuneError too
	}, name)
	for len(name) > maxFileName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	if name == "" || name == "." || name == ".." {
		return nil
	}
	name = strings.Clone(name) // lets go of the header
	return &name
}
