"""The network in NumPy, as docs/MODEL_FILE.md defines it: what the other plug-ins and the client are tried with."""

import numpy as np

from ..board import Run, report
from ..network import Neurons


class Board:
    name = "simulator"
    capabilities = {
        "fidelity": "float",
        "axes": ["rows", "steps"],
        "layers": ["conv2d", "dense", "max_pool2d", "flatten", "neurons"],
        "dynamics": ["spiking_relu", "integrate_and_fire", "leaky_integrate_and_fire"],
        "resets": ["subtract", "zero"],
        "weight_bits": 0,
        "state_bits": 0,
        "max_count": 255,
        "max_steps": 64,
    }

    def place(self, network):
        return Placed(network)


class Placed:
    def __init__(self, network):
        self.network = network
        # Sums of whole numbers are exact; those of floating-point weights come in another order than the client's.
        self.report = report(network, Board.name, all(s.weighted.weights.dtype == np.int8 for s in network.stages()))

    def run(self, train):
        network, layers, clipped = self.network, {}, 0
        steps = len(train)
        train = network.pooled(train, -1)
        stages = iter(network.stages())
        for i, layer in enumerate(network.layers):
            if isinstance(layer, Neurons):
                stage = next(stages)
                # The rows of one current are the steps, or each step has a current of its own.
                rows = network.axis == "rows"
                currents = current(stage, train) if rows else (current(stage, counts) for counts in train)
                start = layer.voltages(stage.neuron_count(network.axis)).reshape(stage.after[rows:])
                out, held = fire(layer, start, currents)
                layers[layer.name] = out
                clipped += held
                train = network.pooled(out, i)
        return Run(layers, steps, clipped=clipped)


def windows(stage, counts):
    """What each output of a convolution reads, [H][W][kh*kw*in], as float64: sums of whole numbers are exact in it."""
    w = stage.weighted
    top, bottom, left, right = stage.pads()
    padded = np.pad(counts, ((top, bottom), (left, right), (0, 0))).astype(np.float64)
    seen = np.lib.stride_tricks.sliding_window_view(padded, w.kernel, axis=(0, 1))[::w.stride[0], ::w.stride[1]]
    return seen[:stage.after[0], :stage.after[1]].transpose(0, 1, 3, 4, 2).reshape(*stage.after[:2], -1)


def current(stage, counts):
    """The input current of a map of spikes [H][W][C], every operation rounded to float32 by itself."""
    w = stage.weighted
    sums = windows(stage, counts) @ w.weights.reshape(-1, stage.after[2]).astype(np.float64)
    x = sums.astype(np.float32) * w.scale if w.scale is not None else (sums * np.float64(stage.value)).astype(np.float32)
    return x + w.bias if w.bias is not None else x


def fire(n, v, currents):
    """Spikes of each step, and how often a neuron had more than 255 to emit."""
    out, clipped = [], 0
    for x in currents:
        if n.model == "spiking_relu":
            v = v + np.maximum(x, np.float32(0)) * n.dt
            clipped += int((v >= 256).sum())
            spikes = np.clip(np.floor(v), np.float32(0), np.float32(255))
            v = v - spikes
        else:
            v = (n.decay * v if n.model == "leaky_integrate_and_fire" else v) + x
            spikes = v >= n.threshold
            v = np.where(spikes, np.float32(0) if n.reset == "zero" else v - n.threshold, v)
        out.append(spikes.astype(np.uint8))
    return np.stack(out), clipped
