"""Trains the network `spikeray`, or one of its twins: `python -m spikeray.fit --data DIR --out DIR --fold 0`.

Two stages. First from the start, with batch norm and ReLU or quantised activations; then, batch norm folded into int8
convolutions, as what is asked for: `relu`, `quantised`, or `spiking` or `board` through time. The first sees pictures augmented at full
strength, which the network comes to think the usual; the second strengths from none up, so that it ends with plain pictures among what it
knows, and pictures weighing more that do not look like their class (look.py). Both end in the running average of the weights. Twins of one
seed and fold share the first stage where they can (all but `relu`).

A run's folder holds model.keras, answers.npz (validation logits, plain and for each kind of stress) and run.json. A run that
was stopped goes on from its last epoch; a finished one is left alone.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import platform
import time

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from . import data, hybrid, look, stress
from .augment import KINDS, augment

MARGIN = 1.25  # pictures are kept so much larger than the network's, for geometry to choose from


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is: everything that its result depends on but the data."""

    activation: str = "spiking"
    seed: int = 0
    fold: int = 0
    size: int = 128
    steps: int = 4  # time steps, or levels of a quantised activation
    width: float = 1.0
    epochs: int = 24
    epochs_after: int = 4  # of the second stage
    rate: float = 2e-3
    rate_after: float = 4e-4
    decay: float = 0.02  # AdamW's
    batch: int = 32
    smoothing: float = 0.05
    cost: float = 0.004  # of a million synaptic operations; none for ReLU
    kinds: tuple = KINDS  # of augmentation
    balanced: bool = True  # each class weighs the same
    averaged: bool = True
    mildest: float = 1.0  # least strength of augmentation, 0 to 1, in the first stage; the most is 1
    mildest_after: float = 0.0
    look_after: float = 6.0  # most that a picture whose look speaks against its class weighs, in weights of one whose look gives it away

    def first(self):
        """The name of the first stage: what it depends on."""
        kind = "relu" if self.activation == "relu" else "quantised"
        after = ("activation", "epochs_after", "rate_after", "mildest_after", "look_after")
        own = {k: v for k, v in dataclasses.asdict(self).items() if k not in after}
        if kind == "relu":
            own.update(steps=0, cost=0)
        return kind + "-" + "-".join(_short(v) for v in own.values())


def _short(value):
    return "".join(k[0] for k in value) if isinstance(value, tuple) else f"{value}"


def pictures(root, cache, size):
    """All of `train` as training sees it, kept in a file: (list of data.Picture, uint8 [2][n][size][size]).

    The second is the first saved as a JPEG of some quality (20 to 70) and read again.
    """
    found = data.scan(root, "train")
    path = pathlib.Path(cache) / f"pictures-{size}-{data.digest(found)[:16]}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        out = np.empty((2, len(found), size, size), np.uint8)
        for i, p in enumerate(found):
            out[0, i], out[1, i] = _prepared(p, size)
        np.save(path.with_suffix(".tmp.npy"), out)
        path.with_suffix(".tmp.npy").rename(path)
    return found, np.load(path, mmap_mode="r")


def _prepared(picture, size):
    import io

    from PIL import Image
    with Image.open(picture.path) as im:
        grey = im.convert("L")
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=20 + int(picture.sha256[:4], 16) % 51)
    return [np.asarray(im.resize((size, size), Image.Resampling.BILINEAR)) for im in (grey, Image.open(file).convert("L"))]


def validation(root, cache, fold, size):
    """A fold's pictures as they are, and harmed in each way: {kind: uint8 [n][size][size]}, labels, pictures."""
    _, found = data.split(root, fold)
    path = pathlib.Path(cache) / f"validation-{size}-{data.digest(found)[:16]}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = np.stack([np.rint(data.prepare(p.path, size)[..., 0] * 255).astype(np.uint8) for p in found])
        np.savez(path.with_suffix(".tmp.npz"), plain=plain, **{k: stress.load(found, k, size) for k in stress.KINDS})
        path.with_suffix(".tmp.npz").rename(path)
    return dict(np.load(path)), np.array([p.label for p in found]), found


def answers(model, sets, batch=64):
    """Logit of PNEUMONIA (the difference of the two) for each set of uint8 pictures."""
    out = {}
    for kind, x in sets.items():
        z = model.predict(x[..., None].astype(np.float32) / np.float32(255), batch_size=batch, verbose=0)
        out[kind] = (z[:, 1] - z[:, 0]).astype(np.float64)
    return out


def _batches(x, y, plan, epoch, stage):
    """One epoch's batches, the same for a seed, an epoch and a stage: a run that goes on is the run that was not stopped."""
    rng = np.random.default_rng((plan.seed, stage, epoch))
    mildest = plan.mildest if stage == 1 else plan.mildest_after
    order = rng.permutation(len(y))
    order = order[:len(order) // plan.batch * plan.batch].reshape(-1, plan.batch)
    variants = rng.integers(0, 2 if "sharpness" in plan.kinds else 1, order.shape)

    def rows():
        for i, (rows, variant) in enumerate(zip(order, variants)):
            yield x[variant, rows][..., None], y[rows], (plan.seed * 1000003 + stage * 10007 + epoch, i)

    dataset = tf.data.Dataset.from_generator(rows, output_signature=(
        tf.TensorSpec((plan.batch, *x.shape[2:], 1), tf.uint8), tf.TensorSpec((plan.batch, 2), tf.float32), tf.TensorSpec((2,), tf.int32)))
    return dataset.map(lambda a, b, s: (augment(a, plan.size, s, plan.kinds, mildest), b), num_parallel_calls=2).prefetch(4)


class _Trainer:
    """One stage of training, with the running average of weights and batch norm's statistics kept beside the weights."""

    def __init__(self, model, x, y, plan, stage, epochs, rate, folder, weight=1.0):
        self.model, self.x, self.plan, self.stage, self.epochs, self.folder = model, x, plan, stage, epochs, folder
        self.steps = len(y) // plan.batch
        total, warm = epochs * self.steps, self.steps if stage == 1 else self.steps // 4
        schedule = keras.optimizers.schedules.CosineDecay(rate / 20, total - warm, alpha=0.01, warmup_target=rate, warmup_steps=warm)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=plan.decay, clipnorm=1.0)
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
        self.optimizer.build(model.trainable_variables)
        share = np.bincount(y, minlength=2) / len(y)
        weight = weight * (0.5 / share if plan.balanced else np.ones(2))[y]
        target = np.eye(2)[y] * (1 - plan.smoothing) + plan.smoothing / 2
        self.y = (target * weight[:, None]).astype(np.float32)  # a weighted target is a weighted cross-entropy
        self.average = [tf.Variable(v, trainable=False) for v in model.variables if v.dtype == "float32"]
        self.epoch = tf.Variable(0, dtype=tf.int64)
        self.momentum = tf.Variable(0.0)
        self.checkpoint = tf.train.Checkpoint(variables=[v.value for v in model.variables], average=self.average,
                                              optimizer=[v.value for v in self.optimizer.variables], epoch=self.epoch)
        self.manager = tf.train.CheckpointManager(self.checkpoint, str(folder), max_to_keep=1)
        if self.manager.latest_checkpoint:
            self.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()

    @tf.function
    def _step(self, x, y):
        with tf.GradientTape() as tape:
            z = self.model(x, training=True)
            loss = -tf.reduce_mean(tf.reduce_sum(y * tf.nn.log_softmax(z), axis=1))
            whole = loss + tf.add_n(self.model.losses) if self.model.losses else loss
        self.optimizer.apply(tape.gradient(whole, self.model.trainable_variables), self.model.trainable_variables)
        for a, v in zip(self.average, self._kept()):
            a.assign_add((1 - self.momentum) * (v.value - a))
        return loss, whole - loss

    def _kept(self):
        return [v for v in self.model.variables if v.dtype == "float32"]

    def run(self):
        log = self.folder.with_suffix(".csv")
        for epoch in range(int(self.epoch), self.epochs):
            began, losses = time.time(), []
            for i, (x, y) in enumerate(_batches(self.x, self.y, self.plan, epoch, self.stage)):
                done = epoch * self.steps + i
                self.momentum.assign(min(0.998, done / (done + 10)))
                losses.append([float(v) for v in self._step(x, y)])
            loss, cost = np.mean(losses, axis=0)
            if not math.isfinite(loss):
                raise FloatingPointError(f"{self.folder}: the loss is {loss} in epoch {epoch}")
            with open(log, "a") as f:
                print(f"{epoch},{loss:.5f},{cost:.5f},{time.time() - began:.1f}", file=f)
            print(f"{self.folder}: epoch {epoch} loss {loss:.4f} cost {cost:.4f} {time.time() - began:.0f} s", flush=True)
            self.epoch.assign_add(1)
            self.manager.save()
        if self.plan.averaged:
            for a, v in zip(self.average, self._kept()):
                v.assign(a)
        return self.model


def _seconds(log) -> float:
    """What the epochs of a stage took, those of a run that was stopped among them."""
    return sum(float(line.rsplit(",", 1)[1]) for line in log.read_text().splitlines()) if log.exists() else 0.0


def fit(plan: Plan, root, out, shared=None):
    """Trains as planned into the folder out; the first stages are kept in the folder shared (beside out)."""
    out = pathlib.Path(out)
    shared = pathlib.Path(shared or out.parent)
    if (out / "run.json").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(plan.seed)
    found, kept = pictures(root, shared / "cache", round(plan.size * MARGIN / 8) * 8)
    folds = data.folds(found)
    training = np.flatnonzero(folds != plan.fold)
    labels = np.array([p.label for p in found])[training]
    x = kept[:, training]
    first = shared / "first" / plan.first()
    model = hybrid.network(plan.size, "relu" if plan.activation == "relu" else "quantised", plan.steps, plan.width, plan.cost)
    if not (first / "model.weights.h5").exists():
        first.mkdir(parents=True, exist_ok=True)
        _Trainer(model, x, labels, plan, 1, plan.epochs, plan.rate, first / "stage1").run()
        model.save_weights(first / "new.weights.h5")
        (first / "new.weights.h5").rename(first / "model.weights.h5")
    model.load_weights(first / "model.weights.h5")
    sets, y, validated = validation(root, shared / "cache", plan.fold, plan.size)
    before = answers(model, {k: sets[k] for k in ("plain", "mixed")})
    print(f"{first}: AUC plain {roc_auc_score(y, before['plain']):.4f} mixed {roc_auc_score(y, before['mixed']):.4f}", flush=True)
    model = hybrid.folded(model, plan.activation, plan.steps, plan.cost)
    if plan.epochs_after:
        weight = 1.0
        if plan.look_after > 1:
            seen = look.measures(x[0])
            weight = look.weights(look.logits(seen, labels, seen), labels, plan.look_after)
        _Trainer(model, x, labels, plan, 2, plan.epochs_after, plan.rate_after, out / "stage2", weight).run()
    model.save(out / "model.keras")
    z = answers(model, sets)
    np.savez(out / "answers.npz", label=y, name=[p.path.name for p in validated], patient=[p.patient for p in validated], **z)
    auc = {k: float(roc_auc_score(y, v)) for k, v in z.items()}
    run = {**dataclasses.asdict(plan), "parameters": int(model.count_params()), "auc": auc,
           "pictures": {"training": len(training), "validation": len(y)}, "seconds": round(_seconds(first / "stage1.csv") + _seconds(out / "stage2.csv")),
           "digest": {"training": data.digest([found[i] for i in training]), "validation": data.digest(validated)},
           "versions": {"python": platform.python_version(), "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}}
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    print(f"{out}: AUC " + " ".join(f"{k} {v:.4f}" for k, v in auc.items()), flush=True)


def main():
    ap = argparse.ArgumentParser(description="Train the network spikeray or a twin of it.")
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--out", required=True, help="folder of the run; a stopped run there goes on")
    for field in dataclasses.fields(Plan):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool" or field.type is bool:
            ap.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        elif field.name == "kinds":
            ap.add_argument(flag, nargs="*", choices=KINDS, default=KINDS)
        elif field.name == "activation":
            ap.add_argument(flag, choices=hybrid.ACTIVATIONS, default=field.default)
        else:
            ap.add_argument(flag, type=type(field.default), default=field.default)
    a = vars(ap.parse_args())
    root, out = a.pop("data"), a.pop("out")
    fit(Plan(**{**a, "kinds": tuple(a["kinds"])}), root, out)


if __name__ == "__main__":
    main()
