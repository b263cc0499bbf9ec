package hw

import (
	"fmt"
	"strings"
)

// Refusal says why a board cannot run a network. A network can be refused for several reasons; all are named.
type Refusal struct {
	Board   string
	Reasons []Reason
}

// Reason is one of them. Layer is empty where it is the network as a whole.
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

// Add notes another reason.
func (r *Refusal) Add(layer, format string, args ...any) {
	r.Reasons = append(r.Reasons, Reason{layer, fmt.Sprintf(format, args...)})
}

// Err is the refusal, or nil without a reason.
func (r *Refusal) Err() error {
	if len(r.Reasons) == 0 {
		return nil
	}
	return r
}
