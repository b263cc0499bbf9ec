"""The network `spikeray`: an analog stem, a spiking body over a few time steps, an analog read-out. PyTorch.

It is trained as a ReLU network and then turned into a spiking one: the activation that a channel hardly ever exceeds
(its peak) becomes the most that a neuron fires, batch norm goes into the weights, which become int8, and the network
goes on training through time with a surrogate gradient (Neftci, Mostafa and Zenke, "Surrogate gradient learning in
spiking neural networks", IEEE Signal Processing Magazine 2019). A neuron integrates its current and fires graded
spikes: a whole number from 0 to `most` a step, which its potential loses.
"""

import collections

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .neurons import TINY, Fire, FireToZero, PricedReLU, Share
from .shape import Shape

# Steps of a weight that a potential on Loihi may be away from zero: it has 23 bits beside its sign, a weight begins at
# the eighth.
RANGE = 0.95 * 2**16


def convolve(x, weight, stride):
    """A convolution with TensorFlow's padding `same`: the odd pixel goes below and to the right."""
    kernel = weight.shape[-1]
    total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
    if total[0] % 2 == 0 and total[1] % 2 == 0:
        return functional.conv2d(x, weight, stride=stride, padding=(total[0] // 2, total[1] // 2))
    return functional.conv2d(
        functional.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2)),
        weight,
        stride=stride,
    )


class Analog(nn.Module):
    """The network to start from: batch norm after every convolution; (n, 1, size, size) of 0..255 -> logits (n, 2).
    Its activations are ReLUs, or, for a board, the shares of the steps at which the board's neurons would fire.

    `operations`, after a pass: millions of synaptic operations if every activation above 0 were a spike at each step;
    for a board of the spikes.
    """

    def __init__(self, shape: Shape, dropout=0.2):
        super().__init__()
        self.shape, before = shape, 1
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for channels, kernel, stride in shape.layers():
            self.convs.append(nn.Conv2d(before, channels, kernel, stride, bias=False))
            nn.init.xavier_uniform_(self.convs[-1].weight)
            self.norms.append(nn.BatchNorm2d(channels, eps=1e-3, momentum=0.05))
            if shape.board:  # what saturates at 1 starts small
                nn.init.constant_(self.norms[-1].weight, 0.4)
                nn.init.constant_(self.norms[-1].bias, 0.1)
            before = channels
        self.dropout, self.logits = nn.Dropout(dropout), nn.Linear(before, 2)
        self.operations = torch.zeros(())

    def activations(self, x):
        """What each layer says of pictures (n, 1, size, size); sets `operations`."""
        out: list[torch.Tensor] = []
        x, self.operations = x / 255, 0.0
        for (_, _, stride), conv, norm, fan in zip(self.shape.layers(), self.convs, self.norms, self.shape.fans()):
            x = norm(convolve(x, conv.weight, stride))
            x, share = Share.apply(x, self.shape.steps, bool(out)) if self.shape.board else PricedReLU.apply(x)
            self.operations = self.operations + fan * self.shape.steps * share
            out.append(x)
        return out

    def forward(self, x):
        return self.logits(self.dropout(self.activations(x)[-1].float().mean((2, 3))))


class Spiking(nn.Module):
    """The spiking network, with the int8 weights that it is shipped with; backward as if they had not been rounded.

    A layer's scale is the largest weight over 127, of each output channel by itself. For a board it is the layer's,
    the power of two from there up, or from where no potential can leave the board's range, and biases are whole halves
    of it: thresholds then lie on the board's grid, and nothing is rounded; but not the stem's, which runs on the host.
    Steps lie one after the other along the batch.

    `operations`, after a pass, is its millions of synaptic operations: a spike, however large its count, is one for
    each connection it goes down.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, before = shape, 1
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for channels, kernel, _ in shape.layers():
            self.weights.append(nn.Parameter(torch.zeros(channels, before, kernel, kernel)))
            self.biases.append(nn.Parameter(torch.zeros(channels)))
            before = channels
        self.logits = nn.Linear(before, 2)
        self.operations = torch.zeros(())

    def scale(self, i):
        """The scale of convolution i, (channels, 1, 1, 1)."""
        weight = self.weights[i].detach()
        scale = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=TINY) / 127
        if not self._on_board(i):
            return scale
        # No potential can leave a board's range, though all weights of one sign meet a spike at every step.
        up, down = (
            float((s * weight).clamp_min(0).sum((1, 2, 3)).add(self.biases[i].detach().abs()).amax()) for s in (1, -1)
        )
        least = max(float(scale.amax()), (1 + up) / RANGE, self.shape.steps * down / RANGE)
        return torch.exp2(torch.ceil(torch.log2(torch.tensor(least)))).expand_as(scale)

    def bias(self, i):
        """The bias of convolution i as it is used, (channels)."""
        bias = self.biases[i]
        if not self._on_board(i):
            return bias
        # The layer's first spikes arrive i steps late; until then nothing but the bias does, and a start that makes up
        # for it has to stay below 1.
        half = self.scale(i).flatten() / 2
        used = torch.maximum((bias.detach() / half).round(), torch.ceil(-0.95 / i / half)) * half
        return bias + (used - bias.detach())

    def _on_board(self, i):
        return self.shape.board and i > 0

    def maps(self, x):
        """The spikes of each layer in turn, (T * n, channels, h, w), steps outermost; sets `operations` once
        all were taken."""
        shape, n, cost = self.shape, len(x), 0.0
        for i, ((_, _, stride), weight, fan) in enumerate(zip(shape.layers(), self.weights, shape.fans())):
            scale = self.scale(i)
            whole = weight / scale
            whole = whole + (whole.round() - whole).detach()
            unit = 255 if i == 0 else 1
            # The product rounded, then the sum, as the server has it.
            current = convolve(x, whole, stride).float() * (scale.view(1, -1, 1, 1) / unit) + self.bias(i).view(
                1, -1, 1, 1
            )
            still = i == 0
            current = current.view(1 if still else shape.steps, n, *current.shape[1:])
            spikes, share = (
                FireToZero.apply(current) if self._on_board(i) else Fire.apply(current, shape.steps, shape.most)
            )
            cost = cost + fan * shape.steps * share
            x = spikes.flatten(0, 1)
            yield x
        self.operations = cost

    def rates(self, x):
        """The spikes of the last layer, mean over places, by step: (T, n, channels)."""
        n = len(x)
        last = collections.deque(self.maps(x), maxlen=1).pop()
        return last.mean((2, 3)).view(self.shape.steps, n, -1)

    def forward(self, x):
        return self.logits(self.rates(x).mean(0))

    def by_step(self, x):
        """The logits after each step, (T, n, 2)."""
        rates = self.rates(x)
        return torch.stack([self.logits(rates[: t + 1].mean(0)) for t in range(len(rates))])

    @torch.no_grad()
    def whole(self, i):
        """What convolution i computes with: int8 weights [kh][kw][in][out], the scale [out] that sums are multiplied
        by, the bias [out]."""
        scale, unit = self.scale(i), 255 if i == 0 else 1
        weights = (self.weights[i] / scale).round().permute(2, 3, 1, 0).contiguous()
        return (
            weights.numpy().astype(np.int8),
            (scale.flatten() / unit).numpy().astype(np.float32),
            self.bias(i).numpy().astype(np.float32),
        )
