"""Trains the network `spikeray`: `python -m spikeray hybrid train --data DIR --out DIR --fold 0`. PyTorch.

Two stages, both among pictures augmented at full strength. First a ReLU network from the start; its activations are
priced, so that it becomes sparse. Then the spiking network that it is converted to, through time and with int8
weights, taught by the first on the same views; a view and the same view under one grey level of noise must get the
same answer. Both keep to a budget of synaptic operations and end in the running average of their weights.

A run's folder holds first.pt and model.pt (weights), answers*.npz (logits of the held-out block and of pictures
elsewhere: plain, for each kind of stress, under noise of one grey level; of earlier steps with "@t") and run.json. A
run that was stopped goes on from its last epoch; a finished one is left alone. A run takes one core.
"""

import argparse
import dataclasses
import json
import pathlib
import platform
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from .. import data, stress
from .answers import answers, operations
from .augment import KINDS
from .conversion import converted, finer, peaks
from .network import Analog
from .pictures import kept_size, pictures, sample, validation
from .recipe import Recipe
from .shape import STACKS
from .trainer import Trainer, seconds


def train(recipe: Recipe, root, out, beside=None):
    """Trains by a recipe into the folder out, with a cache beside it. beside: {name: folder like NORMAL, PNEUMONIA} of
    pictures that are answered too, and not learnt from."""
    out = pathlib.Path(out)
    cache = out.parent / "cache"
    if (out / "run.json").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    found, kept = pictures(root, cache, kept_size(recipe))
    block = data.blocks(found)
    training = np.flatnonzero(block != recipe.fold)
    labels = np.array([p.label for p in found])
    x, y = kept[:, training], labels[training]
    held = [p for p, b in zip(found, block) if b == recipe.fold]
    groups = {"held": (held, tuple(stress.KINDS))} | {
        name: (data.folder(path), ()) for name, path in (beside or {}).items()
    }

    def ask(model):
        """{group: {kind: logits}} and {group: {kind: AUC}}"""
        told = {
            name: answers(model, validation(some, cache, recipe.size, kinds), recipe.windowed)
            for name, (some, kinds) in groups.items()
        }
        return told, {
            name: {k: float(roc_auc_score([p.label for p in groups[name][0]], z)) for k, z in of.items()}
            for name, of in told.items()
        }

    analog = Analog(recipe.shape()).to(memory_format=torch.channels_last)
    if (out / "first.pt").exists():
        analog.load_state_dict(torch.load(out / "first.pt"))
    else:
        Trainer(analog, x, y, recipe, 1, out).run()
        torch.save(analog.state_dict(), out / "first.pt")
    first, before = ask(analog)
    print(
        f"{out}: first stage AUC " + ", ".join(f"{name} {of['plain']:.4f}" for name, of in before.items()), flush=True
    )
    tops = peaks(analog, sample(recipe, kept, training))
    model = converted(analog, recipe.shape(), tops).to(memory_format=torch.channels_last)
    Trainer(model, x, y, recipe, 2, out, analog.eval()).run()
    model = finer(model, recipe.final()).to(memory_format=torch.channels_last)
    torch.save(model.state_dict(), out / "model.pt")
    told, auc = ask(model)
    for name, (some, _) in groups.items():
        np.savez(
            out / ("answers.npz" if name == "held" else f"answers-{name}.npz"),
            label=np.array([p.label for p in some]),
            name=[p.path.name for p in some],
            patient=[p.patient for p in some],
            **told[name],
            **{f"relu-{k}": z for k, z in first[name].items()},
        )
    run = {
        **dataclasses.asdict(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "auc": auc["held"],
        "auc_relu": before["held"],
        "auc_beside": {k: v for k, v in auc.items() if k != "held"},
        "auc_beside_relu": {k: v for k, v in before.items() if k != "held"},
        "operations": operations(model, sample(recipe, kept, training)),
        "pictures": {"training": len(training), "validation": len(held)},
        "seconds": round(seconds(out / "stage1.csv") + seconds(out / "stage2.csv")),
        "digest": {"training": data.digest([found[i] for i in training]), "validation": data.digest(held)},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "numpy": np.__version__,
        },
    }
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    print(f"{out}: AUC " + ", ".join(f"{name} {of['plain']:.4f}" for name, of in auc.items()), flush=True)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Train the network spikeray.")
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--out", required=True, help="folder of the run; a stopped run there goes on")
    ap.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="other pictures to answer, never learnt from",
    )
    for field in dataclasses.fields(Recipe):
        flag = "--" + field.name.replace("_", "-")
        if field.type is bool:
            ap.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        elif field.name == "kinds":
            ap.add_argument(flag, nargs="*", choices=KINDS, default=KINDS)
        elif field.name == "stack":
            ap.add_argument(flag, choices=sorted(STACKS), default=field.default)
        else:
            ap.add_argument(flag, type=type(field.default), default=field.default)
    a = vars(ap.parse_args(arguments))
    root, out, beside = a.pop("data"), a.pop("out"), dict(b.split("=", 1) for b in a.pop("beside"))
    train(Recipe(**{**a, "kinds": tuple(a["kinds"])}), root, out, beside)
