"""The gate: its training pictures, its export against Keras and the numpy reference, and the shipped one on drawn
pictures."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from spikeray import data, modelfile
from spikeray.gate import measure, train, validation
from spikeray.gate import network as gate
from spikeray.gate import pictures as gate_pictures
from spikeray.gate.pictures import KINDS, LABELS
from spikeray.gate.section import SHIPPED, section
from spikeray.modelfile import Dense, Description, Layer, Preparation, simulator

CHESTS = list(np.random.default_rng(3).integers(0, 256, (2, 96, 96), dtype=np.uint8))
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_a_kind_vary_and_depend_on_nothing_but_the_seed(kind):
    def drawn(seed):
        return gate_pictures.negative(np.random.default_rng(seed), kind, *CHESTS, gate_pictures.Eigenchests(CHESTS))

    pictures = [drawn(seed) for seed in range(6)]
    for (x, label), seed in zip(pictures, range(6)):
        assert x.dtype == np.uint8 and x.shape == (128, 128)
        assert LABELS[label] == (kind if kind in LABELS else "other")
        np.testing.assert_array_equal(x, drawn(seed)[0])
    assert len({x.tobytes() for x, _ in pictures}) > 1


def test_chests_stay_pictures():
    x = [gate_pictures.chest(np.random.default_rng(seed), CHESTS[0]) for seed in range(30)]
    assert all(p.dtype == np.uint8 and p.shape == (128, 128) for p in x) and len({p.tobytes() for p in x}) == 30


def network():
    """An untrained network whose batch norm has something to fold."""
    model, rng = gate.network(seed=5), np.random.default_rng(5)
    for i in range(len(gate.CONVOLUTIONS)):
        norm = model.get_layer(f"norm{i}")
        norm.set_weights(
            [
                rng.uniform(0.3, 0.6, norm.gamma.shape),
                rng.uniform(0, 0.3, norm.gamma.shape),
                rng.normal(0, 0.1, norm.gamma.shape),
                rng.uniform(0.05, 0.2, norm.gamma.shape),
            ]
        )
    return model


def test_the_exported_gate_is_the_network(tmp_path):
    model = network()
    gate.write(tmp_path / "gate.safetensors", model, 0.4, {})
    exported = modelfile.read(tmp_path / "gate.safetensors")
    x = np.random.default_rng(1).integers(0, 256, (4, gate.SIZE, gate.SIZE), dtype=np.uint8)
    x[1] = np.arange(gate.SIZE, dtype=np.uint8)
    got = gate.probabilities(exported, x)
    want = np.stack([simulator.run(*exported, p).probabilities for p in x])
    np.testing.assert_allclose(got, want, atol=1e-6)
    logits = model(x[..., None].astype(np.float32) / 255).numpy()
    keras = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, keras, atol=0.01)  # the weights' rounding
    assert np.ptp(got, axis=0).max() > 0.02
    tensors = exported[1]
    assert all(tensors[f"conv{i}.weights"].dtype == np.int8 for i in range(len(gate.CONVOLUTIONS)))


def test_a_model_file_takes_the_gate(tmp_path):
    own_gate, tensors = section()
    own = {"dense.weights": np.zeros((8 * 8, 2), np.float32)}
    description = Description(
        name="tiny",
        version="1.0.0",
        summary="",
        labels=("a", "b"),
        positive="b",
        preparation=Preparation(width=8, height=8, scale=255),
        threshold=0.5,
        training={},
        layers=(
            Layer(type="flatten", name="flatten"),
            Dense(name="dense", units=2, weights="dense.weights"),
            Layer(type="softmax", name="softmax"),
        ),
        gate=own_gate,
    )
    modelfile.write(tmp_path / "tiny.safetensors", description, own | tensors)
    x = np.random.default_rng(2).integers(0, 256, (8, 8), dtype=np.uint8)
    answer = simulator.run(*modelfile.read(tmp_path / "tiny.safetensors"), x)
    small = np.asarray(Image.fromarray(x).resize((gate.SIZE, gate.SIZE), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(answer.gate, gate.probabilities(modelfile.read(SHIPPED), small[None])[0], atol=1e-6)


def test_the_shipped_gate_knows_synthetic_chests_from_what_is_done_to_them():
    model = modelfile.read(SHIPPED)
    threshold = model[0].threshold

    def says(x):
        p = gate.probabilities(model, validation.shrink(x)[None])[0]
        return LABELS[0] if p[0] >= threshold else LABELS[1:][p[1:].argmax()]

    for path in sorted(EXAMPLES.glob("synthetic-*.png")):
        x = validation.read(path)
        assert says(x) == says(x[:, ::-1].copy()) == "frontal_chest"
        assert says(255 - x) == "inverted"
        assert {says(np.rot90(x, k).copy()) for k in (1, 2, 3)} == {"rotated"}
        assert says(x[::-1].copy()) == "rotated"
        assert says(np.ascontiguousarray(x[:100, :100])) == "cropped"


def test_the_shipped_gate_flags_drawings():
    model = modelfile.read(SHIPPED)
    chests = [validation.read(p) for p in sorted(EXAMPLES.glob("synthetic-*.png"))]
    rng, eigen = np.random.default_rng(2024), gate_pictures.Eigenchests(chests)
    kinds = [k for k in KINDS if k not in ("photo", "inverted", "rotated", "cropped")]
    x = np.stack(
        [validation.shrink(gate_pictures.negative(rng, kind, *chests, eigen)[0]) for kind in kinds for _ in range(12)]
    )
    assert (gate.probabilities(model, x)[:, 0] < model[0].threshold).mean() > 0.95


def test_a_gate_is_trained_and_left_alone_when_finished(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "CHUNK", 20)
    out = tmp_path / "run"
    train.train(root, out, seed=1, count=40, epochs=1)
    before = (out / "gate.safetensors").read_bytes()
    description, _ = modelfile.read(out / "gate.safetensors")
    training, held_out = data.split(root)
    assert description.training["training"]["digest"] == data.digest(training)
    p = {
        k: gate.probabilities(modelfile.read(out / "gate.safetensors"), x)[:, 0]
        for k, x in validation.chests(held_out).items()
    }
    assert (p.pop(validation.AFAR) < description.threshold).mean() <= train.FLAGGED_AFAR
    assert (np.concatenate(list(p.values())) < description.threshold).mean() <= train.FLAGGED
    train.train(root, out, seed=2, count=40, epochs=1)
    assert "finished before" in capsys.readouterr().out and (out / "gate.safetensors").read_bytes() == before


def test_the_confusion_names_what_is_missed(root, tmp_path):
    gate.write(tmp_path / "gate.safetensors", network(), 0.0, {})  # flags nothing
    (root / "val").symlink_to(root / "test")
    (tmp_path / "others/papers").mkdir(parents=True)
    Image.fromarray(CHESTS[0]).save(tmp_path / "others/papers/one.png")
    (tmp_path / "others/papers/broken.png").write_bytes(b"nothing")
    table = measure.measure(tmp_path, root, others=tmp_path / "others")
    assert "| papers | 1 | 0.00 % | 0 | 0 | 0 | 0 |" in table and "`one.png`" in table and "broken" not in table
