// Package spinnaker runs a network on a SpiNNaker 1 board with live spikes over UDP. sPyNNaker must have loaded the network.
//
// The toolchain places and loads the network, in a script like this:
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
// The script makes one population for the network's source and one for each of its layers of neurons, under the layers'
// names, and a population of one neuron, the marker. Source and marker are spike injectors. All populations send their
// spikes live, every synapse has a delay of one time step, and neuron i of a population is element i of the map [H][W][C].
// A run must be at least as long as the steps of a picture, plus one for each layer, plus one. Before each run the toolchain
// announces its database and waits for a confirmation, which this package sends when there is a picture to run. In the
// toolchain's configuration, [Database] wait_on_confirmation_timeout must be long enough for that.
//
// Populations, sizes, keys and tags are in the database and are checked before anything runs. Weights and thresholds are
// not; only a known input shows whether they are right. None of this has been tried on a board.
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
