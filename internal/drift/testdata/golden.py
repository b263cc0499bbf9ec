"""Writes golden.json: what internal/drift must give, by scipy and numpy. python internal/drift/testdata/golden.py"""

import json
import pathlib

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import expit, rel_entr

rng = np.random.default_rng(7)


def look(x):
    x = x.astype(float)
    out = [x.mean(), x.std(), np.percentile(x, 98, method="inverted_cdf") - np.percentile(x, 2, method="inverted_cdf")]
    for k in range(4):
        h, w = x.shape[0] // 2, x.shape[1] // 2
        blocks = x[:2 * h, :2 * w].reshape(h, 2, w, 2)
        out.append(np.log2(np.sqrt(blocks.var(axis=(1, 3)).mean()) + 1 / 256))
        x = blocks.mean(axis=(1, 3))
    return out


looks = []
for h, w in ((128, 128), (37, 50), (16, 17), (100, 64)):
    x = np.clip(rng.normal(rng.uniform(60, 180), rng.uniform(5, 60), (h, w)), 0, 255).astype(np.uint8)
    looks.append({"width": w, "height": h, "picture": x.ravel().tolist(), "look": look(x)})

stabilities = []
for bins in (2, 5, 10, 20):
    for _ in range(4):
        negative, positive = rng.dirichlet(np.full(bins, 0.7), 2) + 1e-4
        negative, positive = negative / negative.sum(), positive / positive.sum()
        true = rng.choice([0, 1, rng.uniform(0, 1)])
        counts = rng.multinomial(300, true * positive + (1 - true) * negative)
        here = (counts + 0.5) / (counts + 0.5).sum()
        found = minimize_scalar(lambda s: -(counts * np.log(s * positive + (1 - s) * negative)).sum(), bounds=(0, 1), options={"xatol": 1e-12})
        share = max((0.0, 1.0, found.x), key=lambda s: (counts * np.log(s * positive + (1 - s) * negative)).sum())
        mixed = share * positive + (1 - share) * negative
        stabilities.append({"counts": counts.tolist(), "negative": negative.tolist(), "positive": positive.tolist(), "share": share,
                            "psi": float((rel_entr(here, mixed) + rel_entr(mixed, here)).sum())})

rates = []
for right, wrong in ((0, 5), (5, 0), (17, 3), (211, 14), (1, 299)):
    interval = stats.binomtest(right, right + wrong).proportion_ci(0.95, method="wilson")
    rates.append({"right": right, "wrong": wrong, "low": interval.low, "high": interval.high})

odds = rng.normal(0, 3, 200).astype(np.float32)
slope, intercept, prevalence, threshold, share, confident = 1.7, 0.6, 0.5, 0.4853, 0.3, (-0.8, 0.5)
z = odds.astype(float)
p = expit(slope * z + intercept)
posterior = p * share / prevalence / (p * share / prevalence + (1 - p) * (1 - share) / (1 - prevalence))
positive = p >= threshold
cbpe = [posterior[positive].sum(), (1 - posterior[positive]).sum(), (1 - posterior[~positive]).sum(), posterior[~positive].sum()]
atc = [(z[positive] >= confident[1]).sum(), (z[positive] < confident[1]).sum(), (z[~positive] < confident[0]).sum(), (z[~positive] >= confident[0]).sum()]
confusions = {"odds": odds.astype(float).tolist(), "slope": slope, "intercept": intercept, "prevalence": prevalence, "threshold": threshold, "share": share,
              "confident": confident, "cbpe": [float(v) for v in cbpe], "atc": [float(v) for v in atc]}

pathlib.Path(__file__).with_name("golden.json").write_text(
    json.dumps({"looks": looks, "stabilities": stabilities, "rates": rates, "confusions": confusions}))
