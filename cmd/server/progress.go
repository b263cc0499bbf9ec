package main

import (
	"fmt"
	"io"
)

// counter shows how far the work is, on a terminal only.
type counter struct {
	w           io.Writer // nil when nobody looks
	done, total int
}

func newCounter(w io.Writer, total int) *counter { return &counter{w: w, total: total} }

func (c *counter) step() {
	c.done++
	if c.w != nil {
		fmt.Fprintf(c.w, "\r%d of %d pictures", c.done, c.total)
	}
}

// clear makes room for a line of something else.
func (c *counter) clear() {
	if c.w != nil {
		fmt.Fprint(c.w, "\r\x1b[K")
	}
}
