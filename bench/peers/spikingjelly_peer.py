"""SpikingJelly: IFNode over all steps at once, each convolution on every step in one call."""

import torch
from spikingjelly.activation_based import functional, layer as sj_layer, neuron
from torch import nn

from . import steps
from .torch_peer import module


class Neurons(nn.Module):
    """A multi-step IFNode that starts where the model file says and hands on what its spikes are worth."""

    def __init__(self, threshold, start):
        super().__init__()
        self.node = neuron.IFNode(v_threshold=threshold, v_reset=None, step_mode="m")
        self.threshold, self.start = threshold, start

    def forward(self, current):
        self.node.v = torch.full_like(current[0], self.start)
        return self.node(current) * self.threshold


def load(args):
    net = steps.load(args)
    parts = []
    for l in net.body:
        if l.kind == "neurons":
            parts.append(Neurons(l.raw["threshold"], l.raw["start"]["value"]))
        else:
            parts.append(sj_layer.SeqToANNContainer(module(l).to(memory_format=torch.channels_last)))
    body = nn.Sequential(*parts)

    def predict(pictures):
        with torch.inference_mode():
            functional.reset_net(body)
            current = net.front(torch.from_numpy(pictures).to(memory_format=torch.channels_last))
            shown = current.expand(args.steps, *current.shape)
            return net.readout(body(shown).mean(0)).numpy()

    return predict
