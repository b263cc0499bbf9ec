"""Writes the tables of docs/RESULTS.md: `python -m spikeray article report --data DATA`.

Only what stands between the two markers is replaced; a file without them gets them at its end.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from .. import data
from ..report.markers import Section
from ..report.metrics import NAMES, metrics
from . import runs

SECTION = Section("training tables", "article report")

# The article's official test, one run of each.
ARTICLE = {
    "traditional network": ".732 | .992 | .299 | .823 | .685",
    "spiking network": ".797 | .990 | .474 | .859 | .775",
}
NULLS_ON_TEST = (
    "always PNEUMONIA: accuracy .625, F1 .769; logistic regression on 28x28 pixels, class-balanced: AUC .911, "
    "accuracy .792, specificity .479"
)


def tables(root, dataset) -> str:
    """The tables as Markdown, without markers."""
    networks = {name: runs.finished(root, name) for name in ("snnxray", "cnnxray")}
    for name, found in networks.items():
        if not found:
            raise ValueError(f"{root}: no finished run of {name}")
    first = networks["cnnxray"][0]
    for found in networks.values():
        for run in found:
            if run.record["validation"]["digest"] != first.record["validation"]["digest"]:
                raise ValueError(f"{run.folder} validated on other pictures than {first.folder}")
    patients = len(set(first.patients))
    parts = [
        "## Both networks on validation",
        f"Fold 0 of a split of the official `train` by patient: {len(first.label)} pictures of {patients} patients, "
        f"{int((first.label == 0).sum())} NORMAL and {int((first.label == 1).sum())} PNEUMONIA (data digest "
        f"`{first.record['validation']['digest'][:16]}`). Threshold 0.5. Each network was trained once a seed by "
        f"`training/train_all.sh`; the checkpoint is the one of the lowest training loss, so nothing was chosen on "
        f"these pictures. ECE has 15 bins. A *collapsed* run gives every picture the same probability.",
        "### Mean ± standard deviation over seeds (least to most)",
        _spread(networks),
        "### Spiking minus traditional, paired by seed",
        _paired(networks),
        "### Every run",
        _every(networks),
        "### Null models on the same split",
        "Fitted on the same training pictures, judged on the same validation pictures.",
        _nulls(dataset, first),
        "### The article, on the official test",
        "Not comparable with the tables above: that test is shifted from `train` in a way that validation carved out "
        "of `train` does not show. One run of each, as the article gives them.",
        "| | accuracy | sensitivity | specificity | F1, pneumonia | F1, weighted |\n|---|---|---|---|---|---|\n"
        + "\n".join(f"| {name} | {row} |" for name, row in ARTICLE.items()),
        f"Null models there, one run each: {NULLS_ON_TEST}.",
    ]
    return "\n\n".join(parts)


def _spread(networks) -> str:
    rows = []
    for name, found in networks.items():
        kept = [r for r in found if not r.collapsed]
        rows.append((f"{name}, {_count(len(found), 'seed')}", found))
        if 0 < len(kept) < len(found):
            rows.append((f"{name}, without {len(found) - len(kept)} collapsed", kept))
    return _table(rows, lambda found, key: _mean_spread([r.metrics[key] for r in found]))


def _mean_spread(values) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread} ({min(values):.4f} to {max(values):.4f})"


def _paired(networks) -> str:
    spiking = {r.seed: r for r in networks["snnxray"]}
    pairs = [(spiking[r.seed], r) for r in networks["cnnxray"] if r.seed in spiking]
    kept = [p for p in pairs if not any(r.collapsed for r in p)]
    rows = [(f"{_count(len(pairs), 'pair')}", pairs)]
    if len(kept) < len(pairs):
        rows.append((f"without {len(pairs) - len(kept)} of a collapsed run", kept))
    rows = [row for row in rows if row[1]]
    if not rows:
        return "No seed has run through both networks yet."
    return (
        "Mean difference, and its 95% interval by Student's t over seeds. An interval that holds 0 shows no "
        "difference.\n\n" + _table(rows, lambda p, key: _difference([a.metrics[key] - b.metrics[key] for a, b in p]))
    )


def _difference(values) -> str:
    mean = np.mean(values)
    if len(values) < 2:
        return f"{mean:+.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"


def _every(networks) -> str:
    rows = [
        (f"{name}, seed {r.seed}{', collapsed' if r.collapsed else ''}, {r.record['epochs_run']} epochs", r)
        for name, found in networks.items()
        for r in found
    ]
    return _table(rows, lambda r, key: f"{r.metrics[key]:.4f}")


def _nulls(dataset, run) -> str:
    training, validation = data.split(dataset, run.record["fold"])
    if data.digest(validation) != run.record["validation"]["digest"]:
        raise ValueError(f"{dataset} is not the data that {run.folder} was validated on")
    x, y = data.prepare_all(training, 28)
    vx, vy = data.prepare_all(validation, 28)
    regression = LogisticRegression(class_weight="balanced", max_iter=5000).fit(x.reshape(len(x), -1), y)
    rows = [
        ("always PNEUMONIA", np.ones(len(vy))),
        ("logistic regression, 28x28 pixels, class-balanced", regression.predict_proba(vx.reshape(len(vx), -1))[:, 1]),
    ]
    return _table(rows, lambda p, key: f"{metrics(vy, p)[key]:.4f}")


def _table(rows, cell) -> str:
    lines = ["| | " + " | ".join(NAMES.values()) + " |", "|---" * (len(NAMES) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cell(value, key) for key in NAMES) + " |" for name, value in rows]
    return "\n".join(lines)


def _count(n, what) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Write the tables of docs/RESULTS.md from the finished runs.")
    ap.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("training/runs"))
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}, for the null models")
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/RESULTS.md"))
    a = ap.parse_args(arguments)
    SECTION.put(a.out, tables(a.runs, a.data))
