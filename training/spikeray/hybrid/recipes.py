"""The runs that docs/RESULTS.md speaks of, by group: `python -m spikeray hybrid train-all main --data DIR`.

Each run is a process of its own, one core, in a folder of its own name. A queue that was stopped goes on where it was:
finished runs are left alone, one that was cut off goes on from its last epoch.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..data import FOLDS
from .recipe import Recipe

MAIN = [Recipe(seed=k, fold=k) for k in range(FOLDS)]
BOARD: dict[str, Any] = {
    "stack": "six",
    "board": True,
    "steps": 4,
    "most": 1,
    "finer": 1,
    "budget": 40.0,
    "epochs": 36,
    "epochs_after": 12,
}
TRIAL = Recipe()  # what is changed one at a time, on block 0

# What each part of the recipe buys: it is left out, or changed.
CHANGES: dict[str, dict[str, Any]] = {
    "mirrored": {"mirrored": True},
    "black-borders": {"border": "black"},
    "no-window": {"windowed": False},
    "untaught": {"taught": 0.0},
    "unsteady": {"steady": 0.0},
    "free-spikes": {"price": 0.0},
    "two-spikes": {"most": 2, "finer": 1},
    "four-steps": {"steps": 4, "most": 30},
    "as-trained": {"finer": 1},
}

GROUPS: dict[str, dict[str, Recipe]] = {
    # The network itself: five blocks, five seeds.
    "main": {f"spiking-{r.fold}": r for r in MAIN},
    # As a neuromorphic board can run it.
    "board": {f"board-{r.fold}": dataclasses.replace(r, **BOARD) for r in MAIN},
    "ablation": {f"ablation-{name}": dataclasses.replace(TRIAL, **change) for name, change in CHANGES.items()},
}


def run(name, recipe, root, out, beside=()) -> float:
    """Runs a recipe unless it is finished; gives back the seconds it took."""
    folder = pathlib.Path(out) / name
    if (folder / "run.json").exists():
        done = json.loads((folder / "run.json").read_text())
        if any(done.get(k) != (list(v) if isinstance(v, tuple) else v) for k, v in dataclasses.asdict(recipe).items()):
            raise ValueError(f"{folder}: is of another recipe")
        return 0.0
    began, arguments = time.time(), []
    for key, value in dataclasses.asdict(recipe).items():
        flag = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, tuple):
            arguments += [flag, *map(str, value)]
        else:
            arguments += [flag, str(value)]
    for pair in beside:
        arguments += ["--beside", pair]
    subprocess.run(
        [sys.executable, "-m", "spikeray", "hybrid", "train", "--data", str(root), "--out", str(folder), *arguments],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return time.time() - began


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Train the runs of some groups, in order.")
    ap.add_argument("group", nargs="+", choices=sorted(GROUPS))
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", default="training/runs/spikeray")
    ap.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="other pictures to answer, never learnt from",
    )
    ap.add_argument("--jobs", type=int, default=1, help="runs at a time, each on a core of its own")
    a = ap.parse_args(arguments)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        queued = {
            pool.submit(run, name, recipe, a.data, a.out, a.beside): name
            for group in a.group
            for name, recipe in GROUPS[group].items()
        }
        for done in concurrent.futures.as_completed(queued):
            print(f"{queued[done]}: {done.result():.0f} s", flush=True)
