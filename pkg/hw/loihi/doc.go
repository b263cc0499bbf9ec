// Package loihi runs networks as Intel's Loihi would: an emulator of its fixed-point arithmetic, integer for integer as
// Lava's bit-accurate models define it, and a [hw.Board] on it that places networks within a chip's limits.
//
// The arithmetic is checked against recordings of Lava and of a real chip. The board itself has never been silicon: where
// its neurons sit is counted, not tried.
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
