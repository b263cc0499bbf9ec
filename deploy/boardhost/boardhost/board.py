"""What a plug-in is: a class Board with

- name and capabilities, the latter as hw.Capabilities has them in JSON;
- place(network), which raises Refused or gives an object with a report and run(train), which gives a Run;
- health(), if it wants: why the board cannot run anything at the moment, or None.

The host calls place and run one at a time, from threads of its own.
"""

from dataclasses import dataclass, field


class Refused(Exception):
    """The board cannot run a network: reasons are (layer, reason), the layer empty where it is the network as a whole."""

    def __init__(self, *reasons):
        super().__init__("; ".join(f'layer "{layer}": {reason}' if layer else reason for layer, reason in reasons))
        self.reasons = reasons


class BadInput(ValueError):
    """What a client sent is not what the network takes."""


@dataclass
class Run:
    """What a board made of a train: the spikes of every layer of neurons before pooling, by name, uint8 with the train's
    axes, and what the board tells beside them. energy_joules and device_time_ns only where a board measured them."""

    layers: dict
    board_steps: int
    saturated: int = 0
    clipped: int = 0
    measured: dict = field(default_factory=dict)


def report(network, board, exact, more=None):
    """A report as the client reads it; more is (fields of a layer's part) by layer, over what a board that loses nothing says."""
    layers = []
    for stage in network.stages():
        neurons, weighted = stage.neurons, stage.weighted
        threshold = float(neurons.threshold)
        decay = float(neurons.decay) if neurons.model == "leaky_integrate_and_fire" else 1.0
        part = {
            "layer": weighted.name, "neurons": neurons.name, "exact": exact, "weights": int(weighted.weights.size), "clipped_weights": 0,
            "rounded_weights": 0, "weight_error": 0.0, "bias_error": 0.0, "threshold": threshold, "board_threshold": threshold,
            "decay": decay, "board_decay": decay, "neuron_count": stage.neuron_count(network.axis), "synapses": stage.synapses(),
        }
        part.update((more or {}).get(weighted.name, {}))
        layers.append(part)
    used = [{"name": name, "used": sum(part[key] for part in layers)} for name, key in (("neurons", "neuron_count"), ("synapses", "synapses"))]
    return {"board": board, "exact": exact and all(part["exact"] for part in layers), "layers": layers, "resources": used}
