"""The statistical model that the examples are drawn from."""

import numpy as np
import pytest

from spikeray import examples, modelfile
from spikeray.modelfile import Dense, Description, Layer, Preparation


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :12]
    waves = [np.sin(y / 3), np.cos(x / 2), np.sin((x + y) / 4)]
    return np.array([120 + sum(20 * rng.standard_normal() * w for w in waves) for _ in range(60)], np.float32)


def test_components_are_those_of_the_pictures(pictures):
    found = examples.Class(pictures)
    covariance = np.cov(pictures.reshape(60, -1), rowvar=False)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose((found.deviations[:3] ** 2).sum(1), values[:3], rtol=1e-3)
    for d, v in zip(found.deviations[:3], values):
        np.testing.assert_allclose(covariance @ d, v * d, atol=1e-2 * v)
        assert d[np.abs(d).argmax()] > 0


def test_draws_are_seeded_and_stay_near_the_mean(pictures):
    found = examples.Class(pictures)
    a = found.draw(3)
    assert a.dtype == np.uint8 and a.shape == (16, 12)
    np.testing.assert_array_equal(a, found.draw(3))
    assert (a != found.draw(4)).any()
    bound = np.abs(found.deviations).sum(0).reshape(16, 12) + 5 * examples.GRAIN
    assert (np.abs(a - found.mean.reshape(16, 12)) <= bound).all()


def test_the_first_draw_that_every_model_calls_right_is_taken(pictures, tmp_path):
    found = examples.Class(pictures)
    means = np.array([found.draw(i).mean() / 255 for i in range(10)])
    cut = np.sort(means)[7]  # a model that calls bright pictures PNEUMONIA: at most three of ten draws
    modelfile.write(
        tmp_path / "m",
        Description(
            name="bright",
            version="1.0.0",
            summary="",
            labels=("NORMAL", "PNEUMONIA"),
            positive="PNEUMONIA",
            preparation=Preparation(width=12, height=16, scale=255),
            threshold=0.5,
            training={},
            layers=(
                Layer(type="global_average_pool2d", name="mean"),
                Dense(name="dense", units=2, weights="w", bias="b"),
                Layer(type="softmax", name="softmax"),
            ),
        ),
        {"w": np.array([[0, 5000]]), "b": np.array([0, -5000 * (cut - 1e-5)])},
    )
    seed, picture, (p,) = examples.choose(found, 1, [modelfile.read(tmp_path / "m")])
    assert seed == np.flatnonzero(means >= cut - 1e-5)[0] and p >= 0.5
    np.testing.assert_array_equal(picture, found.draw(seed))
    with pytest.raises(ValueError, match="draws"):
        examples.choose(examples.Class(pictures - 100), 1, [modelfile.read(tmp_path / "m")])
