package hw_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// A network is placed on the emulated chip, which tells what it takes of it and what it loses there.
func Example() {
	board, err := loihi.Open(loihi.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()
	placement, err := board.Place(context.Background(), hwtest.Network())
	if err != nil {
		fmt.Println(err)
		return
	}
	report := placement.Report()
	for _, l := range report.Layers {
		fmt.Println(l.Layer, "drives", l.NeuronCount, "neurons by", l.Synapses, "synapses; weights rounded:", l.RoundedWeights)
	}
	for _, r := range report.Resources {
		fmt.Println(r.Name, r.Used, "of", r.Available)
	}
	fmt.Println("exact:", report.Exact)
	// Output:
	// conv1 drives 120 neurons by 1664 synapses; weights rounded: 0
	// conv2 drives 150 neurons by 2860 synapses; weights rounded: 0
	// dense drives 7 neurons by 1050 synapses; weights rounded: 0
	// cores 3 of 128
	// neurons 277 of 1048576
	// synapses 5574 of 120000000
	// exact: true
}

// A board that cannot run a network names all that is in the way.
func ExampleRefusal() {
	board, err := loihi.Open(loihi.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()
	network := hwtest.Network()
	for _, l := range network.Layers {
		if n, ok := l.(*spike.Neurons); ok {
			n.Reset = spike.ResetBySubtraction // the chip has reset to zero
		}
	}
	_, err = board.Place(context.Background(), network)
	var refusal *hw.Refusal
	if errors.As(err, &refusal) {
		for _, r := range refusal.Reasons {
			fmt.Println(refusal.Board, "cannot run", r.Layer)
		}
	}
	// Output:
	// loihi cannot run spike1
	// loihi cannot run spike2
	// loihi cannot run spike3
}
