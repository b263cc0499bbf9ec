"""Trains the network `spikeray`: `python -m spikeray.fit --data DIR --out DIR --fold 0`. PyTorch.

Two stages, both among pictures augmented at full strength. First a ReLU network from the start; its activations are priced, so that
it becomes sparse. Then the spiking network that it is converted to, through time and with int8 weights, taught by the first on the same views;
a view and the same view under one grey level of noise must get the same answer. Both keep to a budget of synaptic operations and end in the
running average of their weights.

A run's folder holds first.pt and model.pt (weights), answers*.npz (logits of the held-out block and of pictures elsewhere: plain, for each kind
of stress, under noise of one grey level; of earlier steps with "@t") and run.json. A run that was stopped goes on from its last epoch; a finished
one is left alone. A run takes one core.
"""

import argparse
import dataclasses
import io
import json
import math
import os
import pathlib
import platform
import time

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from . import data, hybrid, stress, window
from .augment import KINDS, augment

MARGIN = 1.25  # pictures are kept so much larger than the network's, for geometry to choose from
GREYS = 3  # draws of noise of one grey level


@dataclasses.dataclass(frozen=True)
class Plan:
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

    def shape(self) -> hybrid.Shape:
        """What is trained."""
        return hybrid.Shape(self.stack, self.size, self.steps, self.most, self.board)

    def final(self) -> hybrid.Shape:
        """What is shipped."""
        return dataclasses.replace(self.shape(), most=self.most * self.finer)


def _pair(path, size):
    """A picture grey at a size, and the same saved as a JPEG of some quality (20 to 70, by its digest) and read again."""
    picture = data.Picture(path, 0, "", "")
    raw = pathlib.Path(picture.path).read_bytes()
    import hashlib
    with Image.open(io.BytesIO(raw)) as im:
        grey = im.convert("L")
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=20 + int(hashlib.sha256(raw).hexdigest()[:4], 16) % 51)
    return [np.asarray(im.resize((size, size), Image.Resampling.BILINEAR)) for im in (grey, Image.open(file).convert("L"))]


def _cached(path, make):
    """The arrays of an .npz file, made if it is not there; two processes may make it at a time."""
    if not path.exists():

        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(new, **make())
        new.rename(path)
    with np.load(path) as file:
        return dict(file)


def pictures(root, cache, size):
    """All of `train` as training sees it: (list of data.Picture, uint8 [2][n][size][size])."""
    found = data.scan(root, "train")

    def make():
        return {"x": np.stack([_pair(p.path, size) for p in found], axis=1)}
    return found, _cached(pathlib.Path(cache) / f"pictures-{size}-{data.digest(found)[:16]}.npz", make)["x"]


def validation(found, cache, size, kinds=tuple(stress.KINDS)):
    """Pictures as they are, under one grey level of noise (three draws) and harmed in each way, as the model file's preparation brings them
    to `size`, before the window: {kind: uint8 [n][size][size]}."""
    def noisy(p, draw):
        with Image.open(p.path) as im:
            x = np.asarray(im.convert("L"), np.int16)
        noise = np.random.default_rng([int(p.sha256[:8], 16), draw]).integers(-1, 2, x.shape)
        return np.asarray(Image.fromarray(np.clip(x + noise, 0, 255).astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR))

    def make():
        plain = np.stack([np.rint(data.prepare(p.path, size)[..., 0] * 255).astype(np.uint8) for p in found])
        greys = {f"grey{i}": np.stack([noisy(p, i) for p in found]) for i in range(GREYS)}
        return {"plain": plain, **greys, **{k: stress.load(found, k, size) for k in kinds}}
    return _cached(pathlib.Path(cache) / f"validation-{size}-{len(kinds)}-{data.digest(found)[:16]}.npz", make)


@torch.no_grad()
def answers(model, sets, windowed=True, batch=32):
    """Logit of PNEUMONIA (the difference of the two) for each set of uint8 pictures, in float32; of a network over T steps also after
    each earlier step t, under the set's name and "@t"."""
    model.eval()
    out = {}
    for kind, x in sets.items():
        x = window.apply(x) if windowed else x
        z = []
        for i in range(0, len(x), batch):
            y = torch.from_numpy(x[i:i + batch]).float()[:, None].contiguous(memory_format=torch.channels_last)
            y = model.by_step(y) if isinstance(model, hybrid.Spiking) else model(y)[None]
            z.append((y[..., 1] - y[..., 0]).double().numpy())
        z = np.concatenate(z, axis=1)
        out |= {kind: z[-1], **{f"{kind}@{t + 1}": z[t] for t in range(len(z) - 1)}}
    return out


def _views(x, plan, rng):
    """What the network sees of pictures uint8 [n][s][s]: two augmented views, float32 [2][n][1][size][size] of 0..255, alike but for what
    noise of one grey level before the resize leaves of itself."""
    out = np.empty((2, len(x), 1, plan.size, plan.size), np.float32)
    for i, picture in enumerate(x):
        view = augment(picture, plan.size, rng, plan.kinds, plan.cover, plan.widest, plan.mirrored, plan.border)
        for j, y in enumerate((view, view + np.float32(0.4) * rng.standard_normal(view.shape, np.float32))):
            y = np.clip(np.rint(y), 0, 255).astype(np.uint8)
            out[j, i, 0] = window.table(np.bincount(y.ravel(), minlength=256))[y] if plan.windowed else y
    return torch.from_numpy(out)


def sample(plan, kept, training):
    """Augmented views of some training pictures, (n, 1, size, size) of 0..255; kept: as `pictures` gives them, training: which to draw from."""
    some = kept[0][np.random.default_rng(plan.seed).choice(training, min(256, len(training)), replace=False)]
    return _views(some, plan, np.random.default_rng(plan.seed))[0]


@torch.no_grad()
def operations(model, x) -> float:
    """Millions of synaptic operations a picture."""
    found = []
    for part in x.split(32):
        model.eval()(part.contiguous(memory_format=torch.channels_last))
        found.append(float(model.operations))
    return float(np.mean(found))


def kept_size(plan) -> int:
    """The side at which pictures are kept for training."""
    return round(plan.size * MARGIN / 8) * 8


class _Trainer:
    """One stage of training, with the running average of weights and batch norm's statistics kept beside the weights."""

    def __init__(self, model, x, y, plan, stage, folder, teacher=None):
        self.model, self.x, self.y, self.plan, self.stage, self.folder, self.teacher = model, x, y, plan, stage, folder, teacher
        self.epochs, self.rate = (plan.epochs, plan.rate) if stage == 1 else (plan.epochs_after, plan.rate_after)
        self.steps = len(y) // plan.batch
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": plan.decay}, {"params": others, "weight_decay": 0.0}], lr=self.rate)
        self.kept = [v for v in model.state_dict().values() if v.is_floating_point()]
        self.average = [v.clone() for v in self.kept]
        share = np.bincount(y, minlength=2) / len(y)
        self.weight = torch.tensor(0.5 / share, dtype=torch.float32)  # each class weighs the same
        self.epoch = 0
        self.saved = folder / f"stage{stage}.pt"
        if self.saved.exists():
            state = torch.load(self.saved)
            self.epoch = state["epoch"]
            model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average = state["average"]

    def _step(self, views, y, done):
        plan, n = self.plan, len(y)
        total, warm = self.epochs * self.steps, self.steps if self.stage == 1 else self.steps // 4
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min(1, (done + 1) / warm) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done / total)))
        pairs = n // 4  # so many views are seen with their neighbour
        x = torch.cat([views[0], views[1, :pairs]]) if self.stage == 2 else views[0]
        with torch.autocast("cpu", torch.bfloat16):
            z = self.model(x.contiguous(memory_format=torch.channels_last)).float()
        target = functional.one_hot(y, 2).float() * (1 - plan.smoothing) + plan.smoothing / 2
        loss = -(target * functional.log_softmax(z[:n], 1)).sum(1)
        apart = torch.zeros(())
        if self.stage == 2:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                taught = functional.softmax(self.teacher(views[0].contiguous(memory_format=torch.channels_last)).float() / plan.temperature, 1)
            lesson = -(taught * functional.log_softmax(z[:n] / plan.temperature, 1)).sum(1) * plan.temperature ** 2
            loss = (1 - plan.taught) * loss + plan.taught * lesson
            difference = z[:pairs] - z[n:]
            apart = ((difference[:, 1] - difference[:, 0]) ** 2).mean()
        loss = (loss * self.weight[y]).mean()
        # A network is not made sparse all at once.
        budget = plan.budget * 4 ** (1 - min(1, done / (0.5 * total)))
        operations = self.model.operations
        whole = loss + self.plan.steady * apart + plan.price * functional.relu(operations / budget - 1)
        self.optimizer.zero_grad(set_to_none=True)
        whole.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.kept, 1 - min(0.998, (done + 1) / (done + 11)))
        return float(loss.detach()), float(operations.detach()), float(apart.detach())

    def run(self):
        plan, log = self.plan, self.folder / f"stage{self.stage}.csv"
        for epoch in range(self.epoch, self.epochs):
            began, told = time.time(), []
            # The same for a seed and an epoch: a run that goes on is the run that was not stopped.
            rng = np.random.default_rng((plan.seed, self.stage, epoch))
            torch.manual_seed(plan.seed * 1000003 + self.stage * 10007 + epoch)
            order = rng.permutation(len(self.y))[:self.steps * plan.batch].reshape(self.steps, plan.batch)
            self.model.train()
            for i, rows in enumerate(order):
                variant = rng.integers(0, 2 if "sharpness" in plan.kinds else 1, len(rows))
                told.append(self._step(_views(self.x[variant, rows], plan, rng), torch.from_numpy(self.y[rows]), epoch * self.steps + i))
            loss, operations, apart = np.mean(told, axis=0)
            if not math.isfinite(loss):
                raise FloatingPointError(f"{self.folder}: the loss is {loss} in epoch {epoch}")
            line = f"{epoch},{loss:.5f},{operations:.3f},{apart:.5f},{time.time() - began:.1f}"
            with open(log, "a") as f:
                print(line, file=f)
            print(f"{self.folder}: stage {self.stage}: {line}", flush=True)
            new = self.saved.with_suffix(".new")
            torch.save({"epoch": epoch + 1, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "average": self.average}, new)
            new.rename(self.saved)
        with torch.no_grad():
            for v, mean in zip(self.kept, self.average):
                v.copy_(mean)
        return self.model


def _seconds(log) -> float:
    """What the epochs of a stage took, those of a run that was stopped among them."""
    return sum(float(line.rsplit(",", 1)[1]) for line in log.read_text().splitlines()) if log.exists() else 0.0


def fit(plan: Plan, root, out, beside=None):
    """Trains as planned into the folder out, with a cache beside it. beside: {name: folder like NORMAL, PNEUMONIA} of pictures that are
    answered too, and not learnt from."""
    out = pathlib.Path(out)
    cache = out.parent / "cache"
    if (out / "run.json").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    found, kept = pictures(root, cache, kept_size(plan))
    block = data.blocks(found)
    training = np.flatnonzero(block != plan.fold)
    labels = np.array([p.label for p in found])
    x, y = kept[:, training], labels[training]
    held = [p for p, b in zip(found, block) if b == plan.fold]
    groups = {"held": (held, tuple(stress.KINDS))} | {name: (data.folder(path), ()) for name, path in (beside or {}).items()}

    def ask(model):
        """{group: {kind: logits}} and {group: {kind: AUC}}"""
        told = {name: answers(model, validation(some, cache, plan.size, kinds), plan.windowed) for name, (some, kinds) in groups.items()}
        return told, {name: {k: float(roc_auc_score([p.label for p in groups[name][0]], z)) for k, z in of.items()} for name, of in told.items()}
    analog = hybrid.Analog(plan.shape()).to(memory_format=torch.channels_last)
    if (out / "first.pt").exists():
        analog.load_state_dict(torch.load(out / "first.pt"))
    else:
        _Trainer(analog, x, y, plan, 1, out).run()
        torch.save(analog.state_dict(), out / "first.pt")
    first, before = ask(analog)
    print(f"{out}: first stage AUC " + ", ".join(f"{name} {of['plain']:.4f}" for name, of in before.items()), flush=True)
    tops = hybrid.peaks(analog, sample(plan, kept, training))
    model = hybrid.converted(analog, plan.shape(), tops).to(memory_format=torch.channels_last)
    _Trainer(model, x, y, plan, 2, out, analog.eval()).run()
    model = hybrid.finer(model, plan.final()).to(memory_format=torch.channels_last)
    torch.save(model.state_dict(), out / "model.pt")
    told, auc = ask(model)
    for name, (some, _) in groups.items():
        np.savez(out / ("answers.npz" if name == "held" else f"answers-{name}.npz"), label=np.array([p.label for p in some]), name=[p.path.name for p in some],
                 patient=[p.patient for p in some], **told[name], **{f"relu-{k}": z for k, z in first[name].items()})
    run = {**dataclasses.asdict(plan), "parameters": sum(p.numel() for p in model.parameters()), "auc": auc["held"], "auc_relu": before["held"],
           "auc_beside": {k: v for k, v in auc.items() if k != "held"}, "auc_beside_relu": {k: v for k, v in before.items() if k != "held"},
           "operations": operations(model, sample(plan, kept, training)), "pictures": {"training": len(training), "validation": len(held)},
           "seconds": round(_seconds(out / "stage1.csv") + _seconds(out / "stage2.csv")),
           "digest": {"training": data.digest([found[i] for i in training]), "validation": data.digest(held)},
           "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "numpy": np.__version__}}
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    print(f"{out}: AUC " + ", ".join(f"{name} {of['plain']:.4f}" for name, of in auc.items()), flush=True)


def main():
    ap = argparse.ArgumentParser(description="Train the network spikeray.")
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--out", required=True, help="folder of the run; a stopped run there goes on")
    ap.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER", help="other pictures to answer, never learnt from")
    for field in dataclasses.fields(Plan):
        flag = "--" + field.name.replace("_", "-")
        if field.type is bool:
            ap.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        elif field.name == "kinds":
            ap.add_argument(flag, nargs="*", choices=KINDS, default=KINDS)
        elif field.name == "stack":
            ap.add_argument(flag, choices=sorted(hybrid.STACKS), default=field.default)
        else:
            ap.add_argument(flag, type=type(field.default), default=field.default)
    a = vars(ap.parse_args())
    root, out, beside = a.pop("data"), a.pop("out"), dict(b.split("=", 1) for b in a.pop("beside"))
    fit(Plan(**{**a, "kinds": tuple(a["kinds"])}), root, out, beside)


if __name__ == "__main__":
    main()
