package loihi_test

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// A network runs on the emulated chip, which tells of its steps and of what left its range.
func Example() {
	ctx := context.Background()
	board, err := loihi.Open(loihi.Options{Chip: loihi.Loihi1, Chips: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()
	network := hwtest.Network()
	placement, err := board.Place(ctx, network)
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := placement.Load(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	shapes, err := network.Shapes()
	if err != nil {
		fmt.Println(err)
		return
	}
	in, shape := hwtest.Input(network, 1), shapes[len(shapes)-1]
	out := spike.Train{Axis: spike.Steps, Shape: shape, Counts: make([]uint8, in.Steps()*shape.Len())}
	stats, seen, err := program.Measure(ctx, in, out, spike.RunOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stats.Spikes, "spikes in", in.Steps(), "steps, for which the chip took", seen.BoardSteps)
	fmt.Println("saturated:", seen.Saturated)
	// Output:
	// 517 spikes in 12 steps, for which the chip took 15
	// saturated: 0
}
