"""The cards of `spikeray` and of its variant for boards: card.md and board_card.md, filled in from runs."""

import pathlib
from collections.abc import Sequence

import numpy as np

from ..modelfile import OperatingPoint
from .runs import HybridRun
from .shape import STACKS

# What training took, for the carbon it stands for: a guess, and told as one.
WATTS = 10  # one core of a server, with memory and cooling
GRAMS = 475  # CO2 a kilowatt-hour, the world's mean


def _template(name: str) -> str:
    return pathlib.Path(__file__).with_name(name).read_text()


def card(run: HybridRun, version: str, tables: dict[str, str], n: int) -> str:
    """run: the shipped one. tables: pooled, points, subgroups, stress, steady, elsewhere and audit, in Markdown."""
    r, shape = run.record, run.recipe.final()
    hours = r["seconds"] / 3600
    return _template("card.md").format(
        version=version,
        parameters=r["parameters"],
        fold=r["fold"],
        size=r["size"],
        steps=r["steps"],
        most=shape.most,
        convolutions=len(shape.layers()) - 1,
        epochs=r["epochs"],
        epochs_after=r["epochs_after"],
        operations=r["operations"],
        dense=r["steps"] * sum(shape.fans()),
        smoothing=r["smoothing"],
        n_train=r["pictures"]["training"],
        n_val=r["pictures"]["validation"],
        train_digest=r["digest"]["training"][:16],
        val_digest=r["digest"]["validation"][:16],
        minutes=r["seconds"] / 60,
        versions=", ".join(f"{k} {v}" for k, v in r["versions"].items()),
        energy=hours * WATTS,
        carbon=hours * WATTS * GRAMS / 1000,
        watts=WATTS,
        grams=GRAMS,
        n=n,
        **tables,
    )


def board_card(run: HybridRun, version: str, points: Sequence[OperatingPoint], moved: np.ndarray) -> str:
    """The card of the variant for boards: its one run, its operating points, and by how much noise of one grey level
    moves its probabilities."""
    r = run.record
    stressed = [r["auc"][k] for k in run.kinds]
    return _template("board_card.md").format(
        version=version,
        steps=r["steps"],
        epochs=r["epochs"],
        epochs_after=r["epochs_after"],
        fold=r["fold"],
        n=r["pictures"]["validation"],
        plain=r["auc"]["plain"],
        stressed=sum(stressed) / len(stressed),
        shifted=r["auc_beside"]["shifted"]["plain"],
        layers=len(STACKS[r["stack"]]),
        moved=moved.mean(),
        worst=moved.max(),
        points="\n".join(
            f"| `{p.name}`: sensitivity, specificity, plain and stressed alike | {p.sensitivity.value:.4f}, "
            f"{p.specificity.value:.4f} |"
            for p in points
        ),
    )
