"""The shipped gate as the part `gate` of another model's file. Needs no Keras."""

import pathlib

from .. import modelfile
from ..modelfile import Gate, Layer, Tensors, Weighted

SHIPPED = pathlib.Path(__file__).with_name("gate.safetensors")


def section(path: str | pathlib.Path = SHIPPED) -> tuple[Gate, Tensors]:
    """(the part `gate` of a model file's description, its tensors) of a gate that `gate train` wrote."""
    d, tensors = modelfile.read(file_of(path))
    gate = Gate(
        width=d.preparation.width,
        height=d.preparation.height,
        scale=d.preparation.scale,
        labels=d.labels,
        accept=d.positive,
        threshold=modelfile.default_threshold(d),
        time=d.time,
        layers=tuple(_renamed(layer) for layer in d.layers),
    )
    return gate, {f"gate.{k}": v for k, v in tensors.items()}


def _renamed(layer: Layer) -> Layer:
    if not isinstance(layer, Weighted):
        return layer
    names = {key: getattr(layer, key) for key in ("weights", "scale", "bias")}
    return layer.changed(**{key: f"gate.{name}" for key, name in names.items() if name is not None})


def file_of(path: str | pathlib.Path) -> pathlib.Path:
    """The model file of a gate that is given by a run's folder or by itself."""
    path = pathlib.Path(path)
    return path / "gate.safetensors" if path.is_dir() else path
