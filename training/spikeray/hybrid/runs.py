"""The finished runs of `spikeray`: what each was, its network, and what it said of pictures. PyTorch."""

import json
import pathlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from .. import data, stress
from ..report.metrics import auc
from .network import Spiking
from .recipe import Recipe


@dataclass(frozen=True)
class HybridRun:
    """A finished run of `hybrid train`: its run.json, and its logits of PNEUMONIA of the held-out block, by what was
    done to the pictures ("plain": nothing; each kind of stress; "grey0" and on: noise of one grey level), those of
    earlier steps with "@t", of the ReLU network with "relu-" before."""

    folder: pathlib.Path
    record: dict
    label: np.ndarray
    names: list[str]
    patients: list[str]
    logits: dict[str, np.ndarray]

    @classmethod
    def read(cls, folder, name="answers") -> Self:
        """A run with its answers to the held-out block, or those to other pictures, of a file of another name."""
        folder = pathlib.Path(folder)
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            kept = dict(file)
        label, names, patients = kept.pop("label"), kept.pop("name"), kept.pop("patient")
        record = json.loads((folder / "run.json").read_text())
        return cls(folder, record, label, list(names), list(patients), kept)

    @property
    def kinds(self) -> list[str]:
        """The kinds of stress."""
        return [k for k in self.logits if k in stress.KINDS]

    @property
    def merit(self) -> float:
        """What the best run is chosen by: the mean of plain and stressed AUC on its own block."""
        return (
            auc(self.label, self.logits["plain"])
            + float(np.mean([auc(self.label, self.logits[k]) for k in self.kinds]))
        ) / 2

    @property
    def recipe(self) -> Recipe:
        return Recipe.of(self.record)

    def model(self) -> Spiking:
        out = Spiking(self.recipe.final())
        out.load_state_dict(torch.load(self.folder / "model.pt"))
        return out.eval()


def runs(root, arm="spiking") -> list[HybridRun]:
    """The five runs of an arm, by block."""
    found = [HybridRun.read(pathlib.Path(root) / f"{arm}-{fold}") for fold in range(data.FOLDS)]
    if [r.record["fold"] for r in found] != list(range(data.FOLDS)):
        raise ValueError(f"{root}: expected one run a block")
    return found


def pooled(found: list[HybridRun], kind="plain"):
    """Every picture once, out of its block: (labels, patients, logits)."""
    return (
        np.concatenate([r.label for r in found]),
        np.concatenate([r.patients for r in found]),
        np.concatenate([r.logits[kind] for r in found]),
    )
