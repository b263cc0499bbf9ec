"""From finished runs of `spikeray` to model files: weights, calibration, operating points, those of fewer steps, gate.

`python -m spikeray hybrid ship --data DIR` writes models/seeds/spikeray-K.safetensors for each block's run and
models/spikeray.safetensors, a copy of the best, by the rules of docs/PROTOCOL.md.
"""

import argparse
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .. import data, modelfile
from ..gate.section import section
from . import order
from .card import board_card
from .decisions import calibrated, decisions, operating
from .describe import describe, describe_analog
from .network import Analog, Spiking
from .pictures import GREYS, kept_size, pictures, sample
from .runs import HybridRun, runs

VERSION = "2.0.1"
SUMMARY = (
    "Hybrid spiking network, graded spikes over two time steps, in whole numbers: pneumonia in children's chest X-rays"
)
SUMMARY_BOARD = (
    "spikeray as a neuromorphic board can run it, reset to zero and one scale a layer: "
    "pneumonia in children's chest X-rays"
)


def ship(root, out, version: str, dataset) -> list[pathlib.Path]:
    """Writes the five seeds' model files and the default; gives back their paths. dataset: what they learnt from."""
    found, out = runs(root), pathlib.Path(out)
    decided = decisions(found)
    best = max(found, key=lambda r: r.merit)
    (out / "seeds").mkdir(parents=True, exist_ok=True)
    seeds = [
        _write(r, f"spikeray-{r.record['fold']}", out / "seeds", version, SUMMARY, decided, dataset) for r in found
    ]
    return [*seeds, _write(best, "spikeray", out, version, SUMMARY, decided, dataset)]


def ship_board(root, out, version: str) -> pathlib.Path:
    """Writes the variant for boards and its card: the best run of it that there is, with calibration and operating
    points from its own fold alone."""
    found = [HybridRun.read(p.parent) for p in sorted(pathlib.Path(root).glob("board-*/run.json"))]
    best = max(found, key=lambda r: r.merit)
    if "shifted" not in best.record["auc_beside"]:
        raise ValueError(f"{best.folder}: was trained without --beside shifted=FOLDER, of which the card tells")
    decided = decisions([best])
    path = _write(best, "spikeray-board", pathlib.Path(out), version, SUMMARY_BOARD, decided)
    plain, *greys = (
        calibrated(decided["calibration"], best.logits[k]) for k in ("plain", *(f"grey{i}" for i in range(GREYS)))
    )
    moved = np.abs(np.stack(greys) - plain)
    path.with_suffix(".md").write_text(board_card(best, version, decided["operating_points"], moved))
    return path


def ship_twin(root, out, version: str) -> pathlib.Path:
    """Writes the ReLU network that the default model was converted from, in float32, for comparisons of speed."""
    found = runs(root)
    run = max(found, key=lambda r: r.merit)
    analog = Analog(run.recipe.shape())
    analog.load_state_dict(torch.load(run.folder / "first.pt"))
    calibration, points = operating(found, prefix="relu-")
    training = {"recipe": "spikeray, first stage", "seed": run.record["seed"], "fold": run.record["fold"]}
    description, tensors = describe_analog(analog.eval(), run.record["windowed"], "spikeray-relu", version, training)
    path = pathlib.Path(out) / "spikeray-relu.safetensors"
    description = description.changed(threshold=None, calibration=calibration, operating_points=points)
    modelfile.write(path, description, tensors)
    return path


def _in_order(run: HybridRun, dataset) -> Spiking:
    """A run's network with its channels in the order that suits the engine, by pictures that it was trained on."""
    recipe = run.recipe
    found, kept = pictures(dataset, run.folder.parent / "cache", kept_size(recipe))
    x = sample(recipe, kept, np.flatnonzero(data.blocks(found) != recipe.fold))[:64]
    model = run.model()
    return order.reordered(model, order.orders(model, x, np.random.default_rng(recipe.seed)))


PROVENANCE = ("seed", "fold", "stack", "epochs", "epochs_after", "budget", "digest", "versions")


def _write(
    run: HybridRun, name: str, folder: pathlib.Path, version: str, summary: str, decided: dict[str, Any], dataset=None
) -> pathlib.Path:
    gate, gate_tensors = section()
    training = {k: run.record[k] for k in PROVENANCE} | {
        "recipe": "spikeray",
        "auc": {k: round(v, 5) for k, v in run.record["auc"].items() if "@" not in k},
    }
    network = _in_order(run, dataset) if dataset else run.model()
    description, tensors = describe(network, run.record["windowed"], name, version, summary, training)
    path = folder / f"{name}.safetensors"
    modelfile.write(path, description.changed(threshold=None, **decided, gate=gate), tensors | gate_tensors)
    print(
        f"{path}: seed and block {run.record['fold']}, AUC plain {run.record['auc']['plain']:.4f}, "
        f"merit {run.merit:.4f}"
    )
    return path


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(
        prog=prog, description="Write the model files of the five runs of spikeray, or of its variant for boards."
    )
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--data", help="folder with train/, as the runs had it; not for --board")
    ap.add_argument("--out", default="models")
    ap.add_argument("--board", action="store_true", help="the variant for boards")
    ap.add_argument("--twin", action="store_true", help="the ReLU network that the default model was converted from")
    ap.add_argument("--version", default=VERSION)
    a = ap.parse_args(arguments)
    if a.board:
        ship_board(a.runs, a.out, a.version)
    elif a.twin:
        ship_twin(a.runs, a.out, a.version)
    elif a.data:
        ship(a.runs, a.out, a.version, a.data)
    else:
        ap.error("--data is wanted")
