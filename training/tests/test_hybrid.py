"""The network spikeray: its activations against their equations, its file against Keras, its runs stopped and gone on with."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from spikeray import augment, data, deliver, fit, hybrid, modelfile, plans, reference, stress

SMALL = {"size": 32, "width": 0.25, "epochs": 2, "epochs_after": 2, "batch": 8}


def test_quantised_activation_is_its_equation_and_passes_the_clips_gradient():
    x = np.array([-1, 0, 0.124, 0.126, 0.5, 0.9, 1, 3], np.float32)
    layer = hybrid.QuantisedReLU(4)
    with tf.GradientTape() as tape:
        v = tf.Variable(x)
        y = layer(v)
    np.testing.assert_array_equal(y, np.clip(np.floor(4 * x + 0.5), 0, 4) / 4)
    assert tape.gradient(y, v).numpy().tolist() == [0, 1, 1, 1, 1, 1, 1, 0]


def test_integrate_and_fire_is_a_loop_over_steps():
    rng = np.random.default_rng(0)
    current = rng.normal(0.3, 0.6, (4, 3, 2, 2, 5)).astype(np.float32)  # [T][batch]...
    got = hybrid.IntegrateAndFire(4)(current.reshape(12, 2, 2, 5)).numpy().reshape(current.shape)
    v, want = np.full(current.shape[1:], 0.5, np.float32), []
    for x in current:
        v = v + x
        want.append(v >= 1)
        v = v - want[-1]
    np.testing.assert_array_equal(got, want)
    got = hybrid.IntegrateAndFire(4, first=0, reset="zero")(current.reshape(12, 2, 2, 5)).numpy().reshape(current.shape)
    v = np.zeros(current.shape[1:], np.float32)
    for x, spike in zip(current, got):
        v = v + x
        np.testing.assert_array_equal(spike, v >= 1)
        v[v >= 1] = 0
    still = hybrid.IntegrateAndFire(4, still=True)(current[0]).numpy()
    np.testing.assert_array_equal(still, hybrid.IntegrateAndFire(4)(np.tile(current[0], (4, 1, 1, 1))).numpy())


def test_a_neuron_given_the_same_current_fires_as_often_as_the_quantised_activation_says():
    x = np.random.default_rng(1).uniform(-0.5, 1.5, 1000).astype(np.float32)
    rate = hybrid.MeanOfSteps(4)(hybrid.IntegrateAndFire(4, still=True)(x[:, None])).numpy()[:, 0]
    np.testing.assert_array_equal(rate, hybrid.QuantisedReLU(4)(x).numpy())


def test_surrogate_gradient_is_the_sigmoids():
    with tf.GradientTape() as tape:
        v = tf.Variable([[0.3], [0.5], [0.9]])
        y = hybrid.IntegrateAndFire(1, slope=4)(v)
    s = 1 / (1 + np.exp(-4 * (v.numpy() - 0.5)))
    np.testing.assert_allclose(tape.gradient(y, v), 4 * s * (1 - s), rtol=1e-5)


def test_spikes_add_their_operations_to_the_loss():
    model = hybrid.network(32, "quantised", 4, 0.25, cost=1e6)
    x = np.random.default_rng(0).uniform(size=(2, 32, 32, 1)).astype(np.float32)
    probe = keras.Model(model.inputs, [model.get_layer(f"act{i}").output for i in range(len(hybrid.BODY))])
    model(x)
    want = sum(4 * float(np.sum(np.mean(y, axis=0))) * hybrid.fan_out(i, 0.25) for i, y in enumerate(probe(x)))
    model(x)
    assert float(sum(model.losses)) == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("activation", hybrid.ACTIVATIONS)
def test_folding_keeps_the_network(activation):
    keras.utils.set_random_seed(0)
    model = hybrid.network(32, "relu" if activation == "relu" else "quantised", 4, 0.25)
    x = np.random.default_rng(0).uniform(size=(16, 32, 32, 1)).astype(np.float32)
    for _ in range(30):
        model(x, training=True)
    folded = hybrid.folded(model, activation, 4)
    before, after = model.predict(x, verbose=0), folded.predict(x, verbose=0)
    # random weights: rounding them moves activations across levels, and spikes come at other times than an even rate has them
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > {"relu": 0.99, "quantised": 0.85, "spiking": 0.7, "board": 0.2}[activation]


@pytest.mark.parametrize("activation", ["spiking", "board"])
def test_the_file_says_what_keras_says(activation):
    keras.utils.set_random_seed(0)
    model = hybrid.network(32, "quantised", 4, 0.25)
    x = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    pixels = x[..., None].astype(np.float32) / np.float32(255)
    for _ in range(30):
        model(pixels, training=True)
    model = hybrid.folded(model, activation, 4)
    description, tensors = deliver.describe(model, "small", "1.0.0", "small", {})
    modelfile.check({**description, "file_sha256": "0" * 64}, tensors)
    spikes = keras.Model(model.inputs, [model.get_layer(f"act{i}").output for i in range(1 + len(hybrid.BODY))])
    for i in range(len(x)):
        answer = reference.run({**description, "file_sha256": "0" * 64}, tensors, x[i])
        want = keras.ops.softmax(model(pixels[i:i + 1]))[0]
        np.testing.assert_allclose(answer.probabilities, want, atol=0.02)
        for j, train in enumerate(spikes(pixels[i:i + 1])):  # sums are rounded in another order: a spike at a threshold may move
            assert np.mean(answer.counts[f"spike{j}"] != np.asarray(train)) < 0.002


def test_a_boards_weights_have_one_scale_and_biases_of_halves():
    conv = hybrid.Int8Conv2D(6, 3, one_scale=True)
    x = np.random.default_rng(0).integers(0, 2, (1, 5, 5, 4)).astype(np.float32)
    conv(x)
    conv.set_weights([np.random.default_rng(1).normal(size=(3, 3, 4, 6)), np.random.default_rng(2).normal(size=6)])
    weights, scale, bias = conv.whole()
    assert len(set(scale)) == 1 and np.log2(scale[0]) % 1 == 0 and 63 < np.abs(weights).max() <= 127
    np.testing.assert_allclose(bias / scale * 2, np.rint(bias / scale * 2), atol=1e-3)
    want = np.einsum("hwabi,abio->hwo", np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), (0, 1)).transpose(0, 1, 3, 4, 2), weights.astype(float)) * scale + bias
    np.testing.assert_allclose(conv(x)[0], want, atol=1e-5)


def test_augmentation_is_drawn_by_seed_and_stays_in_range():
    x = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 1), dtype=np.uint8)
    a, b, c = (augment.augment(x, 32, tf.constant(s)).numpy() for s in ((1, 2), (1, 2), (1, 3)))
    assert a.shape == (6, 32, 32, 1) and a.min() >= 0 and a.max() <= 1
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).mean() > 0.01
    np.testing.assert_array_equal(augment.augment(x[:, :32, :32], 32, tf.constant((1, 2)), ()).numpy(), x[:, :32, :32] / np.float32(255))


def test_the_mildest_augmentation_leaves_a_picture_as_it_is_or_mirrors_it():
    x = np.kron(np.random.default_rng(0).integers(0, 256, (48, 8, 8, 1), dtype=np.uint8), np.ones((1, 4, 4, 1), np.uint8))
    plain = x / np.float32(255)

    def harm(mildest):
        y = augment.augment(x, 32, tf.constant((1, 2)), mildest=mildest).numpy()
        return np.sort(np.minimum(*(np.abs(y - p).mean(axis=(1, 2, 3)) for p in (plain, plain[:, :, ::-1]))))
    drawn, full = harm(0.0), harm(1.0)
    assert drawn[0] < 0.02 < full[0] / 2 and drawn.mean() < 0.75 * full.mean() and drawn[-1] > full.mean() / 2


@pytest.mark.parametrize("kind", augment.KINDS)
def test_augmentation_without_strength_does_nothing_but_mirror(kind, monkeypatch):
    real = augment._Draws.__init__

    def weak(self, *args):
        real(self, *args)
        self.strength = tf.zeros_like(self.strength)
    monkeypatch.setattr(augment._Draws, "__init__", weak)
    x = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 1), dtype=np.uint8)
    y, plain = augment.augment(x, 32, tf.constant((1, 2)), (kind,)).numpy(), x / np.float32(255)
    off = np.minimum(*(np.abs(y - p).max(axis=(1, 2, 3)) for p in (plain, plain[:, :, ::-1])))
    assert off.max() < 2e-4
    assert (np.abs(y - plain).max() > 0.1) == (kind == "geometry")  # some are mirrored


def test_each_stage_has_its_strength(monkeypatch):
    seen = []
    monkeypatch.setattr(fit, "augment", lambda x, size, seed, kinds, mildest: seen.append(mildest) or tf.cast(x, tf.float32))
    plan = fit.Plan(size=8, batch=2, mildest=0.75, mildest_after=0.25)
    x, y = np.zeros((2, 4, 8, 8), np.uint8), np.zeros((4, 2), np.float32)
    for stage in (1, 2):
        assert len(list(fit._batches(x, y, plan, 0, stage))) == 2
    assert seen == [0.75, 0.25]
    assert plan.first() == dataclasses.replace(plan, mildest_after=0.5).first() != dataclasses.replace(plan, mildest=0.5).first()


@pytest.mark.parametrize("kind", stress.KINDS)
def test_stress_is_the_same_every_time_and_harms(kind):
    im = Image.fromarray(np.kron(np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8), np.ones((8, 8), np.uint8)))
    a, b, other = (np.asarray(stress.apply(im, kind, d), int) for d in ("aa", "aa", "bb"))
    assert a.shape == (128, 128)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - np.asarray(im, int)).mean() > 1 and np.abs(a - other).mean() > 0


def test_a_stopped_run_ends_as_one_that_was_not(root, tmp_path, monkeypatch):
    plan = fit.Plan(**SMALL)
    fit.fit(plan, root, tmp_path / "whole" / "run")
    saved, real = [], tf.train.CheckpointManager.save

    def save(self, *args, **kwargs):
        real(self, *args, **kwargs)
        saved.append(1)
        if len(saved) in (1, 3):
            raise KeyboardInterrupt
    monkeypatch.setattr(tf.train.CheckpointManager, "save", save)
    for _ in range(2):  # in the first stage, in the second
        with pytest.raises(KeyboardInterrupt):
            fit.fit(plan, root, tmp_path / "cut" / "run")
    fit.fit(plan, root, tmp_path / "cut" / "run")
    whole, cut = (deliver.load(tmp_path / k / "run") for k in ("whole", "cut"))
    assert set(whole.logits) == {"plain", *stress.KINDS}
    for kind in whole.logits:
        np.testing.assert_allclose(whole.logits[kind], cut.logits[kind], atol=1e-4)
    assert {p.path.name for p in data.split(root, 0)[1]} == set(whole.names)


def test_a_queue_leaves_finished_runs_alone_and_refuses_other_plans(tmp_path):
    plan = fit.Plan(**SMALL)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text(json.dumps(dataclasses.asdict(plan)))
    assert plans.run("a", plan, "nowhere", tmp_path) == 0
    with pytest.raises(ValueError, match="another plan"):
        plans.run("a", dataclasses.replace(plan, seed=7), "nowhere", tmp_path)


def test_calibration_and_thresholds():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 40000)
    label = (rng.uniform(size=truth.size) < 1 / (1 + np.exp(-truth))).astype(int)
    got = deliver.calibrate(label, (truth - 1) / 3)
    assert got["slope"] == pytest.approx(3, rel=0.05)
    even = np.log(label.mean() / (1 - label.mean()))
    assert got["intercept"] == pytest.approx(1 - even, abs=0.1)
    p = deliver.calibrated(got, (truth - 1) / 3)
    t = deliver.balanced_threshold(label, p)
    assert np.mean(p[label == 1] >= t) == pytest.approx(np.mean(p[label == 0] < t), abs=1e-3)
    t = deliver.screening_threshold(label, p)
    assert np.mean(p[label == 1] >= t) >= 0.985 > np.mean(p[label == 1] > t)


def test_a_weight_of_two_is_a_picture_twice():
    rng = np.random.default_rng(1)
    label, z, weight = rng.integers(0, 2, 900), rng.normal(size=900), rng.integers(1, 3, 900)
    z += label
    twice = np.repeat(np.arange(900), weight)
    p = deliver.calibrated({"slope": 1.0, "intercept": 0.0}, z)
    for of in (deliver.balanced_threshold, deliver.screening_threshold):
        assert of(label, p, weight) == pytest.approx(of(label[twice], p[twice]), abs=5e-3)
    assert abs(deliver.balanced_threshold(label, p) - deliver.balanced_threshold(label, p, np.where(label == 1, 1, 1 + 3 * (z > 0)))) > 0.01


def test_operating_points_are_of_plain_and_stressed_alike():
    rng = np.random.default_rng(2)
    label = np.tile([0, 1], 500)
    z = np.where(label == 1, 2.0, -2.0) + rng.normal(size=1000)
    run = deliver.Run(None, {}, label, [], [f"patient {i}" for i in range(1000)], {"plain": z, "crop": z + 2, "blur": z + 2})
    calibration, (balanced, screening) = deliver.operating([run])
    assert -calibration["intercept"] / calibration["slope"] == pytest.approx(1, abs=0.1)  # half-way between 0 and 2
    assert balanced["threshold"] == pytest.approx(0.5, abs=0.03) and screening["threshold"] < balanced["threshold"]
    p = [deliver.calibrated(calibration, run.logits[k]) for k in run.logits]
    want = np.mean([np.mean(p[0][label == 0] < balanced["threshold"]), np.mean(p[1][label == 0] < balanced["threshold"])])
    assert balanced["specificity"]["value"] == pytest.approx(want, abs=1e-6)
    assert screening["sensitivity"]["value"] >= 0.985
