"""Where NIR's conventions and the model file's meet: the order of axes, padding, a neuron's equation."""

import numpy as np

from ..modelfile import IntegrateAndFire


def chw(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(H, W, C) as NIR has it, (C, H, W)."""
    return (shape[2], *shape[:2]) if len(shape) == 3 else tuple(shape)


def same(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow's "same" puts before and behind an axis."""
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def equation(layer: IntegrateAndFire, time_step: float) -> dict[str, float]:
    """The numbers of NIR's IF or LIF, with r = 1, that do a step as the layer does; potentials of a LIF are ours times
    1 - decay.

    NIR fires above its threshold, we at it: the largest float32 below ours is the same.
    """
    gain = 1 - (layer.decay or 0)
    below = np.nextafter(np.float32(layer.threshold * gain), np.float32(0))
    numbers = {"r": 1.0, "v_threshold": below, "v_reset": 0.0}
    if layer.decay is not None:
        numbers |= {"tau": time_step / gain, "v_leak": 0.0}
    return numbers
