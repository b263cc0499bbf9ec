package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Formats that [NewLogger] writes.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger writes structured records of the level and above to w, one a line,
// as text (key=value) or JSON. An unknown format is an error.
func NewLogger(w io.Writer, format string, level slog.Level) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case FormatText:
		return slog.New(slog.NewTextHandler(w, options)), nil
	case FormatJSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("unknown log format %q, must be %q or %q", format, FormatText, FormatJSON)
}

// What waits to be logged at most, and how long the end of the program waits for it.
const (
	logBacklog  = 1 << 20 // bytes
	logPatience = time.Second
)

// NewServiceLogger is [NewLogger] for a service, which must neither wait nor end because nobody takes its records: they
// pass through a [Spool] of 1 MiB, and what does not fit is dropped, counted, and told of once w takes records again.
// flush ends it, after at most a second. The pipe's signal has to be ignored by the program.
func NewServiceLogger(w io.Writer, format string, level slog.Level, metrics *Metrics) (log *slog.Logger, flush func(), err error) {
	direct, err := NewLogger(w, format, level)
	if err != nil {
		return nil, nil, err
	}
	spool := NewSpool(w, logBacklog, metrics.logDropped.Inc, func(n int) {
		direct.Warn("log records were dropped here: standard error did not take them in time", "records", n)
	})
	log, err = NewLogger(spool, format, level)
	return log, func() { spool.Close(logPatience) }, err
}
