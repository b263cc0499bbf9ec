// Package reuse keeps memory that is not needed any more for whoever needs such memory next.
//
// It is for pieces of many kilobytes, of which there need be no more than are in use at a time. A sync.Pool has more of them: it keeps
// some back for each processor, and keeps for two collections what nobody takes. Here all processors share one list, and what lies idle
// from one collection to the next goes.
package reuse

// Stack keeps values of one kind. It is safe for concurrent use.
type Stack[T any] struct {
	fresh func() T
	kept  *kept[T]
}

// NewStack is a stack that keeps nothing yet. fresh makes a value where none is kept.
func NewStack[T any](fresh func() T) *Stack[T] { return &Stack[T]{fresh, new(kept[T])} }

// Get returns the value that came last, or a fresh one.
func (s *Stack[T]) Get() T {
	s.kept.mu.Lock()
	if n := len(s.kept.values); n > 0 {
		defer s.kept.mu.Unlock()
		return s.kept.take(n - 1)
	}
	s.kept.mu.Unlock()
	return s.fresh()
}

// Put keeps a value for a later Get. The caller may not use it afterwards.
func (s *Stack[T]) Put(v T) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	s.kept.add(v)
}
