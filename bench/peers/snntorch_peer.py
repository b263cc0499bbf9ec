"""snnTorch: Leaky neurons whose potential does not leak, step after step."""

import snntorch
import torch
from torch import nn

from . import steps
from .torch_peer import module


class Neurons(nn.Module):
    """Keeps its membrane potential from step to step and hands on what its spikes are worth."""

    def __init__(self, threshold, start):
        super().__init__()
        self.neurons = snntorch.Leaky(beta=1.0, threshold=threshold, reset_mechanism="subtract", reset_delay=False)
        self.threshold, self.start, self.potential = threshold, start, None

    def forward(self, current):
        if self.potential is None:
            self.potential = torch.full_like(current, self.start)
        spikes, self.potential = self.neurons(current, self.potential)
        return spikes * self.threshold


def load(args):
    net = steps.load(args)
    body = nn.Sequential(*(
        Neurons(layer.raw["threshold"], layer.raw["start"]["value"]) if layer.kind == "neurons" else module(layer) for layer in net.body
    )).to(memory_format=torch.channels_last)
    neurons = [m for m in body if isinstance(m, Neurons)]

    def predict(pictures):
        with torch.inference_mode():
            for n in neurons:
                n.potential = None
            current = net.front(torch.from_numpy(pictures).to(memory_format=torch.channels_last))
            total = body(current)
            for _ in range(args.steps - 1):
                total = total + body(current)
            return net.readout(total / args.steps).numpy()

    return predict
