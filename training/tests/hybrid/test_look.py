"""What the look of a picture says of its class, and the weights under which it says nothing."""

import numpy as np
import pytest
from scipy import ndimage

from spikeray.hybrid import audit, look
from spikeray.hybrid.runs import HybridRun
from spikeray.report import metrics


def test_measures_are_of_scale_and_contrast_and_of_no_place():
    rng = np.random.default_rng(0)
    x = rng.integers(60, 200, (6, 48, 48), dtype=np.uint8)
    a = look.measures(x)
    assert a.shape == (6, 6)
    np.testing.assert_allclose(look.measures(x[:, ::-1, ::-1]), a, atol=1e-6)
    np.testing.assert_allclose(
        look.measures((x // 2) * 2) - look.measures(x // 2), np.log(2), atol=0.05
    )  # twice the contrast in each
    soft = look.measures(np.stack([ndimage.gaussian_filter(p.astype(float), 1) for p in x]).astype(np.uint8)) - a
    assert (soft[:, 0] < -1).all() and (soft[:, 0] < soft[:, 3] - 1).all()  # the finest band suffers most
    assert np.isfinite(look.measures(np.zeros((1, 16, 16), np.uint8))).all()
    framed = x.copy()
    framed[:, :2] = framed[:, :, -2:] = 255
    np.testing.assert_allclose(
        look.measures(framed)[:, 0], a[:, 0], atol=0.02
    )  # no Gaussian of the finest band reaches the borders
    smooth = np.stack(
        [np.clip(ndimage.gaussian_filter(rng.normal(128, 900, (160, 160)), 4), 0, 255) for _ in range(4)]
    )
    half = smooth.reshape(4, 80, 2, 80, 2).mean((2, 4))
    np.testing.assert_allclose(
        look.measures(half.astype(np.uint8))[:, 2:], look.measures(smooth.astype(np.uint8))[:, 2:], atol=0.1
    )  # whatever the size


def looks(n=20000):
    """A look that the class is drawn by, nearly as telling as the real one: its one measure, and the class."""
    rng = np.random.default_rng(1)
    found = rng.normal(size=(n, 1))
    return found, (rng.uniform(size=n) < 1 / (1 + np.exp(-4 * found[:, 0]))).astype(int)


def test_under_overlap_weights_a_look_says_nothing():
    found, label = looks()
    z = look.logits(found, label, found)
    weight = look.overlap(z, label)
    assert metrics.auc(label, z, weight) == pytest.approx(0.5, abs=0.02)
    assert weight.min() > 0 and weight.max() < 1
    np.testing.assert_allclose(weight[label == 1], 1 - 1 / (1 + np.exp(-z[label == 1])))


def test_out_of_fold_a_picture_has_no_say_in_its_own():
    found, label = looks(400)
    fold = np.arange(400) % 5
    before = look.out_of_fold(found, label, fold)
    label[fold == 2] = 1 - label[fold == 2]
    after = look.out_of_fold(found, label, fold)
    np.testing.assert_allclose(after[fold == 2], before[fold == 2])
    assert np.abs(after - before)[fold != 2].min() > 0


def test_the_audit_asks_where_the_look_says_nothing_or_misleads():
    found, label = looks()
    z = look.logits(found, label, found)
    even, misled = look.overlap(z, label), audit.misled(label, z)
    assert audit.rates(label, z, np.ones(len(z)), 0)[0] > 0.9
    assert audit.rates(label, z, even, 0) == pytest.approx(
        (0.5, 0.5, 0.5), abs=0.05
    )  # who knows the look alone knows nothing
    assert audit.rates(label, z, misled, 0) == (0, 0, 0)  # and is always wrong about these
    for weight in (misled, even):
        assert audit.rates(label, label, weight, 0.5) == pytest.approx((1, 1, 1))
    assert np.isnan(audit.rates(label, z, misled * label, 0)[0::2]).all()


def test_the_look_of_pictures_is_asked_out_of_fold_and_in_order():
    rng = np.random.default_rng(0)
    found, plain = [], []
    for fold in range(3):
        label = rng.permutation(np.arange(40) % 2)
        noise = rng.normal(size=(40, 32, 32))
        plain.append(
            np.stack(
                [
                    np.clip(128 + 40 * (ndimage.gaussian_filter(n, 1.5) * 4 if y else n), 0, 255)
                    for n, y in zip(noise, label)
                ]
            ).astype(np.uint8)
        )
        found.append(HybridRun(None, {"fold": fold}, label, [], [], {}))
    z = audit.by_look(found, plain)
    np.testing.assert_array_equal(z > 0, np.concatenate([r.label for r in found]) == 1)
