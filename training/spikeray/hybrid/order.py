"""Which channel lies next to which, for the engine's sake: it takes inputs four channels at a time and passes over
four that are all silent.

The order of a layer's channels means nothing to the network. Channels that fire at the same places are put together,
so that fewer groups have a spike; sums of whole numbers are the same in any order.
"""

import numpy as np
import torch

from .network import Spiking

GROUP = 4  # channels that the engine takes at a time
PLACES = 20_000  # drawn from all places of the pictures


@torch.no_grad()
def orders(model: Spiking, x, rng) -> list[np.ndarray]:
    """For each layer but the last an order of its channels, by their spikes on pictures x (n, 1, size, size) of
    0..255."""
    fired = []
    for spikes in model.maps(x):
        flat = spikes.permute(0, 2, 3, 1).reshape(-1, spikes.shape[1]).numpy() > 0
        fired.append(flat[rng.choice(len(flat), min(PLACES, len(flat)), replace=False)])
    return [_order(f) for f in fired[:-1]]


def _order(fired) -> np.ndarray:
    """An order of channels, fired [places][channels], whose groups have a spike at few places: begun greedily, then
    channels change places as long as that helps."""
    order = _begun(fired)
    whole = len(order) // GROUP * GROUP
    packed = np.packbits(fired, axis=0).T[order]  # [channel][bytes]
    place = np.arange(whole)
    group = place // GROUP
    while True:
        of = packed[:whole].reshape(-1, GROUP, packed.shape[1])
        rest = np.concatenate(
            [[np.bitwise_or.reduce(np.delete(g, k, 0), axis=0) for k in range(GROUP)] for g in of]
        )  # the others of a channel's group
        loud = np.bitwise_count(np.bitwise_or.reduce(of, axis=1)).sum(1, dtype=np.int64)
        joined = np.stack(
            [np.bitwise_count(r | packed[:whole]).sum(1, dtype=np.int64) for r in rest]
        )  # [leaves][comes in its place]
        change = joined + joined.T - loud[group][:, None] - loud[group][None]
        change[group[:, None] == group[None]] = 0
        a, b = np.unravel_index(np.argmin(change), change.shape)
        if change[a, b] >= 0:
            return order
        order[[a, b]], packed[[a, b]] = order[[b, a]], packed[[b, a]]


def _begun(fired) -> np.ndarray:
    """The loudest channel that is left begins a group, and those join it that add fewest places for their own
    spikes."""
    fired = fired.astype(np.float32)
    rate, left, out = fired.mean(0), list(np.argsort(-fired.mean(0), kind="stable")), []
    while left:
        group = [left.pop(0)]
        active = fired[:, group[0]]
        while len(group) < GROUP and left:
            new = (1 - active) @ fired[:, left] / len(fired)
            best = int(np.argmin(new - 0.35 * rate[left]))
            active = np.maximum(active, fired[:, left[best]])
            group.append(left.pop(best))
        out += group
    return np.array(out)


@torch.no_grad()
def reordered(model: Spiking, found) -> Spiking:
    """The same network with the channels of each layer but the last in the orders that were found."""
    out = Spiking(model.shape)
    out.load_state_dict(model.state_dict())
    for i, order in enumerate(found):
        at = torch.from_numpy(order)
        out.weights[i].data = out.weights[i].data[at]
        out.biases[i].data = out.biases[i].data[at]
        out.weights[i + 1].data = out.weights[i + 1].data[:, at]
    return out.eval()


def groups(model: Spiking, x) -> list[float]:
    """The share of each layer's groups of channels with a spike."""
    with torch.no_grad():
        return [
            float((s.unflatten(1, (-1, GROUP)) > 0).any(2).float().mean())
            for s in model.maps(x)
            if s.shape[1] % GROUP == 0
        ]
