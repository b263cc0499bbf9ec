"""The neurons of `spikeray` in training: what they fire, and the gradients that stand in for a spike's. PyTorch.

Surrogate gradients: Neftci, Mostafa and Zenke, "Surrogate gradient learning in spiking neural networks", IEEE Signal
Processing Magazine 2019.
"""

import torch

SAMPLE = 4  # operations are counted on every so many-th picture of a batch in training
TINY = 1e-12  # a channel of zeros has a scale all the same


class PricedReLU(torch.autograd.Function):
    """max(x, 0), and the share of it that is above 0, told from every SAMPLE-th picture; backward an activation y has
    a part in the share that falls as 1/(y + 0.2)^2."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y, (y[::SAMPLE] > 0).float().mean()

    @staticmethod
    def backward(ctx, gradient, price):
        (y,) = ctx.saved_tensors
        out = gradient.contiguous(memory_format=torch.channels_last).clone()
        some = y[::SAMPLE]
        out[::SAMPLE] += (some + 0.2).pow_(-2).mul_(0.2 * price / some.numel())
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
    """The spikes of neurons over T steps, and the share of them that fire at a step, told from every SAMPLE-th
    picture.

    currents: [T][n][...], or [1][n][...] for the same at every step. V starts at 1/2; at each step V += current, and
    floor(V) spikes, none below 0 and `most` at most, which V loses. Backward a spike counts from V = 1/2 up (all from
    3/2), and as little above the most; the loss of V passes no gradient. In the share V has a part that falls as
    1/(V + 3/4)^2.
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
        later: torch.Tensor | None = None
        total: torch.Tensor | None = None
        out = None if ctx.still else _maps(steps, *gradient.shape[1:])
        for t in reversed(range(steps)):
            v = ctx.saved_tensors[t]
            slope = (v - 0.5).clamp_(0, 1).sub_((v - (ctx.most + 0.5)).clamp_(0, 1))
            now = gradient[t] * slope
            some = v[::SAMPLE]
            part = (some + 0.75).clamp_min_(0.5).pow_(-2).mul_(some > 0.25)
            now[::SAMPLE] += part.mul_(price / (some.numel() * steps))
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
