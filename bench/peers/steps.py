"""What the two simulators have in common: a network over steps, cut into the part before its first neurons, the
spiking part and the read-out, as docs/MODEL_FILE.md cuts it."""

from dataclasses import dataclass

import torch
from torch import nn

from . import chain, modelfile
from .torch_peer import sequential, threads


@dataclass
class Network:
    """`front` is run once and `readout` on the mean over the steps of what `body` hands on."""

    front: nn.Sequential
    body: list[chain.Layer]
    readout: nn.Sequential


def load(args) -> Network:
    threads(args.threads)
    layers = chain.layers(*modelfile.read(args.network))
    spiking = [i for i, layer in enumerate(layers) if layer.kind == "neurons"]
    end = spiking[-1] + 1
    while layers[end].kind == "max_pool2d":
        end += 1
    for i in spiking:
        raw = layers[i].raw
        if (raw["model"], raw["reset"], raw["start"]["kind"]) != ("integrate_and_fire", "subtract", "constant"):
            raise ValueError(f"layer {layers[i].name}: must be integrate-and-fire with reset by subtraction and a constant start")
        if raw.get("most", 1) != 1:
            raise ValueError(f"layer {layers[i].name}: must have binary spikes, not graded ones")
        if raw["amplitude"] != raw["threshold"]:
            raise ValueError(f"layer {layers[i].name}: a spike's value must be its threshold")
    last_first = torch.channels_last
    return Network(sequential(layers[:spiking[0]]).to(memory_format=last_first), layers[spiking[0]:end], sequential(layers[end:]))
