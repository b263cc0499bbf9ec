"""Makes golden.json: a calibration and its thresholds by numpy and scipy, for made-up log-odds of a shifted place.

The rules are those of docs/PROTOCOL.md and docs/CALIBRATION.md, written down a second time and in another way.
Run in this folder: python golden.py (scipy 1.17, numpy 2.4)
"""

import json

import numpy as np
from scipy import optimize, stats

SLOPE_SPREAD, INTERCEPT_SPREAD, EXPECTATION = 0.2, 1.0, 200


def logit(p):
    return np.log(p / (1 - p))


def fit(z, y, own, prevalence):
    share = y.mean()
    w = np.where(y == 1, prevalence / share, (1 - prevalence) / (1 - share))
    centre = [np.log(own["slope"]), own["intercept"] + logit(prevalence) - logit(own["prevalence"])]

    def loss(x):
        e = np.exp(x[0]) * z + x[1]
        prior = stats.norm.logpdf(x, centre, [SLOPE_SPREAD, INTERCEPT_SPREAD]).sum()
        return np.sum(w * np.logaddexp(0, np.where(y == 1, -e, e))) - prior
    x = optimize.minimize(loss, centre, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-13, "maxiter": 20000}).x
    return np.exp(x[0]), x[1], w


def balanced(e, y, w):
    """By trying every threshold between two neighbours."""
    order = np.sort(e)
    tried = [(order[i] + order[min(i + 1, len(e) - 1)]) / 2 for i in range(len(e))]
    # A threshold above picture i leaves it and all before it below.
    gaps = [abs(w[(y == 1) & (e > order[i])].sum() / w[y == 1].sum() - w[(y == 0) & (e <= order[i])].sum() / w[y == 0].sum()) for i in range(len(e))]
    return tried[int(np.argmin(np.round(gaps, 12)))]


def keeps(e, ill, sensitivity):
    """The highest picture from which on at least so much of ill lies."""
    good = [t for t in e if ill[e >= t].sum() >= sensitivity * ill.sum() - 1e-12]
    return max(good)


def main():
    random = np.random.default_rng(11)
    own = {"slope": 1.6, "intercept": 0.7, "prevalence": 0.5, "screening": 0.985}
    cases = []
    for name, normal, ill, prevalence in (("a hundred", 40, 60, 0.6), ("few ill", 300, 31, 0.05), ("many", 700, 900, 0.3)):
        z = np.concatenate([random.normal(-0.6, 1.2, normal), random.normal(2.6, 1.3, ill)])
        y = np.repeat([0, 1], [normal, ill])
        a, b, w = fit(z, y, own, prevalence)
        e = a * z + b
        p = 1 / (1 + np.exp(-e))
        m = min(normal, ill)
        even = (EXPECTATION * logit(prevalence) + m * balanced(e, y, w)) / (EXPECTATION + m)
        screen = (EXPECTATION * keeps(e, w * p, own["screening"]) + ill * keeps(e, w * y, own["screening"])) / (EXPECTATION + ill)
        cases.append({"name": name, "own": own, "prevalence": prevalence, "log_odds": z.tolist(), "positive": y.tolist(), "slope": a, "intercept": b,
                      "balanced": 1 / (1 + np.exp(-even)), "screening": 1 / (1 + np.exp(-screen))})
    with open("golden.json", "w") as f:
        json.dump(cases, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
