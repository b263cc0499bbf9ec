"""The model file of docs/MODEL_FILE.md: its description as dataclasses, read, checked and written. No framework."""

from .decision import Calibration, Decision, Early, Interval, OperatingPoint, default_threshold
from .description import Description, Gate, Preparation, Time, Window
from .file import decode, encode, read, write
from .layers import (
    Conv2d,
    Dense,
    IntegrateAndFire,
    Layer,
    Neurons,
    Pool,
    SpikingReLU,
    Start,
    Weighted,
    body_end,
    front_end,
    takes_whole_numbers,
)
from .network import Geometry, Tensors, check
from .reference import Estimate, Measure, Reference
from .values import ModelFileError

__all__ = [
    "Calibration",
    "Conv2d",
    "Decision",
    "Dense",
    "Description",
    "Early",
    "Estimate",
    "Gate",
    "Geometry",
    "IntegrateAndFire",
    "Interval",
    "Layer",
    "Measure",
    "ModelFileError",
    "Neurons",
    "OperatingPoint",
    "Pool",
    "Preparation",
    "Reference",
    "SpikingReLU",
    "Start",
    "Tensors",
    "Time",
    "Weighted",
    "Window",
    "body_end",
    "check",
    "decode",
    "default_threshold",
    "encode",
    "front_end",
    "read",
    "takes_whole_numbers",
    "write",
]
