"""How often drift is raised among training pictures, and how soon among pictures from elsewhere.

    python training/experiments/drift.py models/spikeray.safetensors --train out-of-fold-*.csv \\
        --elsewhere elsewhere.csv [--seen in-sample.csv]

The CSVs are rows of `spikeray evaluate --csv`, as for `python -m spikeray drift`. Limits and the window (300 pictures,
nothing raised below 100) are the server's. Prints Markdown: of 300 training pictures, drawn by patient, at several
shares of the ill; in the order of their numbering, which follows time; of long streams looked at after every 10
pictures; of the pictures from elsewhere; and what the estimates without labels say there.
"""

import argparse
import re

import numpy as np

from spikeray import data, drift, modelfile

CAPACITY, MINIMUM, EVERY = 300, 100, 10


class Answers:
    """Labelled answers with the bin of each raising measure."""

    def __init__(self, files, description):
        self.label, self.measured, names = drift.read(files, description.preparation)
        self.patient = np.array([data.patient_of(n, c) for n, c in zip(names, self.label)])
        self.measures = [m for m in description.reference.measures if m.limit is not None]
        self.bins = {m.name: drift.bins(m, self.measured[m.name]) for m in self.measures}

    def raised(self, draws) -> dict[str, np.ndarray]:
        """Over pictures [draws][n]: whether each measure is above its limit, [draws]."""
        out = {}
        for m in self.measures:
            counts = np.stack([np.bincount(self.bins[m.name][d], minlength=m.bins) for d in draws])
            out[m.name] = drift.statistic(counts, m) > m.limit
        return out

    def draw(self, rng, n, positive):
        """n pictures, patient by patient, a share of them positive."""
        out = []
        for c, wanted in ((1, round(n * positive)), (0, n - round(n * positive))):
            patients, got = rng.permutation(np.unique(self.patient[self.label == c])), []
            for p in patients:
                if len(got) >= wanted:
                    break
                got += list(np.flatnonzero(self.patient == p))
            out += got[:wanted]
        return np.array(out)


def first(bins_by_measure, measures, after=0):
    """The number of pictures after which something is raised in a stream, looked at after every 10, counted from
    `after`; None if nothing is."""
    n = len(next(iter(bins_by_measure.values())))
    ends = np.arange(MINIMUM, n + 1, EVERY)
    ends = ends[ends > after]
    up = np.zeros(len(ends), bool)
    for m in measures:
        upto = np.zeros((n + 1, m.bins))
        upto[1:] = np.eye(upto.shape[1])[bins_by_measure[m.name]].cumsum(0)
        up |= drift.statistic(upto[ends] - upto[np.maximum(ends - CAPACITY, 0)], m) > m.limit
    return int(ends[np.argmax(up)] - after) if up.any() else None


def told(raised):
    names = {k: f"{v.mean():.3f}" for k, v in raised.items() if v.any()}
    return f"{np.any(list(raised.values()), axis=0).mean():.3f}", ", ".join(f"`{k}` {v}" for k, v in names.items())


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("file")
    ap.add_argument("--train", nargs="+", required=True)
    ap.add_argument("--elsewhere", nargs="+", required=True)
    ap.add_argument("--seen", nargs="+", help="answers to pictures that the network has learnt from")
    ap.add_argument("--draws", type=int, default=1000, help="of each kind; a tenth as many streams")
    a = ap.parse_args()
    description, _ = modelfile.read(a.file)
    rng = np.random.default_rng(1)
    train, elsewhere = Answers(a.train, description), Answers(a.elsewhere, description)
    print("| 300 pictures | anything raised | by measure |\n|---|---|---|")

    def row(what, raised):
        print(f"| {what} | {' | '.join(told(raised))} |")

    for share in (0.2, 0.5, train.label.mean(), 0.9):
        row(
            f"training, out of fold, by patient, {share:.0%} ill",
            train.raised([train.draw(rng, CAPACITY, share) for _ in range(a.draws)]),
        )
    if a.seen:
        seen = Answers(a.seen, description)
        row(
            "training, learnt from",
            seen.raised([rng.choice(len(seen.label), CAPACITY, replace=False) for _ in range(a.draws)]),
        )
    numbers = np.array([int((re.findall(r"\d+$", p) or ["0"])[0]) for p in train.patient])
    series, place = np.array([p.split("/")[0] for p in train.patient]), np.zeros(len(numbers))
    for s in np.unique(series):
        of = np.flatnonzero(series == s)
        place[of[np.argsort(numbers[of], kind="stable")]] = np.arange(len(of)) / len(of)
    order = np.argsort(place, kind="stable")
    stretches = [order[i : i + CAPACITY] for i in range(0, len(order) - CAPACITY + 1, CAPACITY)]
    row(f"training, {len(stretches)} stretches of its numbering", train.raised(stretches))
    row(
        "elsewhere",
        elsewhere.raised(
            [
                rng.choice(len(elsewhere.label), min(CAPACITY, len(elsewhere.label)), replace=False)
                for _ in range(a.draws)
            ]
        ),
    )
    for share in (0.4, 0.9):
        parts = [(1, round(140 * share)), (0, 140 - round(140 * share))]
        row(
            f"elsewhere, 140 of them, {share:.0%} ill",
            elsewhere.raised(
                [
                    np.concatenate(
                        [
                            rng.choice(
                                np.flatnonzero(elsewhere.label == c),
                                min(n, (elsewhere.label == c).sum()),
                                replace=False,
                            )
                            for c, n in parts
                        ]
                    )
                    for _ in range(a.draws)
                ]
            ),
        )

    streams = max(a.draws // 10, 10)
    n = len(train.label) // 2
    alarms = []
    for _ in range(streams):
        d = rng.permutation(len(train.label))[:n]
        alarms.append(first({k: b[d] for k, b in train.bins.items()}, train.measures) is not None)
    print(
        f"\nOf {streams} streams of {n} training pictures, looked at after every {EVERY}, {np.mean(alarms):.3f} raise "
        "anything at any time."
    )
    delays = {"from an empty window": [], "after 300 training pictures": []}
    for _ in range(streams):
        e = rng.permutation(len(elsewhere.label))[:CAPACITY]
        t = train.draw(rng, CAPACITY, train.label.mean())
        rng.shuffle(t)
        delays["from an empty window"].append(first({k: b[e] for k, b in elsewhere.bins.items()}, elsewhere.measures))
        delays["after 300 training pictures"].append(
            first(
                {k: np.concatenate([train.bins[k][t], b[e]]) for k, b in elsewhere.bins.items()},
                elsewhere.measures,
                CAPACITY,
            )
        )
    for how, found in delays.items():
        d = np.array([CAPACITY + 1 if f is None else f for f in found])
        print(
            f"Elsewhere, {how}: raised within 300 pictures in {np.mean(d <= CAPACITY):.3f} of {streams} streams, "
            f"after {np.median(d):.0f} in the median, {np.quantile(d, 0.95):.0f} at 95%."
        )

    print(
        "\n| estimates | operating point | method | sensitivity: true, estimated | specificity: true, estimated | "
        "root mean square error, both |\n|---|---|---|---|---|---|"
    )
    calibration, measure = (
        description.calibration,
        next(m for m in description.reference.measures if m.name == "log_odds"),
    )
    for what, of, draws in (
        ("training, 20 to 90% ill", train, [train.draw(rng, CAPACITY, s) for s in rng.uniform(0.2, 0.9, 200)]),
        ("elsewhere", elsewhere, [rng.choice(len(elsewhere.label), CAPACITY, replace=False) for _ in range(200)]),
    ):
        for p, e in zip(description.operating_points, description.reference.estimates):
            found, true = {}, []
            for d in draws:
                z, y = of.measured["log_odds"][d], of.label[d]
                called = drift.expit(calibration.slope * z + calibration.intercept) >= p.threshold
                true.append((called[y == 1].mean(), 1 - called[y == 0].mean()))
                for k, v in drift.estimates(z, calibration, p.threshold, e.confident, measure).items():
                    found.setdefault(k, []).append(v)
            for k, v in found.items():
                t, v = np.array(true), np.array(v)
                off = np.sqrt(((t - v) ** 2).mean(0))
                print(
                    f"| {what} | `{p.name}` | {k} | {t[:, 0].mean():.3f}, {v[:, 0].mean():.3f} | "
                    f"{t[:, 1].mean():.3f}, {v[:, 1].mean():.3f} | {off[0]:.3f}, {off[1]:.3f} |"
                )


if __name__ == "__main__":
    main()
