"""What a network of `spikeray` is before its weights. Needs no PyTorch."""

from dataclasses import dataclass

# By name: (channels, kernel, stride) of the stem, which computes with real numbers, and of the spiking body.
# fmt: off
STACKS = {
    "ten": ((24, 7, 4), (48, 3, 1), (48, 3, 1), (80, 3, 2), (80, 3, 1), (80, 3, 1), (80, 3, 1),
            (112, 3, 2), (112, 3, 1), (128, 3, 1)),
    "six": ((32, 7, 4), (64, 3, 1), (96, 3, 2), (96, 3, 1), (128, 3, 2), (160, 3, 1)),
    "slim": ((24, 5, 2), (40, 3, 2), (48, 3, 1), (48, 3, 1), (48, 3, 1),
             (80, 3, 2), (80, 3, 1), (80, 3, 1), (80, 3, 1), (128, 3, 2), (128, 3, 1), (128, 3, 1), (128, 3, 1)),
    "thirteen": ((24, 5, 2), (48, 3, 2), (64, 3, 1), (64, 3, 1), (64, 3, 1), (80, 3, 2), (80, 3, 1), (80, 3, 1),
                 (80, 3, 1), (112, 3, 2), (112, 3, 1), (112, 3, 1), (128, 3, 1)),
}
# fmt: on


@dataclass(frozen=True)
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
        """Millions of connections that one spike of every neuron of a layer goes down, away from the borders; the
        read-out's are none."""
        found, side, out = self.layers(), self.size, []
        for i, (channels, _, stride) in enumerate(found):
            side = -(-side // stride)
            after = found[i + 1] if i + 1 < len(found) else (0, 1, 1)
            out.append(side * side * channels * after[0] * after[1] ** 2 / after[2] ** 2 / 1e6)
        return out
