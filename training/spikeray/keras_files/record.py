"""One Keras layer as a plain record, whatever file it came from, and the keys of its configuration that are known."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEFT_OUT = {  # nothing happens there once trained
    "InputLayer",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
}
WEIGHTED = {"Conv2D", "Dense", "BatchNormalization", "Normalization"}
_INERT = set(
    """name trainable dtype batch_input_shape batch_shape build_input_shape kernel_initializer bias_initializer
    kernel_regularizer bias_regularizer activity_regularizer kernel_constraint bias_constraint beta_initializer
    gamma_initializer moving_mean_initializer moving_variance_initializer beta_regularizer gamma_regularizer
    beta_constraint gamma_constraint input_dim input_dtype momentum autocast""".split()
)
KEYS = {
    kind: set(keys.split())
    for kind, keys in {
        "Conv2D": "filters kernel_size strides padding data_format dilation_rate groups activation use_bias",
        "Dense": "units activation use_bias",
        "MaxPooling2D": "pool_size padding strides data_format",
        "AveragePooling2D": "pool_size padding strides data_format",
        "GlobalAveragePooling2D": "data_format keepdims",
        "GlobalAveragePooling1D": "data_format keepdims",
        "Flatten": "data_format",
        "Activation": "activation",
        "Softmax": "axis",
        "ReLU": "max_value negative_slope threshold",
        "BatchNormalization": "axis epsilon center scale fused synchronized "
        "renorm renorm_clipping renorm_momentum virtual_batch_size",
        "Rescaling": "scale offset",
        "Normalization": "axis mean variance invert",
        "TimeDistributed": "layer",
        "SpikingActivation": "dt seed time_axis",
        "ShowForSteps": "steps",
        "MeanOverSteps": "",
        "Identity": "",
    }.items()
}


class UnsupportedError(ValueError):
    """A layer, or an arrangement of layers, that a model file cannot hold. `layer` names it."""

    def __init__(self, layer: str, reason: str):
        super().__init__(f"layer {layer}: {reason}")
        self.layer, self.reason = layer, reason


@dataclass(frozen=True)
class Record:
    """One Keras layer: its class's bare name, its name and configuration, its weights in Keras's order. package: what
    its class was registered in, None for Keras's own and for what nobody registered."""

    kind: str
    name: str
    config: dict
    weights: list[np.ndarray] = field(default_factory=list)
    package: str | None = None


def bare(class_name) -> str:
    """`spikeray>SpikingActivation` -> `SpikingActivation`."""
    return str(class_name).rsplit(">", 1)[-1]


def known(r: Record) -> None:
    """Refuses a key that may change what the layer computes. None leaves a thing as it is."""
    for key, value in r.config.items():
        if key not in _INERT | KEYS.get(r.kind, set()) and value is not None:
            raise UnsupportedError(
                r.name, f"{r.kind} with {str(key)[:64]} {str(value)[:64]!r} in its configuration, which is not known"
            )


def plain(r: Record) -> None:
    """Refuses channels first."""
    if r.config.get("data_format") not in (None, "channels_last"):
        raise UnsupportedError(r.name, f"data format {r.config['data_format']!r}, channels_last is wanted")


def whole(r: Record, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UnsupportedError(r.name, f"{value!r} where a whole number above 0 is wanted")
    return value


def pair(r: Record, value: Any) -> tuple[int, int]:
    value = [value, value] if isinstance(value, int) else value
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UnsupportedError(r.name, f"{value!r} where two whole numbers are wanted")
    first, second = (whole(r, v) for v in value)
    return first, second
