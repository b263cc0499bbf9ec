// Package spinnaker runs a network on a SpiNNaker 1 board, on which sPyNNaker has loaded it, by live spikes over UDP.
//
// Placing and loading are the toolchain's, in a script of this kind:
//
//	import spynnaker.pyNN as sim
//	sim.setup(timestep=1.0)
//	made = [sim.Population(198, sim.external_devices.SpikeInjector(), label="source"),
//	        sim.Population(1, sim.external_devices.SpikeInjector(), label="marker"),
//	        sim.Population(120, sim.IF_curr_delta(...), label="spike1"), ...]
//	sim.Projection(made[0], made[2], sim.FromListConnector(...), sim.StaticSynapse(delay=1.0)) ...
//	for population in made:
//	    sim.external_devices.activate_live_output_for(population, database_notify_port_num=19999)
//	while True:
//	    sim.run(80)
//	    sim.reset()
//
// There is a population for the network's source and for each of its layers of neurons, by their names, and one of a single
// neuron, the marker. Source and marker are spike injectors, all send their spikes live, every synapse has a delay of one
// time step, and neuron i of a population is element i of the map [H][W][C]. A run has time for the steps of a picture, one
// more for each layer and one more. Before each, the toolchain says where its database lies and waits for our word, which
// it gets when there is a picture; [Database] wait_on_confirmation_timeout in its configuration has to allow for that.
//
// What the database tells is checked before anything runs: populations, sizes, keys, ways out. Weights and thresholds it
// does not tell; that they are the network's is for a known input to show. No board was at hand to try any of this on.
//
// The package is a library by its [Open]; what it opens is a [hw.Board], and the protocols behind it are not exported. Open
// returns when the script above has loaded the network:
//
//	board, err := spinnaker.Open(ctx, spinnaker.Options{}) // toolchain on this machine
//	if err != nil {
//		return err
//	}
//	defer board.Close()
//	runner, err := hw.Compile(ctx, board, network)
//	if err != nil {
//		return err
//	}
//	stats, err := runner.Run(ctx, in, out, spike.RunOptions{})
package spinnaker
