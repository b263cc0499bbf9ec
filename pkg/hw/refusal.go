package hw

import (
	"fmt"
	"strings"
)

// Refusal says why a board cannot run a network. It lists all reasons, not just the first.
type Refusal struct {
	Board   string
	Reasons []Reason
}

// Reason is one reason of a [Refusal]. Layer is empty if the reason concerns the network as a whole.
type Reason struct{ Layer, Reason string }

func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cannot run this network", r.Board)
	sep := ": "
	for _, reason := range r.Reasons {
		b.WriteString(sep)
		if reason.Layer != "" {
			fmt.Fprintf(&b, "layer %q: ", reason.Layer)
		}
		b.WriteString(reason.Reason)
		sep = "; "
	}
	return b.String()
}

// Add adds a reason.
func (r *Refusal) Add(layer, format string, args ...any) {
	r.Reasons = append(r.Reasons, Reason{layer, fmt.Sprintf(format, args...)})
}

// Err returns the refusal, or nil if it has no reasons.
func (r *Refusal) Err() error {
	if len(r.Reasons) == 0 {
		return nil
	}
	return r
}
