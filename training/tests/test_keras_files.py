"""Checkpoints as other people save them, .h5 and .keras: Keras's own answer comes out, or one line says why not."""

import io
import json
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from test_convert import WEIGHTS, as_keras, fails, functional, keras2, snn, with_layer, write

from spikeray import hdf5, modelfile
from spikeray.keras_files import archive as keras_archive
from spikeray.keras_files import convert
from spikeray.modelfile import Weighted, simulator

RNG = np.random.default_rng(17)
PICTURES = RNG.integers(0, 256, (3, 12, 12), dtype=np.uint8)


def network(*middle, shape=(12, 12, 1), dtype=None):
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *middle])
    for layer in model._flatten_layers():
        if isinstance(layer, (layers.Conv2D, layers.Dense, layers.BatchNormalization)):
            layer.set_weights(
                [
                    RNG.uniform(0.5, 1.5, w.shape)
                    if isinstance(layer, layers.BatchNormalization)
                    else RNG.normal(0.02, 0.6 / np.sqrt(max(np.prod(w.shape[:-1]), 8)), w.shape)
                    for w in layer.get_weights()
                ]
            )
    return model


def tail(units=2, activation="softmax"):
    return [layers.Flatten(), layers.Dense(6, activation="relu"), layers.Dense(units, activation=activation)]


def adapted():
    layer = layers.Normalization(axis=None)
    layer.adapt(PICTURES.astype(np.float32)[..., None])
    return layer


def conv(*args, **more):
    return layers.Conv2D(4, 3, *args, activation="relu", **more)


def each(layer):
    return layers.TimeDistributed(layer)


def nested_functional():
    x = keras.Input((10, 10, 4))
    return keras.Model(x, layers.BatchNormalization()(layers.Conv2D(3, 2)(layers.MaxPool2D()(x))), name="inner")


NETWORKS = {  # network, what it is fed: pixels / scale + offset, options of convert
    "one sigmoid": (lambda: network(conv(), *tail(1, "sigmoid")), 255, 0, {}),
    "a sigmoid of its own, after a normalisation": (
        lambda: network(
            conv(),
            layers.Flatten(),
            layers.Dense(1, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("sigmoid"),
        ),
        255,
        0,
        {},
    ),
    "fed 0 to 255": (lambda: network(layers.Conv2D(4, 3), layers.ReLU(), *tail()), 1, 0, {"scale": 1}),
    "fed -1 to 1": (
        lambda: network(layers.Conv2D(4, 3), layers.ReLU(), *tail()),
        127.5,
        -1,
        {"scale": 127.5, "offset": -1},
    ),
    "Rescaling of 0 to 255": (lambda: network(layers.Rescaling(1 / 255), conv(padding="same"), *tail()), 1, 0, {}),
    "Rescaling to -1 to 1": (lambda: network(layers.Rescaling(1 / 127.5, -1), conv(), *tail()), 1, 0, {}),
    "Rescaling of 0 to 1": (lambda: network(layers.Rescaling(2, -1), conv(), *tail()), 255, 0, {}),
    "Rescaling behind a convolution": (
        lambda: network(layers.Conv2D(4, 3), layers.Rescaling(0.5, 0.1), layers.ReLU(), *tail()),
        255,
        0,
        {},
    ),
    "whole numbers come in": (lambda: network(layers.Rescaling(1 / 255), conv(), *tail(), dtype="uint8"), 1, 0, {}),
    "adapted to 0 to 255": (lambda: network(adapted(), conv(), *tail()), 1, 0, {}),
    "told a mean and a variance": (
        lambda: network(layers.Normalization(mean=0.4, variance=0.09), conv(), *tail()),
        255,
        0,
        {},
    ),
    "batch normalisation of the picture": (lambda: network(layers.BatchNormalization(), conv(), *tail()), 255, 0, {}),
    "batch normalisation behind ReLU and pooling": (
        lambda: network(
            conv(),
            layers.BatchNormalization(),
            layers.MaxPool2D(),
            conv(),
            layers.AveragePooling2D(2),
            layers.BatchNormalization(),
            *tail(),
        ),
        255,
        0,
        {},
    ),
    "batch normalisation of a flat map": (
        lambda: network(
            conv(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dense(2, activation="softmax"),
        ),
        255,
        0,
        {},
    ),
    "of use in training alone": (
        lambda: network(
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomBrightness(0.1),
            layers.GaussianNoise(0.1),
            conv(),
            layers.GaussianDropout(0.1),
            layers.AlphaDropout(0.1),
            layers.SpatialDropout2D(0.1),
            layers.ActivityRegularization(0.1),
            layers.Identity(),
            *tail(),
        ),
        255,
        0,
        {},
    ),
    "a Sequential in it": (
        lambda: network(
            keras.Sequential([layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()]),
            *tail(),
        ),
        255,
        0,
        {},
    ),
    "two of one kind in it": (
        lambda: network(
            keras.Sequential([conv()], name="a"), keras.Sequential([conv(), layers.Dropout(0.1)], name="b"), *tail()
        ),
        255,
        0,
        {},
    ),
    "a Functional in it": (lambda: network(conv(), nested_functional(), *tail()), 255, 0, {}),
    "a map of 1x1 that is kept": (
        lambda: network(
            conv(),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ),
        255,
        0,
        {},
    ),
    "one step of time": (
        lambda: network(
            each(conv()),
            each(layers.MaxPool2D()),
            each(layers.Flatten()),
            each(layers.Dense(2, activation="softmax")),
            shape=(1, 12, 12, 1),
        ),
        255,
        0,
        {},
    ),
    "one step of time, flattened": (lambda: network(each(conv()), *tail(), shape=(1, 12, 12, 1)), 255, 0, {}),
}


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_answer_is_keras_own(tmp_path, name, suffix):
    if (name, suffix) == ("of use in training alone", "h5"):
        pytest.skip("Keras 3.15 fails to write these layers as HDF5")
    make, scale, offset, options = NETWORKS[name]
    model = make()
    model.compile("adam", "mse")  # so that an optimiser's state is in the file
    model.save(tmp_path / f"m.{suffix}")
    convert.convert(tmp_path / f"m.{suffix}", tmp_path / "m.safetensors", **options)
    m = modelfile.read(tmp_path / "m.safetensors")
    x = PICTURES.astype(np.float32) / np.float32(scale) + np.float32(offset)
    want = model.predict(x.reshape(-1, *model.input_shape[1:]), verbose=0).reshape(3, -1)
    got = np.array([simulator.run(*m, p).probabilities for p in PICTURES])
    np.testing.assert_allclose(got[:, -want.shape[1] :], want, atol=1e-5)
    assert np.ptp(want) > 1e-3


def test_classes_in_another_order(tmp_path):
    model = network(conv(), *tail())
    model.save(tmp_path / "m.keras")
    want = model.predict(PICTURES[:1, ..., None] / np.float32(255), verbose=0)[0]

    def answer(**options):
        notes = convert.convert(tmp_path / "m.keras", tmp_path / "o.safetensors", **options)
        d, tensors = modelfile.read(tmp_path / "o.safetensors")
        p = simulator.run(d, tensors, PICTURES[0]).probabilities
        return d, dict(zip(d.labels, p)), p[d.labels.index(d.positive)], notes

    d, _, p, notes = answer()
    assert d.labels == ("NORMAL", "PNEUMONIA") and p == pytest.approx(want[1], abs=1e-6)
    assumed = d.training["converted_from"]["assumed"]
    assert set(assumed) == {"labels", "positive", "scale"} and all(
        any(text in note for note in notes) for text in assumed.values()
    )
    d, named, p, notes = answer(labels=["PNEUMONIA", "NORMAL"], positive="PNEUMONIA", scale=255)
    assert d.positive == "PNEUMONIA" and p == named["PNEUMONIA"] == pytest.approx(want[0], abs=1e-6)
    assert "assumed" not in d.training["converted_from"] and not any("assumed" in note for note in notes)
    d, _, p, _ = answer(labels=["pneumonia", "normal"])
    assert (
        d.positive == "pneumonia"
        and p == pytest.approx(want[0], abs=1e-6)
        and set(d.training["converted_from"]["assumed"]) == {"positive", "scale"}
    )
    for options, word in (
        ({"labels": ["a", "b"]}, "--positive"),
        ({"positive": "COVID"}, "none of the labels"),
        ({"labels": ["NORMAL", "PNEUMONIA", "TB"]}, "2 classes"),
        ({"scale": 0}, "--scale"),
        ({"scale": float("nan")}, "--scale"),
        ({"offset": float("inf")}, "--offset"),
        ({"steps": 3}, "--steps"),
    ):
        with pytest.raises(ValueError, match=word):
            answer(**options)


def test_the_command_takes_labels_and_scale(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "m.h5", keras2())
    monkeypatch.setattr(
        "sys.argv",
        [
            "convert",
            str(path),
            str(tmp_path / "o.safetensors"),
            "--labels",
            "PNEUMONIA, NORMAL",
            "--scale",
            "127.5",
            "--offset",
            "-1",
        ],
    )
    convert.main()
    d, _ = modelfile.read(tmp_path / "o.safetensors")
    out, err = capsys.readouterr()
    assert (
        d.labels == ("PNEUMONIA", "NORMAL")
        and d.preparation.scale == 127.5
        and "positive class" in err
        and "positive" not in out
    )


def spiking(kind, **changes):
    config = {
        "name": "sp",
        "trainable": True,
        "dtype": "float32",
        "dt": 2.0,
        "return_sequences": True,
        "return_state": False,
        "stateful": False,
        "unroll": False,
        "time_major": False,
        "activation": "relu",
        "seed": 3,
        "spiking_aware_training": True,
        **changes,
    }
    return {"class_name": kind, "config": config}


def with_spiking(layer):
    model = keras2()
    model["config"]["layers"][2] = layer
    return model


def named(model, i, **more):
    model["config"]["layers"][i] |= more
    return model


def set_in(model, i, **changes):
    model["config"]["layers"][i]["config"] |= changes
    return model


def called(model, **keywords):
    model = functional(model)
    for layer in model["config"]["layers"]:
        if layer["name"] == "dropout":
            layer["inbound_nodes"][0][0][3] = keywords
    return model


REFUSED = {
    "a spiking layer's threshold": (
        with_spiking(spiking("Custom>SpikingActivation", threshold=0.5)),
        {},
        "layer sp: threshold",
    ),
    "a spiking layer's weight": (
        with_spiking(spiking("SpikingActivation")),
        {"sp": [np.ones(1, "f4")]},
        "layer sp: it has 1 weights",
    ),
    "a spiking layer of another package": (
        with_spiking(spiking("mine>SpikingActivation")),
        {},
        "layer sp: SpikingActivation of package 'mine'",
    ),
    "a flattening with weights": (keras2(), {"flatten": [np.ones(1, "f4")]}, "layer flatten: a Flatten with weights"),
    "a list for a text": (set_in(keras2(), 0, dtype=[1], name=[2]), {}, "name"),
    "the notebook's with a key": (keras2(refractory=2), {}, "refractory"),
    "one that runs backwards": (with_spiking(spiking("SpikingActivation", go_backwards=True)), {}, "go_backwards"),
    "a convolution of another package": (
        named(keras2(), 1, class_name="mine>Conv2D"),
        {},
        "layer conv2d: mine>Conv2D",
    ),
    "a convolution of another module": (
        named(keras2(), 1, module="mine.layers"),
        {},
        "layer conv2d: Conv2D of mine.layers",
    ),
    "a key that nobody knows": (set_in(keras2(), 8, sparsity=0.5), {}, "layer dense: Dense with sparsity"),
    "dilation": (set_in(keras2(), 1, dilation_rate=[2, 2]), {}, "layer conv2d: dilation"),
    "groups": (set_in(keras2(), 4, groups=2), {}, "layer conv2d_1: dilation and groups"),
    "channels first": (set_in(keras2(), 3, data_format="channels_first"), {}, "layer max_pooling2d: data format"),
    "dropout that is kept on": (called(keras2(), training=True), {}, "'dropout' is called with"),
    "Keras 1": (keras2(), {"keras_version": "1.2.2"}, "Keras 1.2.2"),
    "an unknown back end": (keras2(), {"backend": "plaidml"}, "plaidml"),
    "a class of the user's own": ({"class_name": "Net", "config": {"name": "net"}}, {}, "'Net'"),
    "a sparse input": (set_in(keras2(), 0, sparse=True), {}, "sparse"),
    "noise that stays": (
        with_layer(3, {"class_name": "mine>GaussianNoise", "config": {"name": "odd"}}),
        {},
        "layer odd",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_change_the_answer_is_refused_by_name(tmp_path, capsys, monkeypatch, name):
    model, more, word = REFUSED[name]
    path = write(tmp_path / "m.h5", model, WEIGHTS | {k: v for k, v in more.items() if isinstance(v, list)})
    with h5py.File(path, "r+") as f:
        for key, text in more.items():
            if isinstance(text, str):
                f.attrs[key] = text
    assert word in fails(path, capsys, monkeypatch)


def test_calls_and_packages_that_change_nothing(tmp_path):
    for model in (
        called(keras2(), training=False),
        called(keras2(), mask=None),
        with_spiking(spiking("keras_spiking>SpikingActivation", length=None) | {}),
        with_spiking(spiking("SpikingActivation")),
    ):
        model["config"]["layers"] = [
            {
                **x,
                "config": {
                    k: v for k, v in x["config"].items() if k != "length" or x["class_name"] == "SNNActivation"
                },
            }
            for x in model["config"]["layers"]
        ]
        convert.convert(write(tmp_path / "m.h5", model), tmp_path / "m.safetensors")


def test_names_with_slashes(tmp_path):
    model = json.loads(
        json.dumps(keras2())
        .replace('"conv2d"', '"block/1/conv"')
        .replace('"conv2d_1"', '"block/1"')
        .replace('"dense_1"', '"block_1"')
    )
    weights = {
        {"conv2d": "block/1/conv", "conv2d_1": "block/1", "dense_1": "block_1"}.get(k, k): v
        for k, v in WEIGHTS.items()
    }
    convert.convert(write(tmp_path / "a.h5", model, weights), tmp_path / "a.safetensors")
    convert.convert(write(tmp_path / "b.h5", keras2()), tmp_path / "b.safetensors")
    (a, ta), (b, tb) = (modelfile.read(tmp_path / f"{n}.safetensors") for n in "ab")
    assert len({layer.name for layer in a.layers}) == len(a.layers)
    for x, y in zip(a.layers, b.layers):
        if isinstance(x, Weighted):
            np.testing.assert_array_equal(ta[x.weights], tb[y.weights])
            np.testing.assert_array_equal(ta[x.bias], tb[y.bias])


def test_kernels_of_theano_are_turned(tmp_path):
    path = write(tmp_path / "m.h5", keras2())
    with h5py.File(path, "r+") as f:
        f.attrs["backend"] = "theano"
    notes = convert.convert(path, tmp_path / "m.safetensors")
    _, tensors = modelfile.read(tmp_path / "m.safetensors")
    for name in ("conv2d", "conv2d_1"):
        np.testing.assert_array_equal(tensors[f"{name}.weights"], WEIGHTS[name][0][::-1, ::-1])
    np.testing.assert_array_equal(tensors["dense.weights"], WEIGHTS["dense"][0])
    assert any("turned" in note for note in notes)


def steps_file(path, shape, kind="Conv2D"):
    def td(name, kind, **config):
        return {
            "class_name": "TimeDistributed",
            "config": {"name": f"td_{name}", "layer": {"class_name": kind, "config": {"name": name, **config}}},
        }

    convs = [x["config"] for x in keras2()["config"]["layers"] if x["class_name"] == "Conv2D"]
    convs = [{k: v for k, v in c.items() if k not in ("batch_input_shape", "name")} for c in convs]
    model = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, *shape], "dtype": "float32", "name": "in"},
                },
                td("conv2d", "Conv2D", **convs[0]),
                spiking("SpikingActivation", name="sp1", dt=0.7, seed=1),
                td("pool", "MaxPooling2D", pool_size=[2, 2], strides=[2, 2]),
                td("conv2d_1", "Conv2D", **convs[1]),
                spiking("SpikingActivation", name="sp2", dt=0.7, seed=2),
                td("flat", "Flatten"),
                {"class_name": "GlobalAveragePooling1D", "config": {"name": "mean", "data_format": "channels_last"}},
                *keras2()["config"]["layers"][-2:],
            ],
        },
    }
    return write(path, model, {("td_" + k if k.startswith("conv") else k): v for k, v in WEIGHTS.items()})


@pytest.mark.parametrize(
    "shape, steps, taken",
    [
        ((1, 12, 12, 1), None, 1),
        ((1, 12, 12, 1), 4, 4),
        ((5, 12, 12, 1), None, 5),
        ((5, 12, 12, 1), 5, 5),
        ((None, 12, 12, 1), 3, 3),
    ],
)
def test_pictures_shown_for_steps(tmp_path, shape, steps, taken):
    from spikeray.article.spiking import SpikingActivation

    convert.convert(steps_file(tmp_path / "m.h5", shape), tmp_path / "m.safetensors", steps=steps)
    m = modelfile.read(tmp_path / "m.safetensors")
    assert m[0].time.json() == {"axis": "steps", "steps": taken}
    model = keras.Sequential(
        [
            keras.Input((taken, 12, 12, 1)),
            each(layers.Conv2D(4, 3, name="conv2d")),
            SpikingActivation(0.7, "steps", 1),
            each(layers.MaxPool2D()),
            each(layers.Conv2D(3, 2, name="conv2d_1")),
            SpikingActivation(0.7, "steps", 2),
            each(layers.Flatten()),
            layers.GlobalAveragePooling1D(),
            layers.Dense(5, "relu", name="dense"),
            layers.Dense(2, "softmax", name="dense_1"),
        ]
    )
    for layer in model.layers:
        own = WEIGHTS.get(layer.layer.name if isinstance(layer, layers.TimeDistributed) else layer.name)
        if own:
            layer.set_weights(own)
    x = np.repeat(PICTURES[:, None, ..., None].astype(np.float32) / np.float32(255), taken, 1)
    got = [simulator.run(*m, p).probabilities for p in PICTURES]
    np.testing.assert_allclose(got, model.predict(x, verbose=0), atol=2e-6)


def test_steps_that_the_file_leaves_open_or_contradicts(tmp_path):
    for shape, steps, word in (((None, 12, 12, 1), None, "say --steps"), ((5, 12, 12, 1), 4, "the file says 5")):
        with pytest.raises(convert.ConvertError, match=word):
            convert.convert(steps_file(tmp_path / "m.h5", shape), tmp_path / "m.safetensors", steps=steps)


def archive(path, config=None, container="layers", joined=False, reverse=False):
    """As TensorFlow 2.12 to 2.15 lay a .keras file out: groups by class, in the order of the configuration, and no
    names."""
    config = config or keras2()
    buffer, counts = io.BytesIO(), {}
    with h5py.File(buffer, "w") as f:
        for layer in config["config"]["layers"]:
            kind = {
                "Conv2D": "conv2d",
                "Dense": "dense",
                "MaxPooling2D": "max_pooling2d",
                "SNNActivation": "snn_activation",
            }.get(layer["class_name"], layer["class_name"].lower())
            n = counts[kind] = counts.get(kind, -1) + 1
            kind += f"_{n}" if n else ""
            group = f.create_group(f"{container}\\{kind}\\vars" if joined else f"{container}/{kind}/vars")
            for i, w in enumerate(WEIGHTS.get(layer["config"]["name"], [])):
                group[str(i)] = w
        for i in range(30):
            f[f"optimizer/vars/{i}"] = np.zeros(2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        z.writestr("config.json", json.dumps(config))
        z.writestr("model.weights.h5", buffer.getvalue())
    return path


@pytest.mark.parametrize(
    "container, joined",
    [("layers", False), ("_layer_checkpoint_dependencies", False), ("_layer_checkpoint_dependencies", True)],
)
@pytest.mark.parametrize("shape", [keras2, lambda: functional(keras2())], ids=["sequential", "functional"])
def test_archives_of_tensorflow(tmp_path, container, joined, shape):
    path = archive(tmp_path / "m.keras", shape(), container, joined)
    if shape is not keras2:  # its layers stand in reverse: weights are counted in the file's order, not in the chain's
        assert shape()["config"]["layers"][0]["name"] == "dense_1"
    convert.convert(path, tmp_path / "m.safetensors")
    m = modelfile.read(tmp_path / "m.safetensors")
    want = as_keras(2.0, (1, 2)).predict(PICTURES[..., None].astype(np.float32) / np.float32(255), verbose=0)
    np.testing.assert_allclose([simulator.run(*m, p).probabilities for p in PICTURES], want, atol=2e-6)


def rezip(path, change):
    with zipfile.ZipFile(path) as z:
        members = {n: z.read(n) for n in z.namelist()}
    members = change(members) or members
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in members.items():
            z.writestr(name, content)


def twice(path):
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "a") as z:
        z.writestr("config.json", "{}")


def lies(path):
    """A member that says it is small."""
    rezip(path, lambda m: m | {"config.json": b" " * (8 << 20)})
    raw = bytearray(path.read_bytes())
    raw[:] = raw.replace(struct.pack("<I", 8 << 20), struct.pack("<I", 100))
    path.write_bytes(raw)


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


HOSTILE = {
    "no configuration": (
        lambda p: rezip(p, lambda m: {k: v for k, v in m.items() if k != "config.json"}),
        "config.json 0 times",
    ),
    "no weights": (
        lambda p: rezip(p, lambda m: {k: v for k, v in m.items() if k != "model.weights.h5"}),
        "model.weights.h5 0 times",
    ),
    "weights of numpy": (
        lambda p: rezip(p, lambda m: {"config.json": m["config.json"], "model.weights.npz": b""}),
        "model.weights.npz",
    ),
    "a name twice": (twice, "config.json 2 times"),
    "a configuration that grows": (lambda p: rezip(p, lambda m: m | {"config.json": b" " * (8 << 20)}), "at most"),
    "a length that is a lie": (lies, ""),
    "another format of weights": (lambda p: rezip(p, lambda m: m | {"model.weights.h5": b"\0" * 1000}), "damaged"),
    "thousands of members": (lambda p: rezip(p, lambda m: m | {f"x{i}": b"" for i in range(5000)}), "members"),
    "not UTF-8": (lambda p: rezip(p, lambda m: m | {"config.json": b"\xff\xfe{"}), "damaged"),
    "nested too deep": (lambda p: rezip(p, lambda m: m | {"config.json": b"[" * 50000}), "JSON"),
    "a Lambda": (lambda p: archive(p, with_layer(3, {"class_name": "Lambda", "config": {"name": "evil"}})), "evil"),
    "cut off": (cut, "damaged"),
    "nothing in it": (lambda p: rezip(p, lambda m: {"x": b""}), "config.json 0 times"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_in_one_line(tmp_path, capsys, monkeypatch, name):
    change, word = HOSTILE[name]
    change(archive(tmp_path / "m.keras"))
    assert word in fails(tmp_path / "m.keras", capsys, monkeypatch)


def test_members_with_paths_are_not_unpacked(tmp_path):
    rezip(
        archive(tmp_path / "m.keras"), lambda m: m | {"../outside": b"x", "/tmp/outside_too": b"x", "assets/a": b"x"}
    )
    convert.convert(tmp_path / "m.keras", tmp_path / "m.safetensors")
    assert {p.name for p in tmp_path.iterdir()} == {"m.keras", "m.safetensors"} and not (
        tmp_path.parent / "outside"
    ).exists()


def test_weights_that_grow_beyond_the_limit(tmp_path, monkeypatch):
    path = archive(tmp_path / "m.keras")
    monkeypatch.setattr(hdf5, "MAX_FILE", 1000)
    with zipfile.ZipFile(path) as z, pytest.raises(hdf5.HDF5Error, match="at most 1000"):
        keras_archive._read(z)


def test_the_notebooks_layer_by_anybody(tmp_path):
    for package in (None, "snnlib", "Custom"):
        layer = snn(0)
        layer["class_name"] = f"{package}>SNNActivation" if package else "SNNActivation"
        model = keras2()
        model["config"]["layers"][2] = layer
        convert.convert(write(tmp_path / "m.h5", model), tmp_path / "m.safetensors")
