"""A checkpoint, exported: the plain simulator gives Keras's own answers; what does not fit is refused."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from spikeray import modelfile
from spikeray.article import export
from spikeray.article.spiking import MeanOverSteps, ShowForSteps, SpikingActivation
from spikeray.keras_files import describe
from spikeray.keras_files.record import UnsupportedError
from spikeray.modelfile import simulator

PICTURES = np.random.default_rng(5).integers(0, 256, (3, 12, 11), dtype=np.uint8)


def network(*middle, shape=(12, 11, 1)):
    model = keras.Sequential([keras.Input(shape), *middle])
    rng = np.random.default_rng(3)  # biases and normalisation would else be zeros and ones
    for w in model.weights:
        if "seed" not in w.path:
            w.assign(rng.uniform(0.5, 1.5, w.shape) if "variance" in w.path else rng.normal(0.1, 0.4, w.shape))
    return model


def head():
    return [layers.Dense(2, activation="softmax", name="out")]


def each(layer):
    return layers.TimeDistributed(layer)


NETWORKS = {
    "cnn": lambda: network(
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPool2D(),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(5, activation="relu"),
        *head(),
    ),
    "same padding, strides, average pooling, no bias": lambda: network(
        layers.Conv2D(4, (3, 2), padding="same", strides=2, use_bias=False),
        layers.ReLU(),
        layers.AveragePooling2D((2, 3), strides=(1, 2)),
        layers.Conv2D(3, 2, padding="same"),
        layers.Activation("relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
        layers.Softmax(),
    ),
    "batch normalisation": lambda: network(
        layers.Conv2D(4, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(5),
        layers.BatchNormalization(scale=False),
        layers.Activation("relu"),
        *head(),
    ),
    "rows": lambda: network(
        layers.Conv2D(4, 3),
        SpikingActivation(2.0, seed=7),
        layers.MaxPool2D(),
        layers.Conv2D(3, 2),
        SpikingActivation(0.7, seed=8),
        layers.Flatten(),
        *head(),
    ),
    "steps": lambda: network(
        layers.Conv2D(4, 3),
        ShowForSteps(4),
        SpikingActivation(2.0, "steps", seed=7),
        each(layers.MaxPool2D()),
        each(layers.Conv2D(3, 2)),
        SpikingActivation(1.3, "steps", seed=8),
        each(layers.MaxPool2D()),
        MeanOverSteps(),
        layers.Flatten(),
        *head(),
    ),
    "steps, flattened before the mean": lambda: network(
        layers.Conv2D(4, 3),
        ShowForSteps(3),
        SpikingActivation(2.0, "steps", seed=7),
        each(layers.GlobalAveragePooling2D()),
        MeanOverSteps(),
        *head(),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_reference_equals_keras(tmp_path, name, suffix):
    model = NETWORKS[name]()
    model.save(tmp_path / f"m{suffix}")
    export.export(tmp_path / f"m{suffix}", tmp_path / "m.safetensors", "m", "1.0.0")
    description, tensors = modelfile.read(tmp_path / "m.safetensors")
    want = model.predict(PICTURES[..., None].astype(np.float32) / np.float32(255), verbose=0)
    got = np.array([simulator.run(description, tensors, p).probabilities for p in PICTURES])
    np.testing.assert_allclose(got, want, atol=2e-6)
    assert np.ptp(want) > 0.01  # the pictures do make a difference


@pytest.mark.parametrize("name", ["rows", "steps"])
def test_spike_counts_equal_keras(tmp_path, name):
    model = NETWORKS[name]()
    model.save(tmp_path / "m.keras")
    export.export(tmp_path / "m.keras", tmp_path / "m.safetensors", "m", "1.0.0")
    description, tensors = modelfile.read(tmp_path / "m.safetensors")
    spiking = [x for x in model.layers if isinstance(x, SpikingActivation)]
    watch = keras.Model(model.inputs, [x.output for x in spiking])
    outputs = watch.predict(PICTURES[..., None].astype(np.float32) / np.float32(255), verbose=0)
    for layer, out in zip(spiking, outputs):
        for picture, values in zip(PICTURES, out):
            counts = simulator.run(description, tensors, picture).counts[layer.name]
            np.testing.assert_array_equal(counts, np.rint(values * layer.dt))
            assert counts.any()


def test_same_checkpoint_same_bytes(tmp_path):
    NETWORKS["rows"]().save(tmp_path / "m.keras")
    (tmp_path / "run.json").write_text(json.dumps({"recipe": "snnxray", "seed": 4}))
    files = [export.export(tmp_path / "m.keras", tmp_path / f"{i}.safetensors", "m", "1.0.0") for i in range(2)]
    assert files[0] == files[1] == (tmp_path / "1.safetensors").read_bytes()
    training = modelfile.decode(files[0])[0].training
    assert training["seed"] == 4 and "CC BY 4.0" in training["data"]


REFUSED = {
    "layers the format lacks": (
        lambda: network(layers.DepthwiseConv2D(3, name="odd"), layers.Flatten(), *head()),
        "odd",
    ),
    "dilation": (lambda: network(layers.Conv2D(2, 3, dilation_rate=2, name="odd"), layers.Flatten(), *head()), "odd"),
    "other activations": (
        lambda: network(layers.Flatten(), layers.Dense(3, activation="tanh", name="odd"), *head()),
        "odd",
    ),
    "a capped ReLU": (lambda: network(layers.ReLU(6, name="odd"), layers.Flatten(), *head()), "odd"),
    "pooling with padding": (
        lambda: network(layers.MaxPool2D(padding="same", name="odd"), layers.Flatten(), *head()),
        "odd",
    ),
    "normalisation before padding": (
        lambda: network(
            layers.BatchNormalization(name="odd"), layers.Conv2D(2, 3, padding="same"), layers.Flatten(), *head()
        ),
        "odd",
    ),
    "normalisation before an activation alone": (
        lambda: network(layers.BatchNormalization(name="odd"), layers.ReLU(), layers.Flatten(), *head()),
        "odd",
    ),
    "two sigmoids": (lambda: network(layers.Flatten(), layers.Dense(2, activation="sigmoid", name="odd")), "odd"),
    "a softmax of one unit": (
        lambda: network(layers.Flatten(), layers.Dense(1, activation="softmax", name="odd")),
        "odd",
    ),
    "no softmax": (lambda: network(layers.Flatten(), layers.Dense(2, name="odd")), "odd"),
    "three classes": (lambda: network(layers.Flatten(), layers.Dense(3, activation="softmax")), "output"),
    "spiking steps outside the steps": (
        lambda: network(layers.Conv2D(2, 3), SpikingActivation(2, "steps", name="odd"), layers.Flatten(), *head()),
        "odd",
    ),
    "a colour picture": (lambda: network(layers.Flatten(), *head(), shape=(4, 4, 3)), "input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_naming_the_layer(name):
    make, layer = REFUSED[name]
    with pytest.raises(UnsupportedError) as e:
        describe.write(export.records_of(make()), "/dev/null", "m", "1.0.0", {})
    assert e.value.layer == layer


def test_a_branching_graph_is_refused():
    x = keras.Input((12, 11, 1))
    a = layers.Conv2D(2, 3, padding="same", name="a")(x)
    b = layers.Conv2D(2, 3, padding="same", name="b")(x)
    out = layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Add()([a, b])))
    with pytest.raises(UnsupportedError, match="chain"):
        export.records_of(keras.Model(x, out))
    straight = keras.Model(x, layers.Dense(2, activation="softmax")(layers.Flatten()(a)))
    assert [r.kind for r in export.records_of(straight)[0]] == ["InputLayer", "Conv2D", "Flatten", "Dense"]


def test_command_line_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    (tmp_path / "x.keras").write_bytes(b"not a checkpoint")
    monkeypatch.setattr(
        "sys.argv", ["export", str(tmp_path / "x.keras"), str(tmp_path / "o"), "--name", "m", "--version", "1.0.0"]
    )
    with pytest.raises(SystemExit) as e:
        export.main()
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.count("\n") == 1 and "x.keras" in err
