// Package hw defines how a network runs on a neuromorphic board instead of the simulator.
//
// A [Board] is a [spike.Backend], which is all that the rest of the program needs. In addition a board says what it can
// run ([Capabilities]), what resources a network uses and what precision it loses ([Report]), and whether the board is
// healthy ([Board.Health]). A network is first placed and then loaded. Placing shows whether the network fits and what it
// loses. The test suite in package hwtest checks that a board keeps this contract; it runs for every board and for the
// simulator.
//
// The package is a library: the contract for who writes an adapter to a board, within this repository or outside. An adapter
// implements [Board], [Placement] and [Program], and may implement [Quantised]; [Stages], [CheckTrains], [Compile],
// [NewError] and [Refusal] are there to help it. Its test is one call:
//
//	func TestBoard(t *testing.T) {
//		hwtest.Run(t, func(t *testing.T) hw.Board {
//			board, err := myboard.Open(myboard.Options{})
//			if err != nil {
//				t.Fatal(err)
//			}
//			return board
//		})
//	}
//
// The adapters of this repository are in the packages beside hwtest. Who runs a network on one opens it, and then has a
// Board:
//
//	board, err := loihi.Open(loihi.Options{})
//	if err != nil {
//		return err
//	}
//	defer board.Close()
//	placement, err := board.Place(ctx, network) // a *hw.Refusal names what is in the way
//	if err != nil {
//		return err
//	}
//	program, err := placement.Load(ctx)
package hw
