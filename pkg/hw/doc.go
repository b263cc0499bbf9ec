// Package hw lets a network run on a neuromorphic board instead of the simulator.
//
// A [Board] is a [spike.Backend], which is all that the rest of the program needs. Beyond that it says what it can do,
// what a network takes of it and loses on it ([Report]), and how it is ([Board.Health]). A network is first placed, which
// tells whether it fits and what it loses, and then loaded. The suite in hwtest holds every board to this contract, and the
// simulator too.
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
