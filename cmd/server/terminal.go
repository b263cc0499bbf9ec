package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// printable writes on what may be a terminal. Names of files and what model files say of themselves are a stranger's text:
// characters that would steer a terminal, or turn the direction of writing, are written as \u and four hexadecimal
// digits, which is also how JSON writes them, and bytes that are no character as \x and two. It is safe for concurrent use.
type printable struct {
	mu   sync.Mutex
	w    io.Writer
	rest []byte // the beginning of a character whose end has not been written yet
}

func (p *printable) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := append(p.rest, text...)
	p.rest = nil
	var out bytes.Buffer
	for len(all) > 0 {
		r, n := utf8.DecodeRune(all)
		switch {
		case r == utf8.RuneError && n <= 1 && !utf8.FullRune(all):
			p.rest = bytes.Clone(all)
			all = nil
			continue
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, all[0])
		case r == '\n' || r == '\t' || !steers(r):
			out.Write(all[:n])
		case r > 0xffff:
			fmt.Fprintf(&out, `\U%08x`, r)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		all = all[n:]
	}
	if _, err := p.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// end writes what was left over, unless a write is stuck where nobody reads.
func (p *printable) end() {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	for _, b := range p.rest {
		fmt.Fprintf(p.w, `\x%02x`, b)
	}
	p.rest = nil
}

// oneLine keeps names of files from making lines of their own.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\u000a`, "\t", `\u0009`).Replace(text)
}

// steers tells whether a character is a control, the end of a line to some, or turns the direction of writing.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
