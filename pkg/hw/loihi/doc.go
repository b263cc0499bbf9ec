// Package loihi emulates Intel's Loihi. It has an emulator of the chip's fixed-point arithmetic, integer for integer as
// Lava's bit-accurate models define it, and a [hw.Board] on top of it that places networks within a chip's limits.
//
// The arithmetic is checked against recordings of Lava and of a real chip. No network has run on a chip through this
// package: placing counts neurons, synapses and axons against the published limits and was not tried on a chip.
//
// The package is a library by its [Open]; what it opens is a [hw.Board], and the emulator behind it is not exported.
//
//	board, err := loihi.Open(loihi.Options{Chip: loihi.Loihi1, Chips: 2})
//	if err != nil {
//		return err
//	}
//	defer board.Close()
//	runner, err := hw.Compile(ctx, board, network)
//	if err != nil {
//		return err
//	}
//	stats, err := runner.Run(ctx, in, out, spike.RunOptions{})
package loihi
