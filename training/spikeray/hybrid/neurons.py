"""The neurons of `spikeray` in training: what they fire, and the gradients that stand in for a spike's. PyTorch.

Surrogate gradients: Neftci, Mostafa and Zenke, "Surrogate gradient learning in spiking neural networks", IEEE Signal
Processing Magazine 2019.
"""

import torch

SAMPLE = 4  # spikes are counted on every so many-th picture of a batch in training
GROUP = 4  # channels that the engine takes at a time: it passes over four that are silent at every step
TINY = 1e-12  # a channel of zeros has a scale all the same


def _loudness(x):
    """The Euclidean norm of each GROUP of channels at each place, (n, channels / GROUP, h, w), of x (n, channels, h,
    w) or [T][n][channels][h][w], all steps together."""
    square = x.float().square().unflatten(-3, (-1, GROUP)).sum(-3)
    return (square.sum(0) if square.ndim == 5 else square).sqrt_()


def _spread(x, part):
    """A group's part of the price, spread over its members x as the gradient of _loudness would be; part: by group,
    over its loudness."""
    return x * part.repeat_interleave(GROUP, -3)


class PricedReLU(torch.autograd.Function):
    """max(x, 0), and the share of the groups of channels with one above 0, told from every SAMPLE-th picture; backward
    a group of loudness m has a part in the share that falls as 1/(m + 0.2)^2: one that is dear to silence is hardly
    pressed, and a quiet channel of a loud group is free."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y, (y[::SAMPLE].unflatten(1, (-1, GROUP)).amax(2) > 0).float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        (y,) = ctx.saved_tensors
        out = gradient.contiguous(memory_format=torch.channels_last).clone()
        some = y[::SAMPLE]
        loud = _loudness(some)
        out[::SAMPLE] += _spread(some, 0.2 * price / loud.numel() / ((loud + 0.2).square_() * (loud + TINY)))
        return out.mul_(y > 0)


class Share(torch.autograd.Function):
    """The share of `steps` steps at which a neuron with the same current x at each fires, 1 its threshold, and the
    mean of that, told from every SAMPLE-th picture. It starts at 0 and is reset to 0, and so fires at every
    ceil(1/x)-th step; or, not to_zero, it starts at 1/2 and loses 1. Backward it is x between 0 and 1.
    """

    @staticmethod
    def forward(ctx, x, steps, to_zero):
        ctx.save_for_backward((x > 0) & (x < 1))
        x = x.clamp(0, 1)
        y = (torch.floor(steps / torch.ceil(1 / x)) if to_zero else torch.floor(steps * x + 0.5)) / steps
        return y, y[::SAMPLE].float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        (passed,) = ctx.saved_tensors
        out = gradient.contiguous(memory_format=torch.channels_last).clone()
        out[::SAMPLE] += price / out[::SAMPLE].numel()
        return out.mul_(passed), None, None


def _maps(steps, n, *shape):
    """[T][n][C][H][W] in memory, channels last."""
    return torch.empty((steps * n, *shape), memory_format=torch.channels_last).view(steps, n, *shape)


class Fire(torch.autograd.Function):
    """The spikes of neurons over T steps, the share of neurons that fire at a step and the share of GROUPs of channels
    that fire at any, both told from every SAMPLE-th picture.

    currents: [T][n][channels][h][w], or [1][n]... for the same at every step. V starts at 1/2; at each step V +=
    current, and floor(V) spikes, none below 0 and `most` at most, which V loses. Backward a spike counts from V = 1/2
    up (all from 3/2), and as little above the most; the loss of V passes no gradient. In the share of groups, what V
    is above 1/4 has a part: it falls as 1/(m + 1)^2, m the group's loudness.
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
        some = out[:, ::SAMPLE]
        return out, (some > 0).float().mean(), (some.amax(0).unflatten(1, (-1, GROUP)).amax(2) > 0).float().mean()

    @staticmethod
    def backward(ctx, gradient, _, price):
        steps = len(ctx.saved_tensors)
        some = torch.stack([v[::SAMPLE].float() for v in ctx.saved_tensors]).sub_(0.25).clamp_min_(0)
        loud = _loudness(some)
        priced = _spread(some, price / loud.numel() / ((loud + 1).square_() * (loud + TINY)))
        later: torch.Tensor | None = None
        total: torch.Tensor | None = None
        out = None if ctx.still else _maps(steps, *gradient.shape[1:])
        for t in reversed(range(steps)):
            v = ctx.saved_tensors[t]
            slope = (v - 0.5).clamp_(0, 1).sub_((v - (ctx.most + 0.5)).clamp_(0, 1))
            now = gradient[t] * slope
            now[::SAMPLE] += priced[t]
            later = now if later is None else later.add_(now)
            if out is not None:
                out[t].copy_(later)
            else:
                total = later.clone() if total is None else total.add_(later)
        return (out if total is None else total[None]), None, None


class FireToZero(torch.autograd.Function):
    """As Fire, of a board's neurons: V starts at 0, fires once where V >= 1, and is reset to 0. currents:
    [T][n][...]. Backward a spike counts as the logistic function of 4(V - 1); the reset passes no gradient."""

    @staticmethod
    def forward(ctx, currents):
        out, kept, v = torch.empty_like(currents), [], None
        for t, current in enumerate(currents):
            v = current.clone() if v is None else v.add_(current)
            kept.append(v.to(torch.bfloat16))
            torch.ge(v, 1, out=out[t])
            v.mul_(1 - out[t])
        ctx.save_for_backward(*kept)
        share = out[:, ::SAMPLE].mean()
        return out, share.clone(), share

    @staticmethod
    def backward(ctx, gradient, _, price):
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
