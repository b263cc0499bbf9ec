"""The largest values that a network can reach, which are limited so that float32 cannot overflow.

With every input at its largest and the signs such that nothing cancels; as the server has them (pkg/model/bounds.go).
"""

import numpy as np

from .layers import Conv2d, Dense, Neurons, SpikingReLU
from .limits import MAX_COUNT, MAX_VALUE
from .values import ModelFileError

PIXEL = 255


def reached(field: str, value: float) -> float:
    """The value itself, unless it is above MAX_VALUE or not a number."""
    if not value <= MAX_VALUE:
        raise ModelFileError(field, f"values of {value:.3g} can be reached, at most {MAX_VALUE:.3g} are possible")
    return value


def pixels(field: str, scale: float) -> float:
    """Of the picture, divided by `scale`."""
    with np.errstate(divide="ignore"):
        return reached(field, float(PIXEL / np.float64(np.float32(scale))))


def weighted(at: str, layer: Conv2d | Dense, tensors: dict[str, np.ndarray], reach: float) -> float:
    """Of what a layer of weights hands on, when inputs reach so far."""
    weights = tensors[layer.weights]
    sums = np.abs(weights.reshape(-1, weights.shape[-1]).astype(np.float64)).sum(0)
    with np.errstate(over="ignore"):
        if layer.scale is None:
            sums = sums * reach
        else:  # pixels or counts as they are
            sums = sums * MAX_COUNT * np.abs(tensors[layer.scale].astype(np.float64))
        if layer.bias is not None:
            sums = sums + np.abs(tensors[layer.bias].astype(np.float64))
    return reached(f"{at}.weights", float(sums.max()))


def fired(at: str, layer: Neurons, reach: float, steps: int) -> float:
    """Of what neurons hand on. A potential that no spike ever lowers adds up over all steps."""
    gain = float(np.float32(layer.dt)) if isinstance(layer, SpikingReLU) else 1.0
    reached(f"{at}.start", abs(float(np.float32(layer.start.value or 0))) + steps * gain * reach)
    with np.errstate(over="ignore"):
        if isinstance(layer, SpikingReLU):
            return reached(f"{at}.dt", float(np.float32(MAX_COUNT) / np.float32(layer.dt)))
        return reached(f"{at}.amplitude", float(np.float32(MAX_COUNT) * np.float32(layer.amplitude)))
