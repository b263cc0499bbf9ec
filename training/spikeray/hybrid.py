"""The network `spikeray`: an analog stem, a spiking body over a few time steps, an analog read-out. PyTorch.

It is trained as a ReLU network and then turned into a spiking one: the activation that a channel hardly ever exceeds (its peak) becomes
the most that a neuron fires, batch norm goes into the weights, which become int8, and the network goes on training through time with a
surrogate gradient (Neftci, Mostafa and Zenke, "Surrogate gradient learning in spiking neural networks", IEEE Signal Processing Magazine
2019). A neuron integrates its current and fires graded spikes: a whole number from 0 to `most` a step, which its potential loses.
"""

import dataclasses

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# By name: (channels, kernel, stride) of the stem, which computes with real numbers, and of the spiking body.
STACKS = {
    "ten": ((24, 7, 4), (48, 3, 1), (48, 3, 1), (80, 3, 2), (80, 3, 1), (80, 3, 1), (80, 3, 1), (112, 3, 2), (112, 3, 1), (128, 3, 1)),
    "six": ((32, 7, 4), (64, 3, 1), (96, 3, 2), (96, 3, 1), (128, 3, 2), (160, 3, 1)),
    "slim": ((24, 5, 2), (40, 3, 2), (48, 3, 1), (48, 3, 1), (48, 3, 1), (80, 3, 2), (80, 3, 1), (80, 3, 1), (80, 3, 1),
             (128, 3, 2), (128, 3, 1), (128, 3, 1), (128, 3, 1)),
    "thirteen": ((24, 5, 2), (48, 3, 2), (64, 3, 1), (64, 3, 1), (64, 3, 1), (80, 3, 2), (80, 3, 1), (80, 3, 1), (80, 3, 1),
                 (112, 3, 2), (112, 3, 1), (112, 3, 1), (128, 3, 1)),
}
TINY = 1e-12  # a channel of zeros has a scale all the same
RANGE = 0.95 * 2 ** 16  # steps of a weight that a potential on Loihi may be away from zero: it has 23 bits beside its sign, a weight begins at the eighth


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a network is, before its weights."""

    stack: str = "ten"
    size: int = 128
    steps: int = 2
    most: int = 60  # spikes of a neuron in a step
    board: bool = False  # what a neuromorphic board can do: from 0, reset to zero, one scale a layer

    def layers(self) -> list[tuple[int, int, int]]:
        return list(STACKS[self.stack])

    def fans(self) -> list[float]:
        """Millions of connections that one spike of every neuron of a layer goes down, away from the borders; the read-out's are none."""
        found, side, out = self.layers(), self.size, []
        for i, (channels, _, stride) in enumerate(found):
            side = -(-side // stride)
            after = found[i + 1] if i + 1 < len(found) else (0, 1, 1)
            out.append(side * side * channels * after[0] * after[1] ** 2 / after[2] ** 2 / 1e6)
        return out


SAMPLE = 4  # operations are counted on every so many-th picture of a batch in training


def convolve(x, weight, stride):
    """A convolution with TensorFlow's padding `same`: the odd pixel goes below and to the right."""
    kernel = weight.shape[-1]
    total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
    if total[0] % 2 == 0 and total[1] % 2 == 0:
        return functional.conv2d(x, weight, stride=stride, padding=(total[0] // 2, total[1] // 2))
    return functional.conv2d(functional.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2)), weight, stride=stride)


class Analog(nn.Module):
    """The network to start from: batch norm after every convolution; (n, 1, size, size) of 0..255 -> logits (n, 2). Its activations are ReLUs, or,
    for a board, the shares of the steps at which the board's neurons would fire.

    `operations`, after a pass: millions of synaptic operations if every activation above 0 were a spike at each step; for a board of the spikes.
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
        x, out, self.operations = x / 255, [], 0.0
        for (_, _, stride), conv, norm, fan in zip(self.shape.layers(), self.convs, self.norms, self.shape.fans()):
            x = norm(convolve(x, conv.weight, stride))
            x, share = _Share.apply(x, self.shape.steps, bool(out)) if self.shape.board else _PricedReLU.apply(x)
            self.operations = self.operations + fan * self.shape.steps * share
            out.append(x)
        return out

    def forward(self, x):
        return self.logits(self.dropout(self.activations(x)[-1].float().mean((2, 3))))


class _PricedReLU(torch.autograd.Function):
    """max(x, 0), and the share of it that is above 0, told from every SAMPLE-th picture; backward an activation y has a part in the share
    that falls as 1/(y + 0.2)^2."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y, (y[::SAMPLE] > 0).float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        y, = ctx.saved_tensors
        out = gradient.contiguous(memory_format=torch.channels_last).clone()
        some = y[::SAMPLE]
        out[::SAMPLE] += (some + 0.2).pow_(-2).mul_(0.2 * price / some.numel())
        return out.mul_(y > 0)


class _Share(torch.autograd.Function):
    """The share of `steps` steps at which a neuron with the same current x at each fires, 1 its threshold, and the mean of that, told from every
    SAMPLE-th picture. It starts at 0 and is reset to 0, and so fires at every ceil(1/x)-th step; or, not to_zero, it starts at 1/2 and loses 1.
    Backward it is x between 0 and 1.
    """

    @staticmethod
    def forward(ctx, x, steps, to_zero):
        ctx.save_for_backward((x > 0) & (x < 1))
        x = x.clamp(0, 1)
        y = (torch.floor(steps / torch.ceil(1 / x)) if to_zero else torch.floor(steps * x + 0.5)) / steps
        return y, y[::SAMPLE].float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        passed, = ctx.saved_tensors
        out = gradient.contiguous(memory_format=torch.channels_last).clone()
        out[::SAMPLE] += price / out[::SAMPLE].numel()
        return out.mul_(passed), None, None


def _maps(steps, n, *shape):
    """[T][n][C][H][W] in memory, channels last."""
    return torch.empty((steps * n, *shape), memory_format=torch.channels_last).view(steps, n, *shape)


class _Fire(torch.autograd.Function):
    """The spikes of neurons over T steps, and the share of them that fire at a step, told from every SAMPLE-th picture.

    currents: [T][n][...], or [1][n][...] for the same at every step. V starts at 1/2; at each step V += current, and floor(V) spikes, none
    below 0 and `most` at most, which V loses. Backward a spike counts from V = 1/2 up (all from 3/2), and as little above the most; the loss of
    V passes no gradient. In the share V has a part that falls as 1/(V + 3/4)^2.
    """

    @staticmethod
    def forward(ctx, currents, steps, most):
        out = _maps(steps, *currents.shape[1:])
        kept, v = [], None
        for t in range(steps):
            current = currents[t % len(currents)]
            v = current + 0.5 if v is None else v.add_(current)
            kept.append(v.to(torch.bfloat16))
            torch.floor(v, out=out[t]).clamp_(0, most)
            v = v - out[t] if t == 0 else v.sub_(out[t])
        ctx.save_for_backward(*kept)
        ctx.most, ctx.still = most, len(currents) == 1
        return out, (out[:, ::SAMPLE] > 0).float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        steps = len(ctx.saved_tensors)
        later, out = None, None if ctx.still else _maps(steps, *gradient.shape[1:])
        for t in reversed(range(steps)):
            v = ctx.saved_tensors[t]
            slope = (v - 0.5).clamp_(0, 1).sub_((v - (ctx.most + 0.5)).clamp_(0, 1))
            now = gradient[t] * slope
            some = v[::SAMPLE]
            now[::SAMPLE] += (some + 0.75).clamp_min_(0.5).pow_(-2).mul_(some > 0.25).mul_(price / (some.numel() * steps))
            later = now if later is None else later.add_(now)
            if ctx.still:
                total = later.clone() if t == steps - 1 else total.add_(later)
            else:
                out[t].copy_(later)
        return (total[None] if ctx.still else out), None, None


class _FireToZero(torch.autograd.Function):
    """As _Fire, of a board's neurons: V starts at 0, fires once where V >= 1, and is reset to 0. currents: [T][n][...]. Backward a spike counts as
    the logistic function of 4(V - 1); the reset passes no gradient."""

    @staticmethod
    def forward(ctx, currents):
        out, kept, v = torch.empty_like(currents), [], None
        for t, current in enumerate(currents):
            v = current.clone() if v is None else v.add_(current)
            kept.append(v.to(torch.bfloat16))
            torch.ge(v, 1, out=out[t])
            v.mul_(1 - out[t])
        ctx.save_for_backward(*kept)
        return out, out[:, ::SAMPLE].mean()

    @staticmethod
    def backward(ctx, gradient, price):
        out, later, each = torch.empty_like(gradient), None, price / gradient[:, ::SAMPLE].numel()
        for t in reversed(range(len(out))):
            v = ctx.saved_tensors[t]
            now = gradient[t].clone()
            now[::SAMPLE] += each
            soft = torch.sigmoid(4 * (v - 1))
            now.mul_(soft.mul_(1 - soft).mul_(4))
            later = now if later is None else later.mul_(v < 1).add_(now)
            out[t].copy_(later)
        return out


class Spiking(nn.Module):
    """The spiking network, with the int8 weights that it is shipped with; backward as if they had not been rounded.

    A layer's scale is the largest weight over 127, of each output channel by itself. For a board it is the layer's, the power of two from there
    up, or from where no potential can leave the board's range, and biases are whole halves of it: thresholds then lie on the board's grid, and
    nothing is rounded; but not the stem's, which runs on the host. Steps lie one after the other along the batch.

    `operations`, after a pass, is its millions of synaptic operations: a spike, however large its count, is one for each connection it goes down.
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
        up, down = (float((s * weight).clamp_min(0).sum((1, 2, 3)).add(self.biases[i].detach().abs()).amax()) for s in (1, -1))
        least = max(float(scale.amax()), (1 + up) / RANGE, self.shape.steps * down / RANGE)
        return torch.exp2(torch.ceil(torch.log2(torch.tensor(least)))).expand_as(scale)

    def bias(self, i):
        """The bias of convolution i as it is used, (channels)."""
        bias = self.biases[i]
        if not self._on_board(i):
            return bias
        # The layer's first spikes arrive i steps late; until then nothing but the bias does, and a start that makes up for it has to stay below 1.
        half = self.scale(i).flatten() / 2
        used = torch.maximum((bias.detach() / half).round(), torch.ceil(-0.95 / i / half)) * half
        return bias + (used - bias.detach())

    def _on_board(self, i):
        return self.shape.board and i > 0

    def maps(self, x):
        """The spikes of each layer in turn, (T * n, channels, h, w), steps outermost; sets `operations` once all were taken."""
        shape, n, cost = self.shape, len(x), 0.0
        for i, ((_, _, stride), weight, fan) in enumerate(zip(shape.layers(), self.weights, shape.fans())):
            scale = self.scale(i)
            whole = weight / scale
            whole = whole + (whole.round() - whole).detach()
            unit = 255 if i == 0 else 1
            # The product rounded, then the sum, as the server has it.
            current = convolve(x, whole, stride).float() * (scale.view(1, -1, 1, 1) / unit) + self.bias(i).view(1, -1, 1, 1)
            still = i == 0
            current = current.view(1 if still else shape.steps, n, *current.shape[1:])
            spikes, share = _FireToZero.apply(current) if self._on_board(i) else _Fire.apply(current, shape.steps, shape.most)
            cost = cost + fan * shape.steps * share
            x = spikes.flatten(0, 1)
            yield x
        self.operations = cost

    def rates(self, x):
        """The spikes of the last layer, mean over places, by step: (T, n, channels)."""
        n = len(x)
        for x in self.maps(x):
            pass
        return x.mean((2, 3)).view(self.shape.steps, n, -1)

    def forward(self, x):
        return self.logits(self.rates(x).mean(0))

    def by_step(self, x):
        """The logits after each step, (T, n, 2)."""
        rates = self.rates(x)
        return torch.stack([self.logits(rates[:t + 1].mean(0)) for t in range(len(rates))])

    @torch.no_grad()
    def whole(self, i):
        """What convolution i computes with: int8 weights [kh][kw][in][out], the scale [out] that sums are multiplied by, the bias [out]."""
        scale, unit = self.scale(i), 255 if i == 0 else 1
        weights = (self.weights[i] / scale).round().permute(2, 3, 1, 0).contiguous()
        return weights.numpy().astype(np.int8), (scale.flatten() / unit).numpy().astype(np.float32), self.bias(i).numpy().astype(np.float32)


@torch.no_grad()
def finer(model: Spiking, shape: Shape) -> Spiking:
    """A spiking network with a whole number of times as many levels as model has: currents, voltages and counts are that much larger, and a count is
    worth that much less. The weights that spikes meet stay as they are."""
    times = shape.most // model.shape.most
    out = Spiking(shape)
    out.load_state_dict(model.state_dict())
    out.weights[0] *= times
    for bias in out.biases:
        bias *= times
    out.logits.weight /= times
    return out.eval()


def peaks(analog: Analog, x, share=0.999) -> list[torch.Tensor]:
    """For each layer the activation that each channel exceeds at no more than 1 - share of the places of pictures x, (channels);
    a channel that hardly fires gets a tenth of the layer's largest. For a board it is 1 of each."""
    if analog.shape.board:
        return [torch.ones(conv.out_channels) for conv in analog.convs]
    analog.eval()
    with torch.no_grad():
        found = analog.activations(x)
    out = []
    for y in found:
        flat = y.float().transpose(0, 1).flatten(1)
        top = flat.kthvalue(max(1, int(share * flat.shape[1])), dim=1).values
        out.append(torch.maximum(top, top.max() / 10 + TINY))
    return out


def converted(analog: Analog, shape: Shape, tops) -> Spiking:
    """A trained network as a spiking one to go on training with; tops: its peaks."""
    out, before = Spiking(shape), torch.ones(1)
    for i, (conv, norm) in enumerate(zip(analog.convs, analog.norms)):
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * factor.view(-1, 1, 1, 1)
        bias = norm.bias - norm.running_mean * factor
        weight = weight * before.view(1, -1, 1, 1) / tops[i].view(-1, 1, 1, 1)
        out.weights[i].data.copy_(weight * (shape.most if i == 0 else 1))
        out.biases[i].data.copy_(bias / tops[i] * shape.most)
        before = tops[i]
    out.logits.weight.data.copy_(analog.logits.weight * before.view(1, -1) / shape.most)
    out.logits.bias.data.copy_(analog.logits.bias)
    return out
