"""HDF5 models from elsewhere: the notebook's kind gives a working model file, anything else a one-line error."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from spikeray import hdf5, modelfile
from spikeray.article.spiking import SpikingActivation
from spikeray.keras_files import convert
from spikeray.modelfile import simulator

RNG = np.random.default_rng(11)
KERNELS = {
    "conv2d": ((3, 3, 1, 4), (4,)),
    "conv2d_1": ((2, 2, 4, 3), (3,)),
    "dense": ((48, 5), (5,)),
    "dense_1": ((5, 2), (2,)),
}
WEIGHTS = {name: [RNG.normal(0.05, 0.4, s).astype(np.float32) for s in shapes] for name, shapes in KERNELS.items()}


def snn(i, **changes):
    """As the notebook's layer describes itself."""
    name = "snn_activation" + (f"_{i}" if i else "")
    config = {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "length": 2,
        "return_sequences": True,
        "return_state": False,
        "stateful": False,
        "unroll": False,
        "time_major": False,
        "activation": "relu",
        "seed": None,
        "snntraining": True,
    }
    return {"class_name": "SNNActivation", "config": {**config, **changes}}


def keras2(**changes):
    """model_config of tf.keras 2.4: the notebook's network, smaller."""
    return {
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {
                        "batch_input_shape": [None, 12, 12, 1],
                        "dtype": "float32",
                        "sparse": False,
                        "ragged": False,
                        "name": "conv2d_input",
                    },
                },
                {
                    "class_name": "Conv2D",
                    "config": {
                        "name": "conv2d",
                        "batch_input_shape": [None, 12, 12, 1],
                        "dtype": "float32",
                        "filters": 4,
                        "kernel_size": [3, 3],
                        "strides": [1, 1],
                        "padding": "valid",
                        "data_format": "channels_last",
                        "dilation_rate": [1, 1],
                        "groups": 1,
                        "activation": "linear",
                        "use_bias": True,
                    },
                },
                snn(0, **changes),
                {
                    "class_name": "MaxPooling2D",
                    "config": {
                        "name": "max_pooling2d",
                        "pool_size": [2, 2],
                        "padding": "valid",
                        "strides": [2, 2],
                        "data_format": "channels_last",
                    },
                },
                {
                    "class_name": "Conv2D",
                    "config": {
                        "name": "conv2d_1",
                        "filters": 3,
                        "kernel_size": [2, 2],
                        "strides": [1, 1],
                        "padding": "valid",
                        "dilation_rate": [1, 1],
                        "activation": "linear",
                    },
                },
                snn(1, **changes),
                {"class_name": "Dropout", "config": {"name": "dropout", "rate": 0.25}},
                {"class_name": "Flatten", "config": {"name": "flatten", "data_format": "channels_last"}},
                {
                    "class_name": "Dense",
                    "config": {"name": "dense", "units": 5, "activation": "relu", "use_bias": True},
                },
                {
                    "class_name": "Dense",
                    "config": {"name": "dense_1", "units": 2, "activation": "softmax", "use_bias": True},
                },
            ],
        },
    }


def keras3(**changes):
    """The same as Keras 3 writes it into HDF5."""
    model = keras2(**changes)
    for layer in model["config"]["layers"]:
        c = layer["config"]
        layer |= {"module": "keras.layers", "registered_name": None}
        c["dtype"] = {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "float32"},
            "registered_name": None,
        }
        if shape := c.pop("batch_input_shape", None):
            c["batch_shape"] = shape
        if layer["class_name"] == "SNNActivation":
            layer |= {"module": "snnlib.layers", "registered_name": "snnlib>SNNActivation"}
    return model


def functional(model):
    """The same as a Functional model of Keras 2."""
    before, out = None, []
    for layer in model["config"]["layers"]:
        name = layer["config"]["name"]
        out.append({**layer, "name": name, "inbound_nodes": [[[before, 0, 0, {}]]] if before else []})
        before = name
    return {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": out[::-1],
            "input_layers": [[out[0]["name"], 0, 0]],
            "output_layers": [[before, 0, 0]],
        },
    }


def functional3(model):
    """The same as a Functional model of Keras 3."""
    model = functional(model)
    for layer in model["config"]["layers"]:
        layer["inbound_nodes"] = [
            {
                "args": [
                    {
                        "class_name": "__keras_tensor__",
                        "config": {"shape": [None, 1], "keras_history": [node[0][0], 0, 0]},
                    }
                ],
                "kwargs": {"mask": None},
            }
            for node in layer["inbound_nodes"]
        ]
    model["config"]["input_layers"] = ["conv2d_input", 0, 0]
    return model


def write(path, config, weights=WEIGHTS):
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = "2.4.0", "tensorflow"
        if config is not None:
            f.attrs["model_config"] = json.dumps(config).encode()
        group = f.create_group("model_weights")
        group.attrs["layer_names"] = [n.encode() for n in weights]
        for name, values in weights.items():
            g = group.require_group(name)
            g.attrs["weight_names"] = [f"{name}/{k}:0".encode() for k in ("kernel", "bias")[: len(values)]]
            for k, v in zip(("kernel", "bias"), values):
                g[f"{name}/{k}:0"] = v
    return path


def as_keras(dt, seeds):
    """The network that the file speaks of, built in Keras."""
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, name="conv2d"),
            SpikingActivation(dt, seed=seeds[0]),
            layers.MaxPool2D(),
            layers.Conv2D(3, 2, name="conv2d_1"),
            SpikingActivation(dt, seed=seeds[1]),
            layers.Flatten(),
            layers.Dense(5, "relu", name="dense"),
            layers.Dense(2, "softmax", name="dense_1"),
        ]
    )
    for name, values in WEIGHTS.items():
        model.get_layer(name).set_weights(values)
    return model


@pytest.mark.parametrize(
    "shape",
    [keras2, keras3, lambda **c: functional(keras2(**c)), lambda **c: functional3(keras3(**c))],
    ids=["keras 2", "keras 3", "functional 2", "functional 3"],
)
@pytest.mark.parametrize(
    "changes, options, dt, seeds",
    [
        ({}, {}, 2.0, (1, 2)),
        ({}, {"seed": 3}, 2.0, (3001, 3002)),
        ({"length": None}, {"dt": 0.5}, 0.5, (1, 2)),
        ({"length": 1.25, "seed": 9, "activation": {"class_name": "function", "config": "relu"}}, {}, 1.25, (9, 9)),
    ],
)
def test_the_notebooks_file_gives_a_working_model(tmp_path, shape, changes, options, dt, seeds):
    path = write(tmp_path / "imageClassificationModel.h5", shape(**changes))
    convert.convert(path, tmp_path / "m.safetensors", **options)
    description, tensors = modelfile.read(tmp_path / "m.safetensors")
    assert description.time.json() == {"axis": "rows"}
    pictures = RNG.integers(0, 256, (3, 12, 12), dtype=np.uint8)
    want = as_keras(dt, seeds).predict(pictures[..., None].astype(np.float32) / np.float32(255), verbose=0)
    got = [simulator.run(description, tensors, p).probabilities for p in pictures]
    np.testing.assert_allclose(got, want, atol=2e-6)


def test_a_file_that_keras_itself_saved(tmp_path):
    model = as_keras(2.0, (4, 5))
    model.save(tmp_path / "m.h5")
    convert.convert(tmp_path / "m.h5", tmp_path / "m.safetensors")
    description, tensors = modelfile.read(tmp_path / "m.safetensors")
    picture = RNG.integers(0, 256, (12, 12), dtype=np.uint8)
    want = model.predict(picture[None, ..., None].astype(np.float32) / np.float32(255), verbose=0)[0]
    np.testing.assert_allclose(simulator.run(description, tensors, picture).probabilities, want, atol=2e-6)


def changed(name, i, change):
    weights = {k: list(v) for k, v in WEIGHTS.items()}
    weights[name][i] = change(weights[name][i])
    return weights


def with_layer(at, layer):
    model = keras2()
    model["config"]["layers"].insert(at, layer)
    return model


def two_inputs():
    model = functional(keras2())
    model["config"]["layers"].append(
        {
            "class_name": "InputLayer",
            "name": "second",
            "inbound_nodes": [],
            "config": {"name": "second", "batch_input_shape": [None, 12, 12, 1]},
        }
    )
    return model


def forked():
    model = functional(keras2())
    model["config"]["layers"].append(
        {
            "class_name": "Flatten",
            "name": "side",
            "config": {"name": "side"},
            "inbound_nodes": [[["conv2d", 0, 0, {}]]],
        }
    )
    return model


LAMBDA = {
    "class_name": "Lambda",
    "config": {"name": "evil", "function": ["4wEAAAA=", None, None], "function_type": "lambda"},
}
BAD = {
    "no model_config": (lambda p: write(p, None), "model_config"),
    "config not JSON": (lambda p: edit(p, lambda f: f.attrs.modify("model_config", b"{")), "JSON"),
    "config nested too deep": (lambda p: edit(p, lambda f: f.attrs.modify("model_config", b"[" * 50000)), "JSON"),
    "config not a model": (lambda p: write(p, [1, 2]), "Sequential"),
    "NaN weights": (lambda p: write(p, keras2(), changed("dense", 0, lambda w: w * np.nan)), "finite"),
    "weights beyond float32": (
        lambda p: write(p, keras2(), changed("dense", 0, lambda w: w.astype("f8") * 1e300)),
        "finite",
    ),
    "wrong shape": (lambda p: write(p, keras2(), changed("conv2d_1", 0, lambda w: w[..., :2, :])), "conv2d_1"),
    "transposed kernel": (lambda p: write(p, keras2(), changed("dense", 0, lambda w: w.T.copy())), "dense"),
    "whole numbers": (lambda p: write(p, keras2(), changed("dense", 0, lambda w: w.astype("i4"))), "dense"),
    "weights missing": (lambda p: write(p, keras2(), {k: v for k, v in WEIGHTS.items() if k != "conv2d"}), "conv2d"),
    "bias missing": (lambda p: write(p, keras2(), {**WEIGHTS, "dense": WEIGHTS["dense"][:1]}), "dense"),
    "unknown layer": (lambda p: write(p, with_layer(3, {"class_name": "Conv3D", "config": {"name": "odd"}})), "odd"),
    "a Lambda": (lambda p: write(p, with_layer(3, LAMBDA)), "evil"),
    "two inputs": (lambda p: write(p, two_inputs()), "inputs"),
    "a fork": (lambda p: write(p, forked()), "chain"),
    "spiking tanh": (lambda p: write(p, keras2(activation="tanh")), "tanh"),
    "stateful spiking": (lambda p: write(p, keras2(stateful=True)), "return_sequences"),
    "a time step of 0": (lambda p: write(p, keras2(length=0)), "snn_activation"),
    "a time step of text": (lambda p: write(p, keras2(length="2")), "snn_activation"),
    "huge input": (lambda p: write(p, json.loads(json.dumps(keras2()).replace("12, 12", "99999, 12"))), "input"),
    "a link to another file": (lambda p: edit(p, lambda f: relink(f, h5py.ExternalLink("other.h5", "/x"))), "missing"),
    "a link in a circle": (lambda p: edit(p, lambda f: relink(f, h5py.SoftLink("/model_weights/dense"))), "missing"),
    "weights outside the file": (lambda p: edit(p, outside), "not in the file"),
}


def edit(path, change):
    write(path, keras2())
    with h5py.File(path, "r+") as f:
        change(f)
    return path


def relink(f, link):
    del f["model_weights/dense"]
    f["model_weights/dense"] = link


def outside(f):
    del f["model_weights/dense/dense/kernel:0"]
    f["model_weights/dense/dense"].create_dataset("kernel:0", (48, 5), "f4", external=[("/dev/zero", 0, 960)])


def fails(path, capsys, monkeypatch):
    out = path.with_name("out.safetensors")
    monkeypatch.setattr("sys.argv", ["convert", str(path), str(out)])
    with pytest.raises(SystemExit) as e:
        convert.main()
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.count("\n") == 1 and err.startswith(str(path)) and not out.exists()
    return err


@pytest.mark.parametrize("name", BAD)
def test_one_line_says_what_is_wrong(tmp_path, capsys, monkeypatch, name):
    make, word = BAD[name]
    assert word in fails(make(tmp_path / "m.h5"), capsys, monkeypatch)


@pytest.mark.parametrize(
    "content, word", [(b"", "neither an HDF5"), (b"\x89PNG\r\n", "neither an HDF5"), (b"PK\x03\x04", "damaged")]
)
def test_not_hdf5(tmp_path, capsys, monkeypatch, content, word):
    (tmp_path / "m.h5").write_bytes(content)
    assert word in fails(tmp_path / "m.h5", capsys, monkeypatch)


def test_no_file(tmp_path, capsys, monkeypatch):
    assert "No such file" in fails(tmp_path / "m.h5", capsys, monkeypatch)


def test_truncated(tmp_path, capsys, monkeypatch):
    whole = write(tmp_path / "whole.h5", keras2()).read_bytes()
    for part in (len(whole) // 4, len(whole) // 2, len(whole) - 1):
        (tmp_path / "m.h5").write_bytes(whole[:part])
        fails(tmp_path / "m.h5", capsys, monkeypatch)


def test_a_file_that_keeps_the_library_busy(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hdf5, "MAX_SECONDS", 0.01)
    assert "took more than" in fails(write(tmp_path / "m.h5", keras2()), capsys, monkeypatch)


def test_dt_against_what_the_file_says(tmp_path):
    with pytest.raises(convert.ConvertError, match="--dt"):
        convert.convert(write(tmp_path / "m.h5", keras2()), tmp_path / "o", dt=1.0)


def test_the_command_in_full(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "m.h5", keras2())
    monkeypatch.setattr(
        "sys.argv", ["convert", str(path), str(tmp_path / "o.safetensors"), "--name", "mine", "--seed", "2"]
    )
    convert.main()
    assert "seed 2" in capsys.readouterr().err
    description, _ = modelfile.read(tmp_path / "o.safetensors")
    assert description.name == "mine" and description.training["converted_from"]["keras_version"] == "2.4.0"
