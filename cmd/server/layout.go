package main

import (
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// cells is how many columns of a terminal a text takes. East Asian wide characters take two (Unicode Standard Annex 11), marks
// that combine with the character before them none.
func cells(text string) (n int) {
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clipped is a text of at most that many cells. What is too much is taken from the front, since the names of pictures differ
// at their ends.
func clipped(text string, most int) string {
	if cells(text) <= most {
		return text
	}
	left, at := most-1, len(text) // one for the ellipsis
	for at > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if left -= cellsOf(r); left < 0 {
			break
		}
		at -= size
	}
	for at < len(text) { // a mark has lost what it stood on
		r, size := utf8.DecodeRuneInString(text[at:])
		if cellsOf(r) > 0 {
			break
		}
		at += size
	}
	return "…" + text[at:]
}

// padded is a text with spaces up to that many cells.
func padded(text string, to int) string { return text + strings.Repeat(" ", max(0, to-cells(text))) }

// sparkline is a bar for each probability, in eighths of a line's height.
func sparkline(probabilities []float64) string {
	var out strings.Builder
	bars := []rune("▁▂▃▄▅▆▇█")
	for _, p := range probabilities {
		out.WriteRune(bars[int(math.Round(min(max(p, 0), 1)*float64(len(bars)-1)))])
	}
	return out.String()
}

// shown is a stranger's text on one line and without what steers a terminal: see [printable].
func shown(text string) string {
	var out strings.Builder
	p := &printable{w: &out}
	_, _ = io.WriteString(p, oneLine(text))
	p.end()
	return out.String()
}

// style is how a terminal shows a text: the parameter of "select graphic rendition" (ECMA-48, 8.3.117).
type style string

const (
	plain  style = ""
	bold   style = "1"
	faint  style = "2"
	yellow style = "33"
)

// styled writes a text in a style, where there are colours.
func (s *streams) styled(with style, text string) error {
	to, ok := s.out.(*printable)
	if !ok || !s.colour || with == plain || text == "" {
		_, err := io.WriteString(s.out, text)
		return err
	}
	text, end := strings.TrimSuffix(text, "\n"), text[len(strings.TrimSuffix(text, "\n")):]
	if err := to.styled(with, text); err != nil {
		return err
	}
	_, err := io.WriteString(to, end)
	return err
}

// styled writes a text between the sequences that begin and end a style. The text itself steers nothing.
func (p *printable) styled(with style, text string) error {
	text = shown(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := io.WriteString(p.w, "\x1b["+string(with)+"m"+text+"\x1b[0m")
	return err
}
