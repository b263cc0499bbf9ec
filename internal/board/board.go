// Package board stands between a model and the board that runs its spiking body: a [Supervisor] is the board's one
// owner, bounds what waits for it and how long it may take, notices when it fails or answers wrongly, and has the
// simulator answer in its place where it is told to, on the network with the board's own numbers.
package board

// Fallback says when the simulator answers in a board's place.
type Fallback string

const (
	Off     Fallback = "off"     // never
	Start   Fallback = "start"   // while the board has not been reached since the start
	Request Fallback = "request" // for every request that the board does not answer
)

// State is that of the breaker between requests and a board.
type State string

const (
	Closed      State = "closed"      // requests go to the board
	Open        State = "open"        // none does until the canary is answered rightly
	HalfOpen    State = "half_open"   // the canary is being tried
	Quarantined State = "quarantined" // the board answered wrongly: none does until an operator says so
)

// States are all of them.
var States = []State{Closed, Open, HalfOpen, Quarantined}

// Words are states or kinds as text.
func Words[T ~string](all []T) []string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return words
}

// Watcher is told what becomes of a board. Its methods are called one at a time.
type Watcher interface {
	State(State)
	Failed(Kind)
	Canary(right bool)
}
