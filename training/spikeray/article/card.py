"""The cards of the article's networks: card.md, filled in."""

import pathlib

import numpy as np

from ..report.metrics import NAMES, bootstrap
from .runs import ArticleRun

TEMPLATE = pathlib.Path(__file__).with_name("card.md")

# A model's summary, and what its card says it is.
WHAT = {
    "snnxray": (
        "Spiking network, rows as time: pneumonia in children's chest X-rays",
        "A hybrid: three convolutions whose neurons spike, with the rows of the picture as time steps (dt = 2), "
        "and three dense layers\nthat read the spikes out",
    ),
    "cnnxray": (
        "Traditional network: pneumonia in children's chest X-rays",
        "The traditional counterpart of `snnxray`, to compare it with: the same layers with ReLU in place of spiking\n"
        "neurons",
    ),
    "snnxray-int8": (
        "Spiking network in whole numbers, rows as time: pneumonia in children's chest X-rays",
        "`snnxray` with the weights of every layer that takes pixels or spikes rounded to -127..127 and a scale for "
        "each output:\nits spikes are the same on every processor, bit for bit",
    ),
}


def card(name: str, version: str, run: ArticleRun, found: list[ArticleRun]) -> str:
    """A model's card: `run` is shipped, of the runs `found`."""
    r = run.record
    intervals = bootstrap(run.label, run.probability, run.patients)
    table = "\n".join(
        f"| {NAMES[k]} | {v:.4f} | {intervals[k][0]:.4f} to {intervals[k][1]:.4f} |" for k, v in run.metrics.items()
    )
    collapsed = [str(x.seed) for x in found if x.collapsed]
    return TEMPLATE.read_text().format(
        name=name,
        version=version,
        summary=WHAT[name][0],
        what=WHAT[name][1],
        n_train=r["training"]["pictures"],
        train_digest=r["training"]["digest"][:16],
        n_val=r["validation"]["pictures"],
        val_digest=r["validation"]["digest"][:16],
        n_patients=len(set(run.patients)),
        batch=r["batch"],
        epochs=r["epochs_run"],
        asked=r["epochs_asked"],
        seed=run.seed,
        minutes=round(r["seconds"] / 60),
        versions=", ".join(v if k == "backend" else f"{k} {v}" for k, v in r["versions"].items()),
        n_seeds=len(found),
        seeds=", ".join(str(x.seed) for x in found),
        collapsed=f" Seed {', '.join(collapsed)} collapsed to one answer for every picture." if collapsed else "",
        table=table,
        subgroups="\n".join(_subgroups(run)),
    )


def _subgroups(run):
    names, patients = np.array(run.names), np.array(run.patients)
    for group, word in (("bacterial pneumonia", "_bacteria_"), ("viral pneumonia", "_virus_")):
        here = np.char.find(names, word) >= 0
        if not here.any():
            continue
        found = {"sensitivity": np.mean(run.probability[here] >= 0.5)}
        low, high = bootstrap(
            run.label[here], run.probability[here], patients[here], lambda _, p: {"sensitivity": np.mean(p >= 0.5)}
        )["sensitivity"]
        yield f"| {group} | {here.sum()} | {found['sensitivity']:.4f} | {low:.4f} to {high:.4f} |"
