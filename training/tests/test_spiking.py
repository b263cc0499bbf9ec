"""The spiking activation against its equations in plain numpy, gradient included, and the voltages it starts from."""

import numpy as np
import pytest
import tensorflow as tf

from spikeray.article.spiking import MeanOverSteps, ShowForSteps, SpikingActivation
from spikeray.modelfile import voltage

SHAPES = {"rows": (3, 9, 4, 5), "steps": (3, 6, 4, 3, 2)}


def equations(x, v, dt):
    """The equations of spiking.SpikingActivation, a neuron and a step at a time; x [T][...], v [...]."""
    out = np.empty_like(x)
    for t in range(len(x)):
        for i in np.ndindex(v.shape):
            r = max(x[t][i], np.float32(0))
            v[i] = np.float32(v[i] + np.float32(r * dt))
            n = np.floor(v[i])
            v[i] -= n
            out[t][i] = n / dt
    return out


@pytest.mark.parametrize("axis", SHAPES)
@pytest.mark.parametrize("case", range(4))
def test_spikes_follow_the_equations(axis, case):
    rng = np.random.default_rng(case)
    dt, seed = np.float32(rng.uniform(0.1, 4)), int(rng.integers(0, 1 << 63))
    x = rng.normal(0, 1.5, SHAPES[axis]).astype(np.float32)
    out = SpikingActivation(float(dt), axis, seed=seed)(x).numpy()
    for picture, got in zip(x, out):
        want = equations(picture, voltage.uniform(seed, x.shape[2:]).copy(), dt)
        np.testing.assert_allclose(got, want, rtol=1e-6)
        assert want.any()


@pytest.mark.parametrize("axis", SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_gradient_is_that_of_relu(axis, training):
    rng = np.random.default_rng(7)
    x = tf.Variable(rng.normal(0, 1, SHAPES[axis]).astype(np.float32))
    upstream = rng.normal(0, 1, SHAPES[axis]).astype(np.float32)
    layer = SpikingActivation(rng.uniform(0.5, 3), axis, seed=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=training) * upstream)
    np.testing.assert_allclose(tape.gradient(loss, x).numpy(), upstream * (x.numpy() > 0), rtol=1e-6)


@pytest.mark.parametrize("axis", SHAPES)
def test_training_draws_anew_for_every_picture_from_the_seed(axis):
    rng = np.random.default_rng(1)
    x = np.repeat(np.abs(rng.normal(0, 1, (1, *SHAPES[axis][1:]))).astype(np.float32), 2, axis=0)
    first, second = (SpikingActivation(1.5, axis, seed=5) for _ in range(2))
    a = first(x, training=True).numpy()
    np.testing.assert_array_equal(a, second(x, training=True).numpy())
    assert (a[0] != a[1]).any() and (a != first(x, training=True).numpy()).any()
    # whatever V started at, the spikes of a neuron lie within one of the whole number below its summed input
    assert np.abs(np.rint(a.sum(1) * 1.5) - np.floor(x.sum(1) * 1.5)).max() <= 1
    inference = first(x).numpy()
    np.testing.assert_array_equal(inference[0], inference[1])


def test_large_time_steps_approach_relu():
    x = np.random.default_rng(2).normal(0, 1, (1, 8, 3, 3)).astype(np.float32)
    assert np.abs(SpikingActivation(1000.0)(x).numpy() - np.maximum(x, 0)).max() <= 1e-3 + 1e-6


@pytest.mark.parametrize("bad", [{"dt": 0}, {"dt": -1}, {"dt": float("nan")}, {"time_axis": "columns"}])
def test_settings_that_make_no_sense(bad):
    with pytest.raises(ValueError):
        SpikingActivation(**bad)


def test_settings_survive_being_saved():
    layer = SpikingActivation(1.25, "steps", seed=9)
    assert SpikingActivation.from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_still_picture_shown_and_averaged():
    x = np.random.default_rng(4).normal(0, 1, (2, 3, 3, 1)).astype(np.float32)
    shown = ShowForSteps(5)(x)
    assert shown.shape == (2, 5, 3, 3, 1)
    np.testing.assert_allclose(MeanOverSteps()(shown).numpy(), x, rtol=1e-6)


def splitmix64(seed, n):
    """The published generator, in Python's whole numbers."""
    mask, out = (1 << 64) - 1, []
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


def test_voltages_are_splitmix64():
    assert splitmix64(1234567, 2) == [6457827717110365317, 3203168211198807973]  # the generator's well-known outputs
    for seed in (0, 1, 1001, (1 << 64) - 1):
        want = [(z >> 40) / (1 << 24) for z in splitmix64(seed, 60)]
        np.testing.assert_array_equal(voltage.uniform(seed, (3, 4, 5)).ravel(), np.array(want, np.float32))
    v = voltage.uniform(42, (100_000,))
    assert v.dtype == np.float32 and 0 <= v.min() and v.max() < 1 and abs(v.mean() - 0.5) < 0.005
