// Package board stands between a model and the board that runs its spiking body. A [Supervisor] is the board's only owner.
// It limits how many runs wait and how long a run may take, and notices when the board fails or answers wrongly. If it is
// configured to, it then lets the simulator answer, on the network with the board's own numbers.
package board

// Fallback says when the simulator answers instead of the board.
type Fallback string

const (
	Off     Fallback = "off"     // never
	Start   Fallback = "start"   // while the board has not been reached since the start
	Request Fallback = "request" // for every request that the board does not answer
)

// State is the state of the breaker between requests and a board.
type State string

const (
	Closed      State = "closed"      // requests go to the board
	Open        State = "open"        // no request goes to the board until it answers the canary correctly
	HalfOpen    State = "half_open"   // the canary is being tried
	Quarantined State = "quarantined" // the board answered wrongly: no request goes to it until an operator releases it
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

// Watcher observes a board. Its methods are called one at a time.
type Watcher interface {
	State(State)
	Failed(Kind)
	Canary(right bool)
}
