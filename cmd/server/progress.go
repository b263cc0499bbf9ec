package main

import (
	"fmt"
	"io"
	"time"
)

// counter shows how far the work is, on a terminal only.
type counter struct {
	w           io.Writer // nil when nobody looks
	done, total int
	began       time.Time
	last        time.Time // when it was shown
	now         func() time.Time
}

// A counter is shown this often at most, and tells the time left once it has seen some of the work.
const (
	counterPause = 50 * time.Millisecond
	counterSure  = 2 * time.Second
)

func newCounter(w io.Writer, total int) *counter {
	return &counter{w: w, total: total, began: time.Now(), now: time.Now}
}

func (c *counter) step() {
	c.done++
	if c.w == nil {
		return
	}
	now := c.now()
	if now.Sub(c.last) < counterPause && c.done < c.total {
		return
	}
	c.last = now
	left := ""
	if took := now.Sub(c.began); took >= counterSure && c.done < c.total {
		rest := time.Duration(float64(took) / float64(c.done) * float64(c.total-c.done))
		left = fmt.Sprintf(", about %v left", max(rest.Round(time.Second), time.Second))
	}
	fmt.Fprintf(c.w, "\r%d of %d pictures (%d%%)%s\x1b[K", c.done, c.total, 100*c.done/c.total, left)
}

// clear makes room for a line of something else.
func (c *counter) clear() {
	if c.w != nil && !c.last.IsZero() {
		fmt.Fprint(c.w, "\r\x1b[K")
	}
}
