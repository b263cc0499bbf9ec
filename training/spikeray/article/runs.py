"""The finished runs of train_all.sh: what each was, and what it said of the validation pictures."""

import json
import pathlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from .. import data
from ..report.metrics import metrics

COLLAPSED = 1e-4  # a network whose probabilities span no more than this says the same of every picture


@dataclass(frozen=True)
class ArticleRun:
    """A folder that `article train` wrote, its run.json, and its validation pictures in order."""

    folder: pathlib.Path
    record: dict
    probability: np.ndarray  # of pneumonia, [n]
    label: np.ndarray  # [n], 1 is pneumonia
    names: list[str]  # [n], of the picture files

    @classmethod
    def read(cls, folder) -> Self:
        folder = pathlib.Path(folder)
        record = json.loads((folder / "run.json").read_text())
        with np.load(folder / "validation.npz", allow_pickle=False) as v:
            return cls(folder, record, v["probability"].astype(np.float64), v["label"], [str(n) for n in v["name"]])

    @property
    def seed(self) -> int:
        return self.record["seed"]

    @property
    def collapsed(self) -> bool:
        return bool(np.ptp(self.probability) < COLLAPSED)

    @cached_property
    def metrics(self) -> dict[str, float]:
        return metrics(self.label, self.probability)

    @property
    def patients(self) -> list[str]:
        return [data.patient_of(name, label) for name, label in zip(self.names, self.label)]


def finished(root, network: str, dt: float = 2.0, time_axis: str = "rows", fold: int = 0) -> list[ArticleRun]:
    """The finished runs of a network under `root`, by seed; of a spiking one those of this dt and time axis."""
    wanted: dict[str, object] = {"recipe": network, "fold": fold}
    if network == "snnxray":
        wanted |= {"dt": dt, "time_axis": time_axis}
    found = [ArticleRun.read(p.parent) for p in pathlib.Path(root).glob("*/run.json")]
    found = [r for r in found if all(r.record.get(k) == v for k, v in wanted.items())]
    return sorted(found, key=lambda r: r.seed)


def best(runs: list[ArticleRun]) -> ArticleRun:
    """The run of the highest validation AUC, the lowest seed among equals."""
    if not runs:
        raise ValueError("no finished run")
    return max(runs, key=lambda r: (r.metrics["auc"], -r.seed))
