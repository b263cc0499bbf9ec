"""BrainChip's Akida: the software back end of its package, for networks that fit an AKD1000.

Akida has no state over steps. A network of one step whose neurons fire at most once is a network with activations of one
bit, which is Akida's own kind, and comes out spike for spike. Everything else is refused: by this plug-in, or in the words of
the package when it maps the network onto its virtual AKD1000. Weights are not squeezed into fewer bits here: int8 ones have to lie
in Akida's four, -7 to 7. Nothing here has run on a chip; a device that is plugged in is not used.
"""

import re

import akida
import numpy as np

from ..board import Refused, Run, report
from ..network import Neurons, Pool

LARGEST = 7


class Board:
    name = "akida"
    capabilities = {
        "fidelity": "exact_emulator",
        "axes": ["steps"],
        "layers": ["conv2d", "dense", "flatten", "neurons"],
        "dynamics": ["integrate_and_fire", "leaky_integrate_and_fire"],
        "resets": ["zero", "subtract"],
        "weight_bits": 4,
        "state_bits": 32,
        "max_count": 1,
        "max_steps": 1,
    }

    def place(self, network):
        reasons = []
        if network.axis != "steps":
            reasons.append(("", "the rows of the picture are its time; Akida is shown a whole picture"))
        elif network.steps != 1:
            reasons.append(("", f"it has {network.steps} steps; Akida's neurons keep nothing from one step to the next"))
        if network.source.max_count() > 1:
            reasons.append((network.source.name, "its spikes come several to a step"))
        for layer in network.layers:
            if isinstance(layer, Pool):
                reasons.append((layer.name, "pooling is not put onto Akida by this plug-in"))
            elif isinstance(layer, Neurons) and layer.model == "spiking_relu":
                reasons.append((layer.name, "spiking_relu fires several times a step"))
        if not reasons:
            for stage in network.stages():
                reasons += weigh(stage)
        if reasons:
            raise Refused(*reasons)
        stages, models = network.stages(), []
        try:
            for count in range(1, len(stages) + 1):  # one ends behind each layer: what is inside a model cannot be seen
                models.append(build(network, stages[:count]))
            build(network, stages).map(akida.AKD1000(), hw_only=True)
        except (RuntimeError, ValueError) as e:
            named = re.search(r"'layer(\d+)'", str(e))
            name = stages[int(named[1])].weighted.name if named else ""
            raise Refused((name, f"Akida says: {e}")) from None
        return Placed(network, models)


def weigh(stage):
    """Why Akida has no weights or thresholds like a stage's."""
    w, neurons = stage.weighted, stage.neurons
    if w.scale is None:
        return [(w.name, "floating-point weights")]
    reasons = []
    beyond = int((abs(w.weights.astype(int)) > LARGEST).sum())
    if beyond:
        reasons.append((w.name, f"{beyond} of its {w.weights.size} weights are beyond four bits, -{LARGEST} to {LARGEST}"))
    if not (np.isfinite(w.scale) & (w.scale >= 0)).all() or w.bias is not None and not np.isfinite(w.bias).all():
        reasons.append((w.name, "a scale is negative, or it or a bias is not finite"))
    start = neurons.voltages(np.prod(stage.after)).reshape(-1, stage.after[2])
    if (start != start[0]).any():
        reasons.append((neurons.name, "starting voltages differ within a channel, which has one threshold"))
    return reasons


def thresholds(stage):
    """For each channel the largest sum of weights at which its neurons do not fire, found as float32 has it: Akida fires above."""
    w, neurons = stage.weighted, stage.neurons
    most = LARGEST * w.weights[..., 0].size
    sums = np.arange(-most, most + 1).astype(np.float32)[:, np.newaxis]
    x = sums * w.scale
    if w.bias is not None:
        x = x + w.bias
    v = neurons.voltages(np.prod(stage.after))[:stage.after[2]]
    if neurons.model == "leaky_integrate_and_fire":
        v = neurons.decay * v
    fires = v + x >= neurons.threshold
    return np.where(fires.any(0), fires.argmax(0), 2 * most + 1).astype(np.int32) - most - 1


def build(network, stages):
    model, shape = akida.Model(), stages[0].before
    model.add(akida.InputData(shape, input_bits=1))
    for i, stage in enumerate(stages):
        w, channels, name = stage.weighted, stage.after[2], f"layer{i}"
        common = {"name": name, "weights_bits": 4, "activation": True, "act_bits": 1}
        if w.dense:
            model.add(akida.FullyConnected(units=channels, **common))
            # Akida counts the map before it as [C][W][H], ours is flattened as [H][W][C].
            weights = w.weights.reshape(*shape, channels).transpose(2, 1, 0, 3).reshape(1, 1, -1, channels)
        else:
            padding = akida.Padding.Same if w.same else akida.Padding.Valid
            model.add(akida.Convolutional(kernel_size=w.kernel, filters=channels, padding=padding, kernel_stride=w.stride, **common))
            weights = w.weights[::-1, ::-1]  # a true convolution
        layer = model.get_layer(name)
        layer.set_variable("weights", np.ascontiguousarray(weights))
        layer.set_variable("threshold", thresholds(stage))
        shape = stage.after
    return model


class Placed:
    def __init__(self, network, models):
        self.network, self.models = network, models
        self.report = report(network, Board.name, True)

    def run(self, train):
        shown = np.ascontiguousarray(self.network.pooled(train, -1))
        layers = {}
        for stage, model in zip(self.network.stages(), self.models):
            layers[stage.neurons.name] = model.forward(shown).astype(np.uint8).reshape(1, *stage.after)
        return Run(layers, board_steps=1)
