"""An open question of the article, and what each part of the recipe buys.

    python training/experiments/sweeps.py dt --data DATA
    python training/experiments/sweeps.py ablation --data DATA

`dt`: snnxray's time step from 0.25 to 16, and cnnxray, which is that of no end, three seeds, pictures of 32 pixels, 6
epochs. `ablation`: spikeray on block 0, one part of the recipe left out or changed; one run each.

Trains what is not finished yet (a sweep that was stopped goes on), prints a table in Markdown, and of `dt` draws
docs/figures/dt.svg.
"""

import argparse
import pathlib

import numpy as np

from spikeray.report.metrics import auc

# Each sweep imports what it needs: TensorFlow and PyTorch in one process end it.

DT = (0.25, 0.5, 1, 2, 4, 8, 16, np.inf)


def dt(a):
    from spikeray.article import train
    from spikeray.article.runs import ArticleRun

    found = {}
    for step in DT:
        for seed in range(3):
            name = "snnxray" if np.isfinite(step) else "cnnxray"
            folder = a.out.parent / "dt" / f"{name}-{step}-{seed}"
            train.train(name, a.data, folder, seed, step if np.isfinite(step) else 1.0, epochs=6, size=32, verbose=2)
            run = ArticleRun.read(folder)
            found.setdefault(name, {}).setdefault(step, []).append(auc(run.label, run.probability))
    print("| | dt | AUC |", "|---|---|---|", sep="\n")
    for name, points in found.items():
        for step, values in points.items():
            print(f"| {name} | {step:g} | {np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f}) |")
    draw(found, a.figures / "dt.svg")


def draw(found, path):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.hashsalt": "spikeray", "svg.fonttype": "none"})
    fig, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
    at = DT[:-1]
    values = np.array([found["snnxray"][step] for step in at])
    axis.axhline(np.mean(found["cnnxray"][np.inf]), color="0.5", linestyle=":", label="cnnxray")
    axis.errorbar(
        at,
        values.mean(1),
        [values.mean(1) - values.min(1), values.max(1) - values.mean(1)],
        fmt="o-",
        markersize=4,
        capsize=2,
        label="snnxray",
    )
    axis.set(xlabel="dt", ylabel="AUC, mean and range of three seeds", xscale="log", xticks=at)
    axis.get_xaxis().set_major_formatter(lambda v, _: f"{v:g}")
    axis.minorticks_off()
    axis.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, metadata={"Date": None})


def ablation(a):
    from spikeray.hybrid import recipes
    from spikeray.hybrid.runs import HybridRun

    print(
        "| | AUC, plain | stressed | ReLU, plain | operations | noise of one grey level, mean | elsewhere |",
        "|---|---|---|---|---|---|---|",
        sep="\n",
    )
    for name, recipe in {"spiking-0": recipes.TRIAL, **recipes.GROUPS["ablation"]}.items():
        recipes.run(name, recipe, a.data, a.out, a.beside)
        run = HybridRun.read(a.out / name)
        p = [1 / (1 + np.exp(-run.logits[k])) for k in ("plain", "grey0")]
        cells = [
            auc(run.label, run.logits["plain"]),
            np.mean([auc(run.label, run.logits[k]) for k in run.kinds]),
            auc(run.label, run.logits["relu-plain"]),
        ]
        elsewhere = ", ".join(f"{k} {v['plain']:.4f}" for k, v in run.record["auc_beside"].items())
        print(
            f"| {name.removeprefix('ablation-')} | {' | '.join(f'{c:.4f}' for c in cells)} | "
            f"{run.record['operations']:.1f} M | {np.abs(p[1] - p[0]).mean():.4f} | {elsewhere} |"
        )


def main():
    ap = argparse.ArgumentParser(description="Run a sweep.")
    ap.add_argument("sweep", choices=("dt", "ablation"))
    ap.add_argument("--data", required=True)
    ap.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="other pictures to answer, never learnt from",
    )
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("training/runs/spikeray"))
    ap.add_argument("--figures", type=pathlib.Path, default=pathlib.Path("docs/figures"))
    a = ap.parse_args()
    {"dt": dt, "ablation": ablation}[a.sweep](a)


if __name__ == "__main__":
    main()
