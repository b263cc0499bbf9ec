"""Writes what docs/RESULTS.md says of `spikeray`, and the model's card: `python -m spikeray hybrid report`.

Of docs/RESULTS.md only what stands between two markers is replaced. Figures are drawn as SVG into docs/figures. The
rules are docs/PROTOCOL.md's.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np

from ..report.markers import Section
from ..report.metrics import BINS, auc, bootstrap, ece, even
from . import audit
from .arm import DRAWS, Arm, paired
from .card import card
from .pictures import GREYS
from .runs import HybridRun, pooled
from .ship import VERSION

SECTION = Section("spikeray tables", "hybrid report")

SHORTCUTS = (
    "The pictures of the blocks again, plain but for what the row says. A mask is the picture's median grey; the "
    "borders are the outer eighth of each side; coarse is what a Gaussian of "
    "four pixels leaves, fine is the rest. Pairs are of one healthy and one ill picture whose sharpness (deviation of "
    "the Laplacian over that of the picture) is within 2 %. "
    "The look is how much the grey varies at five scales, and in all. A logistic regression on the other blocks says "
    "what it tells of the class, and each picture weighs the chance that its look gives the other class. Intervals "
    "take the weights as given."
)

POINTS = (
    "The rates are of what the calibration and `screening` were fitted on: plain and stressed answers, the plain ones "
    "weighing as much as those of all eight kinds of stress together. The last two columns are "
    "of plain and of stressed answers by themselves (sensitivity, specificity)."
)

STEADY = (
    "How far one grey level of noise (a whole number from -1 to 1 for each pixel of the picture as it comes, three "
    "draws) moves the probability. Near: a flip of the label of a picture whose "
    "probability is within .05 of the threshold."
)

ELSEWHERE = (
    "The mean and the standard deviation of the five runs on other pictures, at the calibration and the threshold "
    "`balanced` above. ECE weighs pictures alike. Nothing was fitted on them; what recipes were chosen on them, "
    "docs/PROTOCOL.md says."
)


def tables_and_card(root, dataset, figures, version) -> tuple[str, str]:
    """(the tables for docs/RESULTS.md, the card), both Markdown."""
    root = pathlib.Path(root)
    main, relu = Arm(root), Arm(root, "relu-")
    n, ill = len(main.label), int(main.label.sum())
    tables = {
        "pooled": _pooled_table(main),
        "points": _points_table(main),
        "subgroups": _subgroups(main),
        "stress": _stress_table(main),
        "steady": STEADY + "\n\n" + _steady_table(main, relu),
        "elsewhere": _elsewhere(root, main),
        "audit": SHORTCUTS + "\n\n" + audit.table(root, dataset),
    }
    parts = [
        "## `spikeray`, out of block",
        f"{n} pictures of {len(set(main.patients))} patients, {n - ill} NORMAL and {ill} PNEUMONIA, each answered by "
        "the one of five runs that has not seen its stretch of the numbering. "
        f"Calibrated, at the threshold `balanced` ({main.threshold:.4f}); ECE and Brier with the two classes weighing "
        f"the same. Intervals: {DRAWS} bootstrap samples of patients.",
        tables["pooled"],
        "### Each run on its own block",
        _runs_table(main),
        "### Stressed",
        tables["stress"],
        "### Operating points",
        tables["points"],
        "### Steadiness",
        tables["steady"],
        "### After each step",
        _steps_table(root, main),
        "### Subgroups",
        tables["subgroups"],
        "![Reliability diagram](figures/reliability.svg)",
        "### Shortcuts",
        tables["audit"],
    ]
    if tables["elsewhere"]:
        parts += ["### Elsewhere", ELSEWHERE, tables["elsewhere"]]
    parts += [
        "## The spiking question",
        f"Spiking, {np.mean([r.record['operations'] for r in main.runs]):.1f} M synaptic operations, minus the ReLU "
        "networks that the runs were converted from.",
        "| | difference | 95% interval | by block |\n|---|---|---|---|\n" + "\n".join(paired(main, relu)),
    ]
    reliability(main, figures / "reliability.svg")
    return "\n\n".join(parts), card(max(main.runs, key=lambda r: r.merit), version, tables, n)


HEAD = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1_pneumonia": "F1, pneumonia",
    "f1_weighted": "F1, weighted",
    "ece": "ECE",
    "brier": "Brier",
}


def _pooled_table(arm):
    value = arm.figures()
    interval = bootstrap(arm.label, arm.probability(), arm.patients, arm.figures, draws=DRAWS)
    return "| | | 95% interval |\n|---|---|---|\n" + "\n".join(
        f"| {HEAD[k]} | {value[k]:.4f} | {interval[k][0]:.4f} to {interval[k][1]:.4f} |" for k in HEAD
    )


def _runs_table(arm):
    rows = ["| block and seed | " + " | ".join(HEAD.values()) + " | AUC, stressed |", "|---" * (len(HEAD) + 2) + "|"]
    every = []
    for r in arm.runs:
        f = {
            **arm.figures(r.label, arm.answers(r)),
            "stressed": np.mean([auc(r.label, r.logits[k]) for k in arm.kinds]),
        }
        every.append(list(f.values()))
        rows.append(f"| {r.record['fold']} | " + " | ".join(f"{v:.4f}" for v in f.values()) + " |")
    rows.append(
        "| mean ± sd | "
        + " | ".join(f"{m:.4f} ± {s:.4f}" for m, s in zip(np.mean(every, 0), np.std(every, 0, ddof=1)))
        + " |"
    )
    return "\n".join(rows)


def _steady_table(*arms):
    rows = ["| | mean | worst | labels flipped | of them near |", "|---|---|---|---|---|"]
    for arm in arms:
        plain = arm.probability()
        moved = np.stack([arm.probability(f"grey{i}") for i in range(GREYS)])
        flipped = (moved >= arm.threshold) != (plain >= arm.threshold)
        near = np.abs(plain - arm.threshold) < 0.05
        rows.append(
            f"| {'ReLU' if arm.prefix else 'spiking'} | {np.abs(moved - plain).mean():.4f} | "
            f"{np.abs(moved - plain).max():.3f} | {flipped.sum()} of {flipped.size} | {(flipped & near).sum()} |"
        )
    return "\n".join(rows)


def _steps_table(root, main):
    rows = ["| steps | AUC, plain | AUC, stressed | balanced accuracy, plain | ECE |", "|---|---|---|---|---|"]
    steps = main.runs[0].record["steps"]
    for t in range(1, steps + 1):
        arm = main if t == steps else Arm(root, suffix=f"@{t}")
        f = arm.figures()
        rows.append(
            f"| {t} | {f['auc']:.4f} | {arm.stressed()['auc']:.4f} | {(f['sensitivity'] + f['specificity']) / 2:.4f} "
            f"| {f['ece']:.4f} |"
        )
    return "\n".join(rows)


def _elsewhere(root, arm):
    """Figures on the other pictures that every run answered, mean and deviation of the runs; "" without any."""
    names = sorted({p.stem.removeprefix("answers-") for p in pathlib.Path(root).glob("spiking-*/answers-*.npz")})
    rows = []
    for name in names:
        found = [HybridRun.read(r.folder, f"answers-{name}") for r in arm.runs]
        every = []
        for r in found:
            p = arm.answers(r)
            f = arm.figures(r.label, p)
            every.append(
                [f[k] for k in ("auc", "accuracy", "sensitivity", "specificity")]
                + [ece(r.label, p), auc(r.label, r.logits["relu-plain"])]
            )
        cells = [f"{m:.4f} ± {s:.4f}" for m, s in zip(np.mean(every, 0), np.std(every, 0, ddof=1))]
        rows.append(f"| `{name}`, {len(found[0].label)} pictures | " + " | ".join(cells) + " |")
    if not rows:
        return ""
    return "\n".join(
        ["| | AUC | accuracy | sensitivity | specificity | ECE | AUC, ReLU |", "|---|---|---|---|---|---|---|", *rows]
    )


def _stress_table(arm):
    rows = ["| | AUC | 95% interval | sensitivity | specificity | ECE |", "|---|---|---|---|---|---|"]
    for kind in ("plain", *arm.kinds):
        p = arm.probability(kind)
        f = arm.figures(arm.label, p)
        low, high = bootstrap(arm.label, p, arm.patients, lambda y, q: {"auc": auc(y, q)}, draws=DRAWS)["auc"]
        rows.append(
            f"| {kind} | {f['auc']:.4f} | {low:.4f} to {high:.4f} | {f['sensitivity']:.4f} | {f['specificity']:.4f} | "
            f"{f['ece']:.4f} |"
        )
    s = arm.stressed()
    rows.append(f"| mean of the eight | {s['auc']:.4f} | | balanced {s['balanced']:.4f} | | {s['ece']:.4f} |")
    return "\n".join(rows)


def _points_table(arm):
    rows = ["| | threshold | sensitivity | specificity | plain | stressed |", "|---|---|---|---|---|---|"]
    stressed = np.stack([arm.probability(k) for k in arm.kinds])
    for point in arm.points:
        cells = [
            f"{rate.value:.4f} ({rate.low:.4f} to {rate.high:.4f})" for rate in (point.sensitivity, point.specificity)
        ]
        cells += [
            f"{np.mean(p[:, arm.label == 1] >= point.threshold):.4f}, "
            f"{np.mean(p[:, arm.label == 0] < point.threshold):.4f}"
            for p in (arm.probability()[np.newaxis], stressed)
        ]
        rows.append(f"| `{point.name}` | {point.threshold:.4f} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", POINTS])


def _subgroups(arm):
    rows, p = ["| | pictures | sensitivity | 95% interval |", "|---|---|---|---|"], arm.probability()
    for word, aetiology in (("bacterial pneumonia", "bacteria"), ("viral pneumonia", "virus")):
        here = np.char.startswith(arm.patients.astype(str), aetiology)
        low, high = bootstrap(
            arm.label[here], p[here], arm.patients[here], lambda _, q: {"s": np.mean(q >= arm.threshold)}, draws=DRAWS
        )["s"]
        rows.append(f"| {word} | {here.sum()} | {np.mean(p[here] >= arm.threshold):.4f} | {low:.4f} to {high:.4f} |")
    return "\n".join(rows)


def reliability(arm, path):
    """Draws the share of PNEUMONIA against the probability, before and after calibration, the classes weighing the
    same."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.hashsalt": "spikeray", "svg.fonttype": "none"})
    weight = even(arm.label)
    fig, axis = plt.subplots(figsize=(4.2, 4), layout="constrained")
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for p, label in (
        (1 / (1 + np.exp(-pooled(arm.runs)[2])), "as trained"),
        (arm.probability(), "calibrated"),
    ):
        index = np.minimum((p * BINS).astype(int), BINS - 1)
        total = np.bincount(index, weight, BINS)
        some = total > 0
        axis.plot(
            np.bincount(index, weight * p, BINS)[some] / total[some],
            np.bincount(index, weight * arm.label, BINS)[some] / total[some],
            "o-",
            markersize=4,
            label=label,
        )
    axis.set(xlabel="probability of pneumonia", ylabel="share of pneumonia", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Write the tables of spikeray.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--data", required=True)
    ap.add_argument("--results", type=pathlib.Path, default=pathlib.Path("docs/RESULTS.md"))
    ap.add_argument("--card", type=pathlib.Path, default=pathlib.Path("models/spikeray.md"))
    ap.add_argument("--version", default=VERSION)
    a = ap.parse_args(arguments)
    tables, written = tables_and_card(a.runs, a.data, a.results.parent / "figures", a.version)
    a.card.write_text(written)
    SECTION.put(a.results, tables)
