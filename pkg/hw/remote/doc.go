// Package remote runs networks on a board whose SDK is not written in Go. The SDK runs in a process beside the board, the
// board host, which speaks the Open Inference Protocol V2 over HTTP with binary tensors. deploy/boardhost is such a host.
//
// The requests are the protocol's own: GET v2/health/ready, GET v2, GET v2/models/NAME and POST v2/models/NAME/infer. The
// rules for what the protocol leaves open are these.
//
//   - The parameters of GET v2 are "board", its name ([a-z0-9_]{1,32}), and "capabilities", a [hw.Capabilities] in JSON.
//   - A network goes to the host by Triton's POST v2/repository/models/NAME/load, as the parameter
//     "file:1/network.safetensors": weights and, in the metadata, layers with the fields of docs/MODEL_FILE.md. NAME is
//     "spikeray-" and the 64 hex digits of the file's SHA-256. A host that cannot run it answers 400 with "reasons", a
//     list of {"layer", "reason"}, beside "error". With [Options.Model] nothing is sent: the host already has the file.
//   - The parameters of GET v2/models/NAME are "network", "sha256:" and the digest of the file that it runs, and
//     "report", a [hw.Report] in JSON. Every answer has "network" too. The client refuses a digest other than its own.
//   - Spikes are UINT8: "in" as [T][H][W][C] (axis rows: [H][W][C]) and "out" likewise. "layer/NAME" is what the neurons
//     of that name emitted, before pooling; it is asked for only when someone records it, and its parameter
//     "synaptic_operations" counts those that drove it.
//   - The parameters of an answer are "network", "spikes", "synaptic_operations", "clipped", "board_steps" and
//     "saturated", whole numbers that a host counts, and, from silicon that measured them, "energy_joules" and
//     "device_time_ns".
//   - A board has one owner: load, infer and unload carry the parameter "owner". While one owner uses the board, another is
//     answered 409. The owner loses the board when it unloads the network, or after it has sent nothing for a time that the
//     host chooses. After a crash a new process need not wait that long: with the same "owner_key" and an "owner_epoch", a
//     whole number, that is at least as large, it takes the board over at once.
//
// The package is a library by its [Open] and the errors below; what it opens is a [hw.Board].
//
//	board, err := remote.Open(ctx, remote.Options{URL: "http://127.0.0.1:8700"})
//	if err != nil {
//		return err
//	}
//	defer board.Close() // gives the board back to other owners
//	runner, err := hw.Compile(ctx, board, network)
//	if errors.Is(err, remote.ErrOwned) {
//		return errors.New("somebody else uses the board")
//	}
//	stats, err := runner.Run(ctx, in, out, spike.RunOptions{})
package remote
