"""Makes fit.json: calibrations fitted to made-up log-odds by scikit-learn, and with a prior by scipy.

Run in this folder: python fit.py (scikit-learn 1.9, scipy 1.17, numpy 2.4)
"""

import json

import numpy as np
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression


def sklearn(z, y, w):
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10000, solver="newton-cholesky").fit(z[:, None], y, w)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def penalised(z, y, w, around, spread):
    """The mode of the posterior, by a search without derivatives."""

    def loss(x):
        p = 1 / (1 + np.exp(-(np.exp(x[0]) * z + x[1])))
        likelihood = np.sum(w * np.log(np.where(y == 1, p, 1 - p)))
        prior = stats.norm.logpdf(x, [np.log(around[0]), around[1]], spread).sum()
        return -likelihood - prior

    found = optimize.minimize(
        loss,
        [np.log(around[0]), around[1]],
        method="Nelder-Mead",
        options={"xatol": 1e-11, "fatol": 1e-13, "maxiter": 10000},
    )
    return float(np.exp(found.x[0])), float(found.x[1])


def main():
    random = np.random.default_rng(5)
    cases = []
    for name, n, slope, intercept in (("few", 80, 1.4, -0.6), ("many", 1500, 0.7, 1.1), ("steep", 300, 3.0, 0.2)):
        z = random.normal(0, 2, n)
        y = (random.random(n) < 1 / (1 + np.exp(-(slope * z + intercept)))).astype(int)
        for weighing in ("alike", "classes alike"):
            w = np.ones(n) if weighing == "alike" else np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
            a, b = sklearn(z, y, w)
            around, spread = (1.7, 0.6), (0.25, 1.0)
            pa, pb = penalised(z, y, w, around, spread)
            cases.append(
                {
                    "name": f"{name}, weighing {weighing}",
                    "log_odds": z.tolist(),
                    "positive": y.tolist(),
                    "weight": w.tolist(),
                    "slope": a,
                    "intercept": b,
                    "around": around,
                    "spread": spread,
                    "penalised_slope": pa,
                    "penalised_intercept": pb,
                }
            )
    with open("fit.json", "w") as f:
        json.dump(cases, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
