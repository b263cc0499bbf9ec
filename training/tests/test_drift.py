"""References that a model file can hold, and the same numbers as the server's: both are held against
internal/drift/testdata/golden.json."""

import json
import pathlib

import numpy as np
import pytest
from test_modelfile import GATED, GATED_TENSORS, said

from spikeray import drift, modelfile
from spikeray.modelfile import Calibration, Interval, Measure, OperatingPoint
from spikeray.modelfile.reference import MEASURES

GOLDEN = json.loads((pathlib.Path(__file__).parents[2] / "internal/drift/testdata/golden.json").read_text())
RATE = Interval(value=0.9, low=0.8, high=1)
POINTS = [
    OperatingPoint(name=n, threshold=t, sensitivity=RATE, specificity=RATE)
    for n, t in (("balanced", 0.5), ("screening", 0.2))
]
CALIBRATION = Calibration(slope=2, intercept=0, prevalence=0.5)


def test_looks():
    for g in GOLDEN["looks"]:
        found = drift.measures_of(np.array(g["picture"], np.uint8).reshape(g["height"], g["width"]))
        assert list(found) == [m for m in MEASURES if m in found]
        np.testing.assert_allclose(list(found.values()), g["look"], atol=1e-9)


def test_mixtures_and_stability():
    for g in GOLDEN["stabilities"]:
        share, mixed = drift.mixture(g["counts"], np.array([g["negative"], g["positive"]]))
        assert share == pytest.approx(g["share"], abs=1e-5)
        assert drift.stability(drift.shares(g["counts"]), mixed) == pytest.approx(g["psi"], abs=1e-5)


def drawn(rng, n, positive, iller=0.0):
    label = (rng.random(n) < positive).astype(int)
    odds = np.where(label == 1, 2, -2 + iller) + np.sqrt(2) * rng.normal(size=n)
    return label, {
        "log_odds": odds,
        "gate_log_odds": np.full(n, np.inf),
        "brightness": rng.normal(100 + 10 * label, 10),
        "size": np.full(n, 224.0),
        "aspect": np.ones(n),
        "format": np.full(n, "jpeg"),
    }


def section(elsewhere=None):
    return drift.reference(*drawn(np.random.default_rng(1), 3000, 0.7), CALIBRATION, POINTS, elsewhere)


def test_a_reference_is_one_that_a_model_file_holds(tmp_path):
    label, measured = drawn(np.random.default_rng(1), 3000, 0.7)
    measured["gate_log_odds"] = np.random.default_rng(2).normal(size=3000)
    found = drift.reference(label, measured, CALIBRATION, POINTS, drawn(np.random.default_rng(3), 400, 0.6, 1.5))
    modelfile.write(tmp_path / "m", said(GATED).changed(reference=found), GATED_TENSORS)
    assert [m.name for m in found.measures] == [m for m in MEASURES if m in measured]
    assert {m.name for m in found.measures if m.limit is not None} == {"log_odds", "gate_log_odds", "brightness"}
    for m in found.measures:
        assert np.sum(m.counts) == 3000 and np.sum(m.counts[1]) == label.sum()


def test_a_measure_that_is_infinite_throughout_is_left_out():
    assert "gate_log_odds" not in [m.name for m in section().measures]


def test_a_class_mix_is_no_drift_and_iller_answers_are():
    rng = np.random.default_rng(4)
    measure = section().measures[0]

    def found(positive, iller):
        return np.array(
            [
                drift.statistic(
                    np.bincount(drift.bins(measure, drawn(rng, 300, positive, iller)[1]["log_odds"]), minlength=10),
                    measure,
                )
                for _ in range(20)
            ]
        )

    for positive in (0.1, 0.4, 0.9):
        assert (found(positive, 0) < measure.limit).all()
    assert (found(0.5, 2) > measure.limit).mean() > 0.9


def test_confident_answers_are_as_many_as_right_ones():
    label, measured = drawn(np.random.default_rng(1), 3000, 0.7)
    for e, p in zip(section().estimates, POINTS):
        low, high = e.confident
        z = measured["log_odds"]
        positive = 1 / (1 + np.exp(-2 * z)) >= p.threshold
        assert (z[positive] >= high).sum() == label[positive].sum()
        assert (z[~positive] < low).sum() == (1 - label)[~positive].sum()


def test_estimates_hold_where_answers_mean_what_they_meant_and_tell_their_error_elsewhere():
    found = section(drawn(np.random.default_rng(5), 4000, 0.4))
    assert max(found.estimates[0].error["cbpe"].values()) < 0.03
    found = section(drawn(np.random.default_rng(5), 4000, 0.4, 1.5))
    assert found.estimates[0].error["cbpe"]["specificity"] > 0.1
    assert section().estimates[0].error is None


def test_confusions_are_the_servers():
    g = GOLDEN["confusions"]
    calibration = Calibration(**{k: g[k] for k in ("slope", "intercept", "prevalence")})
    measure = Measure(name="log_odds", edges=(0.0,), counts=((700, 300), (300, 700)))
    found = drift.estimates(np.array(g["odds"]), calibration, g["threshold"], g["confident"], measure)
    tp, fp, tn, fn = g["atc"]
    assert found["atc"] == pytest.approx((tp / (tp + fn), tn / (tn + fp)))
