package spinnaker

import (
	"context"
	"sync"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// stepper runs the simulator step by step: it waits in OnStep for the spikes of the next.
type stepper struct {
	in    chan []uint8
	out   chan [][]uint8
	group sync.WaitGroup
}

func newStepper(ctx context.Context, n *spike.Network, steps int) *stepper {
	s := &stepper{in: make(chan []uint8), out: make(chan [][]uint8)}
	s.group.Go(func() {
		defer close(s.out)
		runner, err := spike.Simulator{}.Compile(ctx, n)
		if err != nil {
			panic(err)
		}
		stages, _ := hw.Stages(n)
		rec := &spike.Recorder{}
		for _, st := range stages {
			rec.Rasters = append(rec.Rasters, st.Neurons.LayerName)
		}
		last := stages[len(stages)-1].Out
		in := spike.Train{Axis: n.Axis, Shape: n.Input, Counts: make([]uint8, steps*n.Input.Len())}
		out := spike.Train{Axis: n.Axis, Shape: last, Counts: make([]uint8, steps*last.Len())}
		next := func(step int) error {
			select {
			case counts := <-s.in:
				copy(in.Step(step), counts)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if next(0) != nil {
			return
		}
		runner.Run(ctx, in, out, spike.RunOptions{Recorder: rec, OnStep: func(step int, _ []uint8) error {
			var spikes [][]uint8
			for _, l := range rec.Layers {
				spikes = append(spikes, l.Raster.Step(step))
			}
			select {
			case s.out <- spikes:
			case <-ctx.Done():
				return ctx.Err()
			}
			if step == steps-1 {
				return nil
			}
			return next(step + 1)
		}})
	})
	return s
}

func (s *stepper) step(counts []uint8) ([][]uint8, bool) {
	s.in <- counts
	spikes, ok := <-s.out
	return spikes, ok
}
