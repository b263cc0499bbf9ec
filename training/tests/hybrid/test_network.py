"""The network spikeray: its neurons against their equations, its file against PyTorch, its runs stopped and gone on
with."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from spikeray import data, modelfile, stress
from spikeray.hybrid import neurons, order, recipes, report, ship
from spikeray.hybrid.augment import augment
from spikeray.hybrid.conversion import converted, finer, peaks
from spikeray.hybrid.decisions import balanced_threshold, calibrate, calibrated, screening_threshold
from spikeray.hybrid.describe import describe
from spikeray.hybrid.network import Analog, convolve
from spikeray.hybrid.neurons import SAMPLE
from spikeray.hybrid.recipe import Recipe
from spikeray.hybrid.runs import HybridRun
from spikeray.hybrid.shape import Shape
from spikeray.hybrid.train import train
from spikeray.modelfile import IntegrateAndFire, simulator, window

SMALL = Shape("ten", 32, 2, 15)
RECIPE = Recipe(size=32, epochs=2, epochs_after=2, batch=8)
BOARD = dataclasses.replace(SMALL, stack="six", steps=4, most=1, board=True)


def settled(shape):
    """A ReLU network of random weights whose batch norm knows its inputs, and such inputs."""
    torch.manual_seed(0)
    model, x = Analog(shape), (torch.rand(16, 1, shape.size, shape.size) * 255).round()
    with torch.no_grad():
        for norm in model.norms:
            norm.momentum = 1.0
        model(x)
    return model.eval(), x


@pytest.mark.parametrize("steps, still", [(2, False), (3, False), (3, True)])
def test_neurons_are_a_loop_over_steps_and_pass_its_gradient(steps, still):
    torch.manual_seed(0)
    shape = (SAMPLE * 2, 3, 2, 2)
    currents = (torch.rand(1 if still else steps, *shape) * 3 - 0.5).requires_grad_()
    weight = torch.rand(steps, *shape)
    spikes, share = neurons.Fire.apply(currents, steps, 2)
    (spikes * weight).sum().backward()
    got, currents.grad = currents.grad, None
    v, want = torch.full(shape, 0.5), []
    for t in range(steps):
        v = v + currents[t % len(currents)]
        fired = v.detach().floor().clamp(0, 2)
        # The integral of the slope that a spike is taken to have.
        soft = (
            (v - 0.5).clamp(0, 1) ** 2 / 2
            + (v - 1.5).clamp(min=0)
            - (v - 2.5).clamp(0, 1) ** 2 / 2
            - (v - 3.5).clamp(min=0)
        )
        want.append(soft + (fired - soft).detach())
        v = v - fired
    want = torch.stack(want)
    torch.testing.assert_close(spikes, want)
    assert float(share) == float((want.detach()[:, ::SAMPLE] > 0).float().mean())
    (want * weight).sum().backward()
    torch.testing.assert_close(got, currents.grad, atol=0.03, rtol=0)  # potentials are kept in bfloat16


def test_a_neuron_given_the_same_current_fires_as_often_as_the_current_says():
    x = torch.rand(1, 4, 4, 8, 8)
    spikes, _ = neurons.Fire.apply(4 * x, 5, 15)
    assert (spikes.sum(0) != torch.floor(20 * x[0] + 0.5)).float().mean() < 0.01  # but for rounding


def test_a_boards_neurons_start_at_zero_and_are_reset_to_it():
    torch.manual_seed(0)
    shape = (3, SAMPLE * 2, 3, 2, 2)
    currents = (torch.rand(shape) * 2 - 0.3).requires_grad_()
    weight = torch.rand(shape)
    spikes, share = neurons.FireToZero.apply(currents)
    ((spikes * weight).sum() + 5 * share).backward()
    got, currents.grad = currents.grad, None
    v, want = torch.zeros(shape[1:]), []
    for current in currents:
        v = v + current
        soft, fired = torch.sigmoid(4 * (v - 1)), (v >= 1).float()
        want.append(soft + (fired - soft).detach())
        v = v * (1 - fired)
    want = torch.stack(want)
    assert torch.equal(spikes, want.round()) and float(share) == float(want[:, ::SAMPLE].round().mean())
    ((want * weight).sum() + 5 * want[:, ::SAMPLE].mean()).backward()
    torch.testing.assert_close(got, currents.grad, atol=0.03, rtol=0)  # potentials are kept in bfloat16


@pytest.mark.parametrize("to_zero", [False, True])
def test_a_boards_first_stage_says_how_often_its_neurons_fire(to_zero):
    x = torch.rand(1, 4, 4, 8, 8) * 1.5 - 0.2
    spikes, _ = neurons.FireToZero.apply(x.expand(6, -1, -1, -1, -1)) if to_zero else neurons.Fire.apply(x, 6, 1)
    share, mean = neurons.Share.apply(x[0], 6, to_zero)
    assert (spikes.mean(0) != share).float().mean() < 0.01  # but for rounding
    assert float(mean) == float(share[::SAMPLE].mean())


@pytest.mark.parametrize("shape", [SMALL, BOARD])
def test_operations_are_events_times_the_connections_they_go_down(shape):
    model, x = settled(shape)
    spiking = converted(model, shape, peaks(model, x)).eval()
    description, tensors = describe(spiking, False, "small", "1.0.0", "small", {})
    with torch.no_grad():
        spiking(x[:1])
    answer = simulator.run(description, tensors, x[0, 0].numpy().astype(np.uint8))
    want, side = 0, shape.size
    layers = shape.layers()
    for i, (_, _, stride) in enumerate(layers[:-1]):
        side = -(-side // stride)
        channels, kernel, after = layers[i + 1]
        want += np.count_nonzero(answer.counts[f"spike{i}"]) * channels * kernel**2 / after**2 / 1e6
    assert float(spiking.operations) == pytest.approx(want, rel=0.02)


@pytest.mark.parametrize("shape, least", [(SMALL, 0.95), (BOARD, 0.8)])
def test_conversion_keeps_the_network(shape, least):
    model, x = settled(shape)
    spiking = converted(model, shape, peaks(model, x)).eval()
    with torch.no_grad():
        before, after = model(x), spiking(x)
    assert np.corrcoef(before.flatten(), after.flatten())[0, 1] > least


@pytest.mark.parametrize("shape", [SMALL, BOARD])
def test_the_file_says_what_pytorch_says(shape):
    model, x = settled(shape)
    spiking = converted(model, shape, peaks(model, x)).eval()
    description, tensors = describe(spiking, True, "small", "1.0.0", "small", {})
    modelfile.check(description, tensors)
    pictures = x[:4, 0].numpy().astype(np.uint8) // 3 + 60
    with torch.no_grad():
        want = torch.softmax(spiking(torch.from_numpy(window.apply(pictures)).float()[:, None]), 1)
    for picture, p in zip(pictures, want):
        answer = simulator.run(description, tensors, picture)
        np.testing.assert_allclose(
            answer.probabilities, p, atol=0.01
        )  # sums are rounded in another order: a spike at a threshold may move


def test_a_boards_weights_have_one_scale_and_biases_of_halves():
    model, x = settled(BOARD)
    spiking = converted(model, BOARD, peaks(model, x))
    for i in range(1, len(BOARD.layers())):
        weights, scale, bias = spiking.whole(i)
        assert len(set(scale)) == 1 and np.log2(scale[0]) % 1 == 0 and np.abs(weights.astype(int)).max() <= 127
        furthest = BOARD.steps * np.clip(-weights.astype(int), 0, None).sum((0, 1, 2)).max()
        assert furthest < 2**16 and (
            2 * furthest > 0.8 * 2**16 or np.abs(weights.astype(int)).max() > 63
        )  # no coarser than it must be
        np.testing.assert_array_equal(bias / scale * 2, np.rint(bias / scale * 2))
        assert bias.min() >= -0.95 / i
    before = float(spiking.scale(3)[0])
    spiking.weights[3].data.sign_().mul_(
        100 * before
    )  # as far as weights of this scale can go, all of one channel down
    spiking.weights[3].data[0].abs_().neg_()
    weights, scale, _ = spiking.whole(3)
    assert scale[0] >= before and BOARD.steps * np.clip(-weights.astype(int), 0, None).sum((0, 1, 2)).max() < 2**16


def test_convolutions_pad_as_tensorflows_same():
    x, w = torch.rand(1, 2, 9, 8), torch.rand(3, 2, 3, 3)
    for stride in (1, 2, 4):
        got = convolve(x, w, stride)
        assert got.shape[-2:] == (-(-9 // stride), -(-8 // stride))
    got = convolve(x, w, 2)[0, 0, 0, 0]  # 9 rows: one above and below; 8 columns: none at the left
    torch.testing.assert_close(got, (x[0, :, 0:2, 0:3] * w[0, :, 1:3]).sum())


def test_a_window_is_its_own_percentiles_in_whole_numbers():
    rng = np.random.default_rng(0)
    x = np.clip(rng.normal(120, 25, (3, 64, 64)), 0, 255).astype(np.uint8)
    y = window.apply(x)
    for before, after in zip(x, y):
        low, high = np.percentile(before, (2, 98))
        want = np.clip((before - low) / (high - low), 0, 1) * 255
        assert np.abs(after - want).max() < 4 and after.min() == 0 and after.max() == 255
    narrow = np.full((1, 8, 8), 100, np.uint8)
    narrow[0, :4] = 103  # not stretched beyond `least` levels
    assert (
        len(np.unique(window.apply(narrow))) == 2
        and np.ptp(window.apply(narrow).astype(int)) < 3 * 255 / window.LEAST + 2
    )
    assert (
        window.quantile(np.bincount([7] * 10, minlength=256), 32768) == 7 * 256
    )  # half of the pixels of one grey lie below its middle


def test_augmentation_is_drawn_by_its_generator_and_stays_in_range():
    x = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    a, b, c = (augment(x, 32, np.random.default_rng(s)) for s in (1, 1, 2))
    assert a.shape == (32, 32) and a.dtype == np.float32 and a.min() >= 0 and a.max() <= 255
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).mean() > 2
    np.testing.assert_array_equal(augment(x[:32, :32], 32, np.random.default_rng(1), ()), x[:32, :32])


def test_geometry_repeats_borders_and_never_mirrors():
    x = np.tile(np.linspace(60, 250, 64), (64, 1)).astype(np.uint8)  # brighter to the right
    for seed in range(40):
        y = augment(x, 48, np.random.default_rng(seed), ("geometry",))
        assert y.min() >= 59 and y[:, -8:].mean() > y[:, :8].mean()
    assert min(augment(x, 48, np.random.default_rng(s), ("geometry",), border="black").min() for s in range(9)) == 0
    assert any(
        y[:, -8:].mean() < y[:, :8].mean()
        for y in (augment(x, 48, np.random.default_rng(s), ("geometry",), mirrored=True) for s in range(20))
    )


@pytest.mark.parametrize("kind", stress.KINDS)
def test_stress_is_the_same_every_time_and_harms(kind):
    im = Image.fromarray(
        np.kron(np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8), np.ones((8, 8), np.uint8))
    )
    a, b, other = (np.asarray(stress.apply(im, kind, d), int) for d in ("aa", "aa", "bb"))
    assert a.shape == (128, 128)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - np.asarray(im, int)).mean() > 1 and np.abs(a - other).mean() > 0


def test_blocks_are_stretches_of_each_numbering(root):
    found = data.scan(root, "train")
    block = data.blocks(found)
    assert set(block) == set(range(data.FOLDS))
    for kind in ("bacteria", "virus", "IM"):
        pairs = sorted(
            (data.series_of(p.patient)[1], b) for p, b in zip(found, block) if data.series_of(p.patient)[0] == kind
        )
        assert [b for _, b in pairs] == sorted(b for _, b in pairs)
    of = {}
    for p, b in zip(found, block):
        assert of.setdefault(p.patient, b) == b
    with pytest.raises(ValueError, match="no number"):
        data.series_of("NORMAL/someone")


def test_a_stopped_run_ends_as_one_that_was_not(root, tmp_path, monkeypatch):
    beside = {"shifted": root / "test"}
    train(RECIPE, root, tmp_path / "whole" / "run", beside)
    saved, real = [], torch.save

    def save(what, path):
        real(what, path)
        if isinstance(what, dict) and "epoch" in what:
            saved.append(path)
            if len(saved) in (1, 3):
                path.rename(path.with_suffix(".pt"))
                raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", save)
    for _ in range(2):  # in the first stage, in the second
        with pytest.raises(KeyboardInterrupt):
            train(RECIPE, root, tmp_path / "cut" / "run", beside)
    train(RECIPE, root, tmp_path / "cut" / "run", beside)
    whole, cut = (HybridRun.read(tmp_path / k / "run") for k in ("whole", "cut"))
    assert (
        set(whole.kinds) == set(stress.KINDS)
        and "plain@1" in whole.logits
        and "grey2" in whole.logits
        and "relu-plain" in whole.logits
    )
    for kind in whole.logits:
        np.testing.assert_allclose(whole.logits[kind], cut.logits[kind], atol=1e-4)
    found = data.scan(root, "train")
    assert set(whole.names) == {p.path.name for p, b in zip(found, data.blocks(found)) if b == 0}
    assert len(HybridRun.read(tmp_path / "whole" / "run", "answers-shifted").label) == len(data.folder(root / "test"))


def test_a_queue_leaves_finished_runs_alone_and_refuses_other_recipes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text(json.dumps(dataclasses.asdict(RECIPE)))
    assert recipes.run("a", RECIPE, "nowhere", tmp_path) == 0
    with pytest.raises(ValueError, match="another recipe"):
        recipes.run("a", dataclasses.replace(RECIPE, seed=7), "nowhere", tmp_path)


def test_thresholds_and_calibration_are_their_definitions():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 4000)
    z = rng.normal(2.0 * label - 0.3, 1.0)
    calibration = calibrate(label, z)
    p = calibrated(calibration, z)
    assert calibration.slope == pytest.approx(2.0, abs=0.15)  # of two normals two apart, of deviation 1
    threshold = balanced_threshold(label, p)
    assert np.mean(p[label == 1] >= threshold) == pytest.approx(np.mean(p[label == 0] < threshold), abs=0.002)
    screening = screening_threshold(label, p)
    assert np.mean(p[label == 1] >= screening) >= 0.985 > np.mean(p[label == 1] > screening) - 0.001


@pytest.fixture
def told_apart(root):
    """The small data set, with pictures whose class is plain to see."""
    ramp = np.linspace(40, 200, 40)
    for path in root.glob("*/*/*.jpeg"):
        noise = np.random.default_rng(path.stat().st_size + sum(path.name.encode())).uniform(0, 50, (40, 40))
        x = np.tile(ramp, (40, 1)) if path.parent.name == "NORMAL" else np.tile(ramp[:, None], (1, 40))
        Image.fromarray((x + noise).astype(np.uint8)).save(path, format="PNG")
    return root


def test_five_runs_make_models_tables_and_a_card(told_apart, tmp_path):
    root = told_apart
    out, beside = tmp_path / "runs", {"shifted": root / "test"}
    for k in range(data.FOLDS):
        train(
            dataclasses.replace(RECIPE, epochs=3, epochs_after=1, seed=k, fold=k), root, out / f"spiking-{k}", beside
        )
    written = ship.ship(out, tmp_path / "models", "9.9.9", root)
    assert [p.name for p in written] == [*(f"spikeray-{k}.safetensors" for k in range(5)), "spikeray.safetensors"]
    description, _ = modelfile.read(written[-1])
    assert description.version == "9.9.9" and [e.steps for e in description.early] == [1]
    assert description.preparation.window.json() == {"low": 1311, "high": 64225, "least": 16}
    assert [p.name for p in description.operating_points] == ["balanced", "screening"]
    assert {layer.most for layer in description.layers if isinstance(layer, IntegrateAndFire)} == {RECIPE.final().most}
    tables, card = report.tables_and_card(out, root, tmp_path / "figures", "9.9.9")
    assert (tmp_path / "figures" / "reliability.svg").exists()
    for words in (
        "### Steadiness",
        "| `shifted`, ",
        "### After each step",
        "## The spiking question",
        "borders masked",
    ):
        assert words in tables
    assert "# spikeray 9.9.9" in card and "CC BY 4.0" in card and "{" not in card.replace("{NORMAL", "")


def test_a_boards_run_makes_a_model_and_a_card(told_apart, tmp_path):
    recipe = dataclasses.replace(RECIPE, stack="six", board=True, steps=4, most=1, finer=1, epochs=6, epochs_after=3)
    train(recipe, told_apart, tmp_path / "runs" / "board-0", {"shifted": told_apart / "test"})
    path = ship.ship_board(tmp_path / "runs", tmp_path, "9.9.9")
    description, _ = modelfile.read(path)
    fire = [layer for layer in description.layers if isinstance(layer, IntegrateAndFire)]
    assert description.time.steps == 4 and [n.reset for n in fire] == ["subtract"] + ["zero"] * 5
    assert 1 not in [e.steps for e in description.early or ()]  # nothing has reached the last layer
    card = path.with_suffix(".md").read_text()
    for words in ("# spikeray-board 9.9.9", "It has 6 layers", "one grey level of noise", "on `shifted`"):
        assert words in card
    record = json.loads((tmp_path / "runs" / "board-0" / "run.json").read_text())
    (tmp_path / "runs" / "board-0" / "run.json").write_text(json.dumps(record | {"auc_beside": {}}))
    with pytest.raises(ValueError, match="--beside shifted"):
        ship.ship_board(tmp_path / "runs", tmp_path, "9.9.9")


def test_the_order_of_channels_changes_nothing_but_how_many_groups_spike():
    analog, x = settled(SMALL)
    model = converted(analog, SMALL, peaks(analog, x)).eval()
    found = order.orders(model, x, np.random.default_rng(0))
    other = order.reordered(model, found)
    with torch.no_grad():
        assert torch.equal(model.by_step(x), other.by_step(x))
    assert [sorted(o) for o in found] == [list(range(len(o))) for o in found] and any(
        (o != np.arange(len(o))).any() for o in found
    )
    assert np.mean(order.groups(other, x)) <= np.mean(order.groups(model, x))


def test_finer_levels_say_the_same_more_exactly():
    analog, x = settled(SMALL)
    model = converted(analog, SMALL, peaks(analog, x)).eval()
    finest = finer(model, dataclasses.replace(SMALL, most=4 * SMALL.most))
    with torch.no_grad():
        want, coarse, fine = analog(x), model(x), finest(x)
    assert (fine - want).abs().mean() < (coarse - want).abs().mean()
    for i in range(len(model.weights)):  # int8 as it was
        assert np.array_equal(model.whole(i)[0], finest.whole(i)[0])
