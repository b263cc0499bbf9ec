"""Trains one of the article's networks: `python -m spikeray article train snnxray --data DIR --out DIR --seed 0`.

A run's folder holds best.keras (lowest training loss, and best.h5 beside it), curves.csv, curves.png and
run.json. A run that was stopped goes on from its last epoch; a finished one is left alone.
"""

import argparse
import csv
import json
import pathlib
import platform
import time
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from .. import data
from .networks import NETWORKS, SIZE


class _ValidationAUC(keras.callbacks.Callback):
    """Writes validation AUC and accuracy into the epoch's logs; chooses nothing."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def on_epoch_end(self, epoch, logs=None):
        p = self.model.predict(self.x, batch_size=32, verbose=0)[:, 1]
        logs["val_auc"] = float(roc_auc_score(self.y, p))
        logs["val_accuracy"] = float(np.mean((p >= 0.5) == self.y))


class _Patience(keras.callbacks.EarlyStopping):
    """Early stopping that remembers the epochs of a run that was stopped: their losses, in order."""

    def __init__(self, losses, **kwargs):
        super().__init__(**kwargs)
        self.losses = losses

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.losses:
            self.best = min(self.losses)
            self.wait = len(self.losses) - 1 - self.losses.index(self.best)


def _losses(curves) -> list[float]:
    """The training loss of each epoch that a run's curves tell of."""
    if not curves.exists():
        return []
    with curves.open() as f:
        return [float(row["loss"]) for row in csv.DictReader(f)]


def train(
    name, root, out, seed=0, dt=2.0, time_axis="rows", steps=4, epochs=20, fold=0, batch=16, size=SIZE, verbose=1
):
    """Trains one network as the article did: Adam, mean squared error, patience 5 on the training loss."""
    out = pathlib.Path(out)
    if (out / "run.json").exists():
        print(f"{out}: finished before")
        return
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    training, validation = data.split(root, fold)
    x, y = data.prepare_all(training, size)
    vx, vy = data.prepare_all(validation, size)
    model = NETWORKS[name](seed=seed, dt=dt, time_axis=time_axis, steps=steps, size=size)
    model.compile(keras.optimizers.Adam(), "mean_squared_error", metrics=["accuracy"], jit_compile=False)
    began = time.time()
    losses = _losses(out / "curves.csv")
    history = model.fit(
        x,
        keras.utils.to_categorical(y, len(data.LABELS)),
        batch_size=batch,
        epochs=epochs,
        verbose=verbose,
        callbacks=[
            _ValidationAUC(vx, vy),
            keras.callbacks.ModelCheckpoint(
                str(out / "best.keras"),
                monitor="loss",
                save_best_only=True,
                initial_value_threshold=min(losses, default=None),
            ),
            _Patience(losses, monitor="loss", patience=5),
            keras.callbacks.CSVLogger(str(out / "curves.csv"), append=(out / "curves.csv").exists()),
            keras.callbacks.BackupAndRestore(str(out / "backup")),
        ],
    )
    best = keras.models.load_model(out / "best.keras")
    best.save(out / "best.h5")
    p = best.predict(vx, batch_size=32, verbose=0)[:, 1]
    np.savez(out / "validation.npz", probability=p, label=vy, name=[q.path.name for q in validation])
    _plot(out)
    run = {
        "recipe": name,
        "seed": seed,
        "dt": dt if name == "snnxray" else None,
        "time_axis": time_axis if name == "snnxray" else None,
        "steps": steps if name == "snnxray" and time_axis == "steps" else None,
        "optimizer": "adam",
        "loss": "mean_squared_error",
        "batch": batch,
        "size": size,
        "epochs_asked": epochs,
        "epochs_run": len((out / "curves.csv").read_text().splitlines()) - 1,
        "fold": fold,
        "training": {"pictures": len(training), "digest": data.digest(training)},
        "validation": {
            "pictures": len(validation),
            "digest": data.digest(validation),
            "auc": float(roc_auc_score(vy, p)),
            "accuracy": float(np.mean((p >= 0.5) == vy)),
        },
        "seconds": round(time.time() - began, 1),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "backend": f"{keras.backend.backend()} {_backend_version()}",
            "numpy": np.__version__,
        },
    }
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    print(f"{out}: validation AUC {run['validation']['auc']:.4f} accuracy {run['validation']['accuracy']:.4f}")
    return history


def _backend_version():
    return __import__(keras.backend.backend()).__version__


def _plot(out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = np.genfromtxt(out / "curves.csv", delimiter=",", names=True)
    curves = np.atleast_1d(curves)
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    axes[0].plot(curves["epoch"], curves["loss"])
    axes[0].set(xlabel="epoch", ylabel="training loss (MSE)", yscale="log")
    for key, label in (
        ("accuracy", "training accuracy"),
        ("val_accuracy", "validation accuracy"),
        ("val_auc", "validation AUC"),
    ):
        axes[1].plot(curves["epoch"], curves[key], label=label)
    axes[1].set(xlabel="epoch")
    axes[1].legend()
    fig.savefig(out / "curves.png", dpi=110)
    plt.close(fig)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Train one of the article's networks.")
    ap.add_argument("network", choices=sorted(NETWORKS))
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--out", required=True, help="folder of the run; a stopped run there goes on")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--dt", type=float, default=2.0, help="length of a time step (default 2)")
    ap.add_argument("--time-axis", choices=("rows", "steps"), default="rows")
    ap.add_argument("--steps", type=int, default=4, help="steps shown, for --time-axis steps")
    ap.add_argument("--epochs", type=int, default=20)
    ap.add_argument("--fold", type=int, default=0, help="which fifth of the patients validates")
    ap.add_argument(
        "--size", type=int, default=SIZE, help=f"side of the network's picture (default {SIZE}, the article's)"
    )
    ap.add_argument("--quiet", action="store_true", help="a line an epoch in place of progress bars")
    a = ap.parse_args(arguments)
    train(
        a.network,
        a.data,
        a.out,
        a.seed,
        a.dt,
        a.time_axis,
        a.steps,
        a.epochs,
        a.fold,
        size=a.size,
        verbose=2 if a.quiet else 1,
    )
