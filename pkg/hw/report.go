package hw

// Report says what precision a network loses on a board, and what resources it uses.
type Report struct {
	Board string `json:"board"`
	// Exact says that the board gives the simulator's spikes as long as no state saturates.
	Exact     bool          `json:"exact"`
	Layers    []LayerReport `json:"layers"`
	Resources []Resource    `json:"resources"`
}

// Resource is how much of something is used and available. Available is 0 if there is no limit or none is known.
type Resource struct {
	Name      string `json:"name"` // "cores", "neurons", "synapses"
	Used      int    `json:"used"`
	Available int    `json:"available,omitempty"`
}

// LayerReport is a weighted layer with the neurons that it drives.
type LayerReport struct {
	Layer   string `json:"layer"`
	Neurons string `json:"neurons"`
	Exact   bool   `json:"exact"`
	// Scale is the current that one step of the board's weights stands for; 0 if weights are floating point.
	Scale float64 `json:"scale,omitempty"`
	// The number of weights, and how many of them were clipped to the board's range or rounded to a value that it has.
	Weights        int `json:"weights"`
	ClippedWeights int `json:"clipped_weights"`
	RoundedWeights int `json:"rounded_weights"`
	// The largest differences that rounding made, in steps of the board's weights.
	WeightError float64 `json:"weight_error"`
	BiasError   float64 `json:"bias_error"`
	// The threshold and the decay in the network and on the board, both in the network's unit. The decay of a neuron that
	// does not leak is 1.
	Threshold      float64 `json:"threshold"`
	BoardThreshold float64 `json:"board_threshold"`
	Decay          float64 `json:"decay"`
	BoardDecay     float64 `json:"board_decay"`
	// Reach is the largest state that any input could cause, as a fraction of the board's range. Above 1 a state can
	// saturate; [Telemetry] counts how often one does.
	Reach       float64 `json:"reach,omitempty"`
	NeuronCount int     `json:"neuron_count"`
	Synapses    int     `json:"synapses"`
	Cores       int     `json:"cores,omitempty"`
}
