"""What a run of `spikeray` is: its recipe. Needs no PyTorch."""

from dataclasses import dataclass, replace
from typing import Any, Self

from .augment import KINDS
from .shape import Shape


@dataclass(frozen=True)
class Recipe:
    """What a run is: everything that its result depends on but the data."""

    seed: int = 0
    fold: int = 0  # the block held out
    stack: str = "ten"
    size: int = 128
    steps: int = 2
    most: int = 60  # spikes of a neuron in a step, in training
    finer: int = 2  # times as many levels, each so much smaller, has the network once it is trained
    board: bool = False  # as a neuromorphic board can run it
    epochs: int = 32
    epochs_after: int = 8  # of the second stage
    rate: float = 2e-3
    rate_after: float = 6e-4
    decay: float = 0.02  # AdamW's
    batch: int = 64
    smoothing: float = 0.05
    budget: float = 22.0  # millions of synaptic operations a picture, above which they cost
    price: float = 0.15  # of as many again
    kinds: tuple = KINDS  # of augmentation
    cover: float = 0.35
    widest: float = 0.15
    mirrored: bool = False
    border: str = "repeated"
    windowed: bool = True
    taught: float = 0.7  # the first stage's share of the second's loss
    temperature: float = 2.0
    steady: float = 2.0  # weight of the disagreement under noise, second stage

    def shape(self) -> Shape:
        """What is trained."""
        return Shape(self.stack, self.size, self.steps, self.most, self.board)

    def final(self) -> Shape:
        """What is shipped."""
        return replace(self.shape(), most=self.most * self.finer)

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """The recipe that a run.json tells of, whatever else is in it."""
        told: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k in cls.__dataclass_fields__
        }
        return cls(**told)
