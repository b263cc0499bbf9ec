package telemetry

import (
	"fmt"
	"io"
	"log/slog"
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
	return nil, fmt.Errorf("log format %q: want %q or %q", format, FormatText, FormatJSON)
}
