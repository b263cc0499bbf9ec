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
	from        int           // of done, that were done before it began
	more        func() string // nil, or what else is shown
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
	more := ""
	if c.more != nil {
		more = c.more()
	}
	if rest, known := c.left(); known {
		more += fmt.Sprintf(", about %v left", max(rest.Round(time.Second), time.Second))
	}
	fmt.Fprintf(c.w, "\r%d of %d pictures (%d%%)%s\x1b[K", c.done, c.total, 100*c.done/c.total, more)
}

func (c *counter) took() time.Duration { return c.now().Sub(c.began) }

// rate is how many pictures a second were done since it began.
func (c *counter) rate() float64 {
	if took := c.took().Seconds(); took > 0 {
		return float64(c.done-c.from) / took
	}
	return 0
}

// left is the time left, once that is known.
func (c *counter) left() (time.Duration, bool) {
	took, done := c.took(), c.done-c.from
	if took < counterSure || done == 0 || c.done >= c.total {
		return 0, false
	}
	return time.Duration(float64(took) / float64(done) * float64(c.total-c.done)), true
}

// clear makes room for a line of something else.
func (c *counter) clear() {
	if c.w != nil && !c.last.IsZero() {
		fmt.Fprint(c.w, "\r\x1b[K")
	}
}
