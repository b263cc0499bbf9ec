"""From a trained ReLU network to the spiking one, and from that to one of finer levels. PyTorch."""

import torch

from .network import Analog, Spiking
from .neurons import TINY
from .shape import Shape


@torch.no_grad()
def finer(model: Spiking, shape: Shape) -> Spiking:
    """A spiking network with a whole number of times as many levels as model has: currents, voltages and counts are
    that much larger, and a count is worth that much less. The weights that spikes meet stay as they are."""
    times = shape.most // model.shape.most
    out = Spiking(shape)
    out.load_state_dict(model.state_dict())
    out.weights[0] *= times
    for bias in out.biases:
        bias *= times
    out.logits.weight /= times
    return out.eval()


def peaks(analog: Analog, x, share=0.999) -> list[torch.Tensor]:
    """For each layer the activation that each channel exceeds at no more than 1 - share of the places of pictures x,
    (channels); a channel that hardly fires gets a tenth of the layer's largest. For a board it is 1 of each."""
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
