"""The article's two open questions, and what each part of the recipe buys: `python training/experiments/sweeps.py dt|steps|width|ablation --data DATA`.

    dt     snnxray's time step from 0.25 to 16, and cnnxray, which is that of no end, three seeds, pictures of 32 pixels, 6 epochs
    steps  spikeray's number of time steps from 1 to 16, three seeds and folds, pictures of 48 pixels, 6 and 2 epochs
    width  spiking against ReLU with the number of parameters, as above
    ablation  the first stage of spikeray, half as long, on fold 0, one part left out or changed; one run each. And the
           whole of it on five folds, against what it was without weights for looks, and with augmentation at full
           strength to the end

Trains what is not finished yet (a sweep that was stopped goes on), prints a table in Markdown and, but for the ablation, draws
docs/figures/NAME.svg.
"""

import argparse
import pathlib

import numpy as np

from spikeray import deliver, findings, plans, runs, train
from spikeray.metrics import auc

DT = (0.25, 0.5, 1, 2, 4, 8, 16, np.inf)


def dt(data, out):
    """{line: {dt: [(AUC, nan, nan) a seed]}}"""
    found = {}
    for step in DT:
        for seed in range(3):
            name = "snnxray" if np.isfinite(step) else "cnnxray"
            folder = out.parent / "dt" / f"{name}-{step}-{seed}"
            train.train(name, data, folder, seed, step if np.isfinite(step) else 1.0, epochs=6, size=32, verbose=2)
            run = runs.load(folder)
            found.setdefault(name, {}).setdefault(step, []).append((auc(run.label, run.probability), np.nan, np.nan))
    return found, "dt"


def _planned(group, data, out, key):
    """{line: {x: [figures(run) a run]}}, key saying where a run belongs by its record."""
    found = {}
    for name, plan in plans.GROUPS[group].items():
        plans.run(name, plan, data, out)
        run = deliver.load(out / name)
        x, line = key(run.record)
        found.setdefault(line, {}).setdefault(x, []).append(figures(run))
    return found


def figures(run):
    """AUC of a run's own fold, plain and stressed, and stressed the balanced accuracy at the threshold that balances plain."""
    z = run.logits["plain"]
    threshold = deliver.balanced_threshold(run.label, z)
    harmed = [z for k, z in run.logits.items() if k != "plain"]
    return (auc(run.label, z), np.mean([auc(run.label, h) for h in harmed]),
            np.mean([(np.mean(h[run.label == 1] >= threshold) + np.mean(h[run.label == 0] < threshold)) / 2 for h in harmed]))


def steps(data, out):
    return _planned("steps", data, out, lambda r: (r["steps"], "spikeray")), "time steps"


def width(data, out):
    return _planned("width", data, out, lambda r: (r["parameters"], r["activation"])), "parameters"


def ablation(data, out):
    names = iter(plans.GROUPS["ablation"])
    found = _planned("ablation", data, out, lambda r: (0, next(names).removeprefix("ablation-")))
    for group in ("main", "unweighted", "strong"):
        for name, plan in plans.GROUPS[group].items():
            plans.run(name, plan, data, out)
    shipped, unweighted, strong = (findings.Arm(out, name) for name in ("spiking", "unweighted-spiking", "strong-spiking"))
    for title, arm, other in (("looks weighed in the second stage, minus not", shipped, unweighted), ("second stage milder, minus all at full strength", unweighted, strong)):
        print(f"| {title} | difference | 95% interval | by fold |\n|---|---|---|---|", *findings.paired(arm, other), "", sep="\n")
    return found, None


SWEEPS = {"dt": dt, "steps": steps, "width": width, "ablation": ablation}


def table(found, x):
    if x is None:
        return "\n".join(["| | AUC, plain | stressed | balanced accuracy, stressed, at plain's threshold |", "|---|---|---|---|", *(
            f"| {line} | {' | '.join(f'{v:.4f}' for v in points[0][0])} |" for line, points in found.items())])
    rows = [f"| | {x} | AUC, plain | stressed | balanced accuracy, stressed, at plain's threshold |", "|---|---|---|---|---|"]
    for line, points in found.items():
        for at, values in sorted(points.items()):
            cells = [f"{np.mean(v):.4f} ({min(v):.4f} to {max(v):.4f})" if not np.isnan(v).any() else "" for v in np.transpose(values)]
            rows.append(f"| {line} | {at:.8g} | {' | '.join(cells)} |")
    return "\n".join(rows)


def draw(found, x, path):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    matplotlib.rcParams.update({"svg.hashsalt": "spikeray", "svg.fonttype": "none"})
    fig, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
    for line, points in found.items():
        at = sorted(a for a in points if np.isfinite(a))
        if not at:
            axis.axhline(np.mean(points[np.inf], axis=0)[0], color="0.5", linestyle=":", label=f"{line}, plain")
        for i, style in enumerate(("o-", "s--")):
            values = np.array([[v[i] for v in points[a]] for a in at])
            if at and not np.isnan(values).any():
                axis.errorbar(at, values.mean(1), [values.mean(1) - values.min(1), values.max(1) - values.mean(1)], fmt=style,
                              markersize=4, capsize=2, label=f"{line}, {'stressed' if i else 'plain'}")
    axis.set(xlabel=x, ylabel="AUC, mean and range of three seeds", xscale="log")
    axis.set_xticks(sorted({a for points in found.values() for a in points if np.isfinite(a)}))
    axis.get_xaxis().set_major_formatter(lambda v, _: f"{v / 1e6:.2f} M" if v >= 1e6 else f"{v / 1e3:.0f} k" if v >= 1e3 else f"{v:g}")
    axis.minorticks_off()
    axis.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, metadata={"Date": None})


def main():
    ap = argparse.ArgumentParser(description="Run a sweep and draw it.")
    ap.add_argument("sweep", choices=sorted(SWEEPS))
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("training/runs/spikeray"))
    ap.add_argument("--figures", type=pathlib.Path, default=pathlib.Path("docs/figures"))
    a = ap.parse_args()
    found, x = SWEEPS[a.sweep](a.data, a.out)
    print(table(found, x))
    if x:
        draw(found, x, a.figures / f"{a.sweep}.svg")


if __name__ == "__main__":
    main()
