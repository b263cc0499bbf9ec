// Package hwtest tests whether a board keeps the contract of package hw. An adapter's test calls [Run].
//
// The package is a library for tests of adapters, and only for tests. [Network] and [Input] are a network that boards can
// run and spikes for it, for what an adapter's own tests want to look at beyond that:
//
//	func TestSpikesAreTheSimulators(t *testing.T) {
//		network := hwtest.Network()
//		in := hwtest.Input(network, 1)
//		out := hwtest.Output(t, network, in)
//		program := hwtest.Load(t, board, network)
//		if _, err := program.Run(t.Context(), in, out, spike.RunOptions{}); err != nil {
//			t.Fatal(err)
//		}
//	}
package hwtest
