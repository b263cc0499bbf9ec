"""The runs that docs/RESULTS.md speaks of, by group: `python -m spikeray.plans main twins --data DIR --out DIR`.

Each run is a process of its own in a folder of its own name. A queue that was stopped goes on where it was: finished runs are
left alone, the one that was cut off goes on from its last epoch.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import time

from .augment import KINDS
from .data import FOLDS
from .fit import Plan

MAIN = [Plan(seed=k, fold=k) for k in range(FOLDS)]

ABLATED = Plan(activation="quantised", epochs=12, epochs_after=0, look_after=1.0)
SMALL = Plan(size=48, epochs=6, epochs_after=2, look_after=1.0)

GROUPS: dict[str, dict[str, Plan]] = {
    # The network itself: five folds, five seeds.
    "main": {f"spiking-{p.fold}": p for p in MAIN},
    # What spiking costs or brings.
    "twins": {f"{kind}-{p.fold}": dataclasses.replace(p, activation=kind) for p in MAIN for kind in ("quantised", "relu")},
    # As a neuromorphic board can run it.
    "board": {f"board-{p.fold}": dataclasses.replace(p, activation="board") for p in MAIN},
    # What each part of the recipe buys: the first stage alone, half as long, fold 0.
    "ablation": {f"ablation-{name}": dataclasses.replace(ABLATED, **change) for name, change in {
        "none": {}, **{f"no-{kind}": {"kinds": tuple(k for k in KINDS if k != kind)} for kind in KINDS}, "no-augmentation": {"kinds": ()},
        "mild": {"mildest": 0.0}, "unbalanced": {"balanced": False}, "last-weights": {"averaged": False}, "free-spikes": {"cost": 0.0}, "dear-spikes": {"cost": 0.016},
        "size-96": {"size": 96}, "size-160": {"size": 160}}.items()},
    # Earlier versions: 1.1, which weighed no looks, and 1.0, all of whose augmentation was at full strength.
    "unweighted": {f"unweighted-spiking-{p.fold}": dataclasses.replace(p, look_after=1.0) for p in MAIN},
    "unweighted-twins": {f"unweighted-{kind}-{p.fold}": dataclasses.replace(p, activation=kind, look_after=1.0) for p in MAIN for kind in ("quantised", "relu")},
    "strong": {f"strong-spiking-{p.fold}": dataclasses.replace(p, mildest_after=1.0, look_after=1.0) for p in MAIN},
    # Sweeps: pictures of 48 pixels, 6 and 2 epochs, three seeds and folds, no weights for looks.
    "steps": {f"steps-{t}-{k}": dataclasses.replace(SMALL, steps=t, seed=k, fold=k) for t in (1, 2, 3, 4, 8, 16) for k in range(3)},
    "width": {f"width-{w}-{kind}-{k}": dataclasses.replace(SMALL, width=w, activation=kind, seed=k, fold=k)
              for w in (0.25, 0.5, 0.75, 1.0, 1.5) for kind in ("spiking", "relu") for k in range(3)},
}


def run(name, plan, root, out) -> float:
    """Runs a plan unless it is finished; gives back the seconds it took."""
    folder = pathlib.Path(out) / name
    if (folder / "run.json").exists():
        done = json.loads((folder / "run.json").read_text())
        if any(done.get(k) != (list(v) if isinstance(v, tuple) else v) for k, v in dataclasses.asdict(plan).items()):
            raise ValueError(f"{folder}: is of another plan")
        return 0.0
    began = time.time()
    arguments = []
    for key, value in dataclasses.asdict(plan).items():
        flag = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, tuple):
            arguments += [flag, *value]
        else:
            arguments += [flag, str(value)]
    subprocess.run([sys.executable, "-m", "spikeray.fit", "--data", str(root), "--out", str(folder), *arguments], check=True)
    return time.time() - began


def main():
    ap = argparse.ArgumentParser(description="Train the runs of some groups, in order.")
    ap.add_argument("group", nargs="+", choices=sorted(GROUPS))
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", default="training/runs/spikeray")
    a = ap.parse_args()
    for group in a.group:
        for name, plan in GROUPS[group].items():
            print(f"{name}: {run(name, plan, a.data, a.out):.0f} s", flush=True)


if __name__ == "__main__":
    main()
