"""Golden data of the model tests. From the repository's root:

    python pkg/model/testdata/golden.py small
    python pkg/model/testdata/golden.py shipped --runs training/runs
    python pkg/model/testdata/golden.py real --runs training/runs --data DATA --out DIR

`small` writes random networks beside this script. `shipped` does the shipped models on the examples, as they are and
mirrored, into shipped/. `real` does them on validation pictures, for SPIKERAY_GOLDEN=DIR: real pictures are not ours
to commit. windows.json has small pictures' greys, in base64, before and after a grey window. A model is
NAME.safetensors (of shipped/, models/NAME.safetensors) and its golden data NAME.golden.safetensors:

    pictures        U8  [n][height][width]  prepared, before any window
    probabilities   F32 [n][labels]
    counts.LAYER    U8  [m][...]            spikes of the first m <= n pictures: rows [H][W][C], steps [T][H][W][C]
    totals.LAYER    I64 [n]                 spikes of a picture (not of the small networks)
    gate            F32 [n][gate's labels]  of the networks with a gate

Keras gave the numbers, or spikeray.modelfile.simulator for what Keras lacks: neurons that are not spiking_relu, and
whole-number weights. The small float networks' weights, pixels and time steps are such that float32 sums are exact in
any order up to the last neurons, so their spike counts are a matter of no rounding, and any simulator gives exactly
these. Whole-number networks (NAME-int8) have exact sums whatever their weights, and docs/MODEL_FILE.md fixes the
roundings after the sum, so theirs hold exactly for real weights as well."""

import argparse
import base64
import json
import os
import pathlib
import shutil

# oneDNN sums in another order for another number of pictures in a batch, and where a potential is a hair off a
# threshold that is another spike. Without it, Keras's answer to a picture does not depend on the pictures beside it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import safetensors.numpy
from keras import layers

from spikeray import data, modelfile
from spikeray.article import export
from spikeray.article.spiking import MeanOverSteps, ShowForSteps, SpikingActivation
from spikeray.keras_files import translate
from spikeray.modelfile import Description, Gate, Neurons, Weighted, simulator, window
from spikeray.modelfile.quantise import quantise, quantise_layers

HERE = pathlib.Path(__file__).parent
SIZE = (13, 12)
COUNTED = 20  # real pictures whose counts are kept whole
WHOLE = 10  # real pictures for a network of whole numbers, whose golden data takes long to make


def save(path, pictures, probabilities, counts=None, totals=None, gate=None):
    tensors = {"pictures": pictures, "probabilities": np.asarray(probabilities, np.float32)}
    tensors |= {} if gate is None else {"gate": np.asarray(gate, np.float32)}
    tensors |= {f"counts.{k}": np.asarray(v, np.uint8) for k, v in (counts or {}).items()}
    tensors |= {f"totals.{k}": np.asarray(v, np.int64) for k, v in (totals or {}).items()}
    path.write_bytes(safetensors.numpy.save(tensors))
    print(f"{path.name}: {len(pictures)} pictures, {path.stat().st_size} bytes")


def keras_counts(model):
    """(a model that gives probabilities and every spiking activation's output, the activations)."""
    spiking = [x for x in model.layers if isinstance(x, SpikingActivation)]
    return keras.Model(model.inputs, [*model.outputs, *(x.output for x in spiking)]), spiking


# The small networks.


def dyadic(rng, shape, low=-20, high=32):
    return (rng.integers(low, high, shape) / 64).astype(np.float32)


def each(layer):
    return layers.TimeDistributed(layer)


def small_keras():
    def head():
        return [
            layers.Dense(6, activation="relu", name="dense1"),
            layers.Dense(3, activation="softmax", name="dense2"),
        ]

    yield (
        "cnn",
        [
            layers.Conv2D(5, 3, activation="relu", name="conv1"),
            layers.MaxPool2D(name="pool1"),
            layers.Conv2D(4, (2, 3), activation="relu", name="conv2"),
            layers.Flatten(),
            *head(),
        ],
    )
    yield (
        "cnn-same-average",
        [
            layers.Conv2D(5, (4, 3), strides=(2, 1), padding="same", name="conv1"),
            layers.ReLU(),
            layers.AveragePooling2D((3, 2), strides=(1, 2), name="pool1"),
            layers.Conv2D(4, 2, strides=(1, 2), padding="same", use_bias=False, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(),
            *head(),
        ],
    )
    yield (
        "rows",
        [
            layers.Conv2D(5, 3, name="conv1"),
            SpikingActivation(2.0, seed=11, name="spike1"),
            layers.MaxPool2D(name="pool1"),
            layers.Conv2D(4, 2, padding="same", name="conv2"),
            SpikingActivation(0.7, seed=12, name="spike2"),
            layers.MaxPool2D((2, 1), name="pool2"),
            layers.Flatten(),
            *head(),
        ],
    )
    yield (
        "steps",
        [
            layers.Conv2D(5, 3, strides=2, name="conv1"),
            ShowForSteps(4),
            SpikingActivation(2.0, "steps", seed=21, name="spike1"),
            each(layers.MaxPool2D(name="pool1")),
            each(layers.Conv2D(4, 2, name="conv2")),
            SpikingActivation(1.5, "steps", seed=22, name="spike2"),
            MeanOverSteps(),
            layers.Flatten(),
            *head(),
        ],
    )


def neurons(name, model, **fields):
    defaults = {} if model == "spiking_relu" else {"threshold": 1.25, "amplitude": 0.5}
    return (
        {"type": "neurons", "name": name, "model": model, "start": {"kind": "uniform", "seed": 31}} | defaults | fields
    )


def conv(name, channels, kernel=(3, 3), stride=(1, 1), padding="valid"):
    return {
        "type": "conv2d",
        "name": name,
        "kernel": list(kernel),
        "stride": list(stride),
        "padding": padding,
        "channels": channels,
        "weights": f"{name}.weights",
        "bias": f"{name}.bias",
    }


def dense(name, units):
    return {"type": "dense", "name": name, "units": units, "weights": f"{name}.weights", "bias": f"{name}.bias"}


def pool(name):
    return {"type": "max_pool2d", "name": name, "pool": [2, 2], "stride": [2, 2]}


def small_reference():
    """Neurons that Keras lacks: both models, both resets, both axes; constant starts, and dense neurons."""
    tail = [{"type": "flatten", "name": "flatten"}, dense("dense2", 3), {"type": "softmax", "name": "softmax"}]
    steps = {"axis": "steps", "steps": 5}
    for axis in ("rows", "steps"):
        time = steps if axis == "steps" else {"axis": "rows"}
        for reset, decay in (("subtract", 0.75), ("zero", 0.5)):
            yield (
                f"{axis}-integrate-{reset}",
                time,
                [
                    conv("conv1", 5),
                    neurons("spike1", "integrate_and_fire", reset=reset),
                    pool("pool1"),
                    conv("conv2", 4, (2, 3), (1, 2)),
                    neurons(
                        "spike2",
                        "integrate_and_fire",
                        reset=reset,
                        threshold=0.75,
                        start={"kind": "constant", "value": 0.25},
                    ),
                    *tail,
                ],
            )
            yield (
                f"{axis}-leaky-{reset}",
                time,
                [
                    conv("conv1", 5, padding="same", stride=(2, 1)),
                    neurons("spike1", "leaky_integrate_and_fire", reset=reset, decay=decay),
                    pool("pool1"),
                    conv("conv2", 4, (2, 2), padding="same"),
                    neurons(
                        "spike2",
                        "leaky_integrate_and_fire",
                        reset=reset,
                        decay=decay,
                        threshold=0.5,
                        amplitude=1,
                        start={"kind": "uniform", "seed": 32},
                    ),
                    *tail,
                ],
            )
    yield (
        "steps-dense",
        steps,
        [
            conv("conv1", 5, stride=(2, 2)),
            neurons("spike1", "integrate_and_fire", reset="subtract"),
            {"type": "flatten", "name": "flatten"},
            dense("dense1", 9),
            neurons("spike2", "leaky_integrate_and_fire", reset="subtract", decay=0.75, threshold=1),
            dense("dense2", 3),
            {"type": "softmax", "name": "softmax"},
        ],
    )
    yield (
        "steps-global-average",
        {"axis": "steps", "steps": 3},
        [
            conv("conv1", 5),
            {"type": "average_pool2d", "name": "average", "pool": [2, 2], "stride": [2, 2]},
            neurons("spike1", "spiking_relu", dt=4),
            {"type": "global_average_pool2d", "name": "average2"},
            dense("dense2", 3),
            {"type": "softmax", "name": "softmax"},
        ],
    )
    yield "rows-clipped", {"axis": "rows"}, [conv("conv1", 5), neurons("spike1", "spiking_relu", dt=512), *tail]


def small_int8():
    """Whole-number weights in front, body and read-out. The channels are not multiples of what a processor takes at
    once."""
    head = [
        {"type": "flatten", "name": "flatten"},
        dense("dense1", 21),
        {"type": "relu", "name": "relu1"},
        dense("dense2", 3),
        {"type": "softmax", "name": "softmax"},
    ]
    tail = [{"type": "flatten", "name": "flatten"}, dense("dense2", 3), {"type": "softmax", "name": "softmax"}]
    yield (
        "cnn-int8",
        None,
        [conv("conv1", 19), {"type": "relu", "name": "relu0"}, pool("pool1"), conv("conv2", 4), *head],
    )
    yield (
        "rows-int8",
        {"axis": "rows"},
        [
            conv("conv1", 19),
            neurons("spike1", "spiking_relu", dt=2),
            pool("pool1"),
            conv("conv2", 35, (2, 3)),
            neurons("spike2", "spiking_relu", dt=0.7),
            pool("pool2"),
            *head,
        ],
    )
    yield (
        "rows-same-int8",
        {"axis": "rows"},
        [
            conv("conv1", 5, (4, 3), (2, 1), "same"),
            neurons("spike1", "leaky_integrate_and_fire", reset="subtract", decay=0.7),
            conv("conv2", 18, (2, 2), (1, 2), "same"),
            neurons("spike2", "integrate_and_fire", reset="zero", threshold=0.3, amplitude=0.7),
            *head,
        ],
    )
    yield (
        "steps-int8",
        {"axis": "steps", "steps": 4},
        [
            conv("conv1", 17, stride=(2, 1)),
            neurons("spike1", "integrate_and_fire", reset="subtract", threshold=0.9),
            pool("pool1"),
            conv("conv2", 6, (2, 3), (1, 2)),
            neurons("spike2", "integrate_and_fire", reset="zero", threshold=0.3),
            *tail,
        ],
    )
    yield (
        "steps-same-int8",
        {"axis": "steps", "steps": 3},
        [
            conv("conv1", 5, (2, 4), (2, 2), "same"),
            neurons("spike1", "spiking_relu", dt=3),
            conv("conv2", 7, (3, 2), (1, 2), "same"),
            neurons("spike2", "integrate_and_fire", reset="subtract", amplitude=0.3),
            {"type": "flatten", "name": "flatten1"},
            dense("dense1", 33),
            neurons("spike3", "leaky_integrate_and_fire", reset="subtract", decay=0.9, threshold=0.2),
            *tail[1:],
        ],
    )


def small_gated():
    """Two labels, calibrated, behind a gate: one of whole numbers for a resized picture, and one without neurons."""

    def head(part, units):
        return [
            {"type": "flatten", "name": "flatten"},
            dense(f"{part}dense2", units),
            {"type": "softmax", "name": "softmax"},
        ]

    share = {"value": 0.9, "low": 0.85, "high": 0.95}
    points = [
        {"name": "balanced", "threshold": 0.5, "sensitivity": share, "specificity": share},
        {"name": "screening", "threshold": 0.2, "sensitivity": share, "specificity": share},
    ]
    gate = {"scale": 255, "labels": ["chest", "other", "rotated"], "accept": "chest", "threshold": 0.4}
    yield (
        "steps-gated-int8",
        {"axis": "steps", "steps": 3},
        [
            conv("conv1", 6),
            neurons("spike1", "integrate_and_fire", reset="subtract", threshold=0.9),
            pool("pool1"),
            *head("", 2),
        ],
        {
            "operating_points": points,
            "calibration": {"method": "logistic", "slope": 1.31, "intercept": -0.42, "prevalence": 0.742},
            "gate": {
                **gate,
                "width": 8,
                "height": 9,
                "time": {"axis": "steps", "steps": 1},
                "layers": [
                    conv("gate1", 9, stride=(2, 2), padding="same"),
                    neurons("gate1_spike", "integrate_and_fire", reset="subtract", threshold=0.4),
                    *head("gate_", 3),
                ],
            },
        },
    )
    yield (
        "cnn-gated-int8",
        None,
        [conv("conv1", 7, padding="same"), {"type": "relu", "name": "relu1"}, pool("pool1"), *head("", 2)],
        {
            "threshold": 0.5,
            "calibration": {"method": "logistic", "slope": 0.21, "intercept": 1.5, "prevalence": 0.5},
            "gate": {
                **gate,
                "width": SIZE[1],
                "height": SIZE[0],
                "layers": [conv("gate1", 5), {"type": "relu", "name": "relu1"}, pool("pool1"), *head("gate_", 3)],
            },
        },
    )


def small_graded():
    """Graded spikes behind a grey window: as spikeray has them, along rows, and in floating point with a leak."""

    def fires(name, most, **fields):
        model = "leaky_integrate_and_fire" if "decay" in fields else "integrate_and_fire"
        return neurons(
            name,
            model,
            **{
                "reset": "subtract",
                "threshold": 1,
                "amplitude": 1,
                "most": most,
                "start": {"kind": "constant", "value": 0.5},
            }
            | fields,
        )

    softmax = {"type": "softmax", "name": "softmax"}
    yield (
        "steps-graded-int8",
        {"axis": "steps", "steps": 2},
        [
            conv("conv1", 19, (5, 5), (2, 2), "same"),
            fires("spike1", 15),
            conv("conv2", 23, padding="same"),
            fires("spike2", 15),
            conv("conv3", 35, stride=(2, 2), padding="same"),
            fires("spike3", 15),
            {"type": "global_average_pool2d", "name": "average"},
            dense("dense2", 3),
            softmax,
        ],
        {"low": 1311, "high": 64225, "least": 16},
    )
    yield (
        "rows-graded-int8",
        {"axis": "rows"},
        [
            conv("conv1", 18),
            fires("spike1", 3, decay=0.7),
            pool("pool1"),
            conv("conv2", 33, (2, 3)),
            fires("spike2", 255, amplitude=0.3),
            {"type": "flatten", "name": "flatten"},
            dense("dense1", 21),
            {"type": "relu", "name": "relu1"},
            dense("dense2", 3),
            softmax,
        ],
        {"low": 16384, "high": 49152, "least": 40},
    )
    yield (
        "steps-graded",
        {"axis": "steps", "steps": 3},
        [
            conv("conv1", 5),
            fires("spike1", 7, decay=0.75, amplitude=0.5),
            pool("pool1"),
            conv("conv2", 4, (2, 2)),
            fires("spike2", 4, start={"kind": "uniform", "seed": 33}),
            {"type": "flatten", "name": "flatten"},
            dense("dense2", 3),
            softmax,
        ],
        None,
    )


def describe(name, time, chain, **preparation) -> Description:
    return Description.from_json(as_json(name, time, chain, **preparation))


def as_json(name, time, chain, **preparation):
    return {
        "format": 1,
        "name": name,
        "version": "1.0.0",
        "summary": "A small random network for tests",
        "labels": ["A", "B", "C"],
        "positive": "B",
        "preparation": {
            "width": SIZE[1],
            "height": SIZE[0],
            "resize": "bilinear_antialiased",
            "scale": 256,
            **preparation,
        },
        **({"time": time} if time else {}),
        "layers": chain,
        "threshold": 0.5,
        "training": {},
    }


def lively(counts):
    return all(0.05 < (c > 0).mean() < 0.95 for c in counts.values())


def small(out):
    out.mkdir(parents=True, exist_ok=True)
    pictures = np.random.default_rng(1).integers(0, 256, (6, *SIZE), dtype=np.uint8)
    for name, chain in small_keras():
        model = keras.Sequential([keras.Input((*SIZE, 1)), *chain])
        rng = np.random.default_rng(2)
        for w in model.weights:
            if "seed" not in w.path:
                w.assign(dyadic(rng, w.shape, -24, 30))
        network = translate.translate(export.records_of(model)[0])
        plain = describe(name, network.time and network.time.json(), [layer.json() for layer in network.layers])
        modelfile.write(out / f"{name}.safetensors", plain, network.tensors)
        watch, spiking = keras_counts(model)
        outputs = watch.predict(pictures[..., None] / np.float32(256), verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        counts = {x.name: np.rint(y * x.dt) for x, y in zip(spiking, outputs[1:])}
        model_file = modelfile.read(out / f"{name}.safetensors")
        for i, picture in enumerate(pictures):  # the two definitions agree, or neither is golden
            second = simulator.run(*model_file, picture)
            assert np.abs(second.probabilities - outputs[0][i]).max() < 1e-6, name
            assert all((second.counts[k] == c[i]).all() for k, c in counts.items()), name
        assert lively(counts) and np.ptp(outputs[0], axis=0).min() > 1e-3, name
        save(out / f"{name}.golden.safetensors", pictures, outputs[0], counts)
    for name, time, chain in small_reference():
        description = describe(name, time, chain)
        for seed in range(1000):  # the first whose every layer spikes, and not everywhere
            tensors = fill(description.layers, np.random.default_rng(seed))
            modelfile.write(out / f"{name}.safetensors", description, tensors)
            answers = [simulator.run(*modelfile.read(out / f"{name}.safetensors"), p) for p in pictures]
            counts = {k: np.array([a.counts[k] for a in answers]) for k in answers[0].counts}
            if lively(counts) and (name != "rows-clipped" or any(a.clipped["spike1"] for a in answers)):
                break
        else:
            raise SystemExit(f"{name} never spikes as it should")
        save(out / f"{name}.golden.safetensors", pictures, [a.probabilities for a in answers], counts)
    for name, time, chain in small_int8():
        description = describe(name, time, chain, scale=255)
        for seed in range(1000):
            tensors = fill(description.layers, np.random.default_rng(seed), normal)
            modelfile.write(out / f"{name}.safetensors", *quantise(description, tensors))
            answers = [simulator.run(*modelfile.read(out / f"{name}.safetensors"), p) for p in pictures]
            counts = {k: np.array([a.counts[k] for a in answers]) for k in answers[0].counts}
            probabilities = np.array([a.probabilities for a in answers])
            if lively(counts) and np.ptp(probabilities, axis=0).min() > 1e-2:
                break
        else:
            raise SystemExit(f"{name} never spikes as it should")
        save(out / f"{name}.golden.safetensors", pictures, probabilities, counts)
    graded = pictures.copy()  # two of them dim, one all the same
    graded[1], graded[2], graded[3] = graded[1] // 5 + 90, graded[2] // 40 + 20, 77
    for name, time, chain, seen in small_graded():
        description = describe(
            name, time, chain, scale=255 if "int8" in name else 256, **({"window": seen} if seen else {})
        )
        for seed in range(1000):
            tensors = fill(description.layers, np.random.default_rng(seed), normal if "int8" in name else dyadic)
            tensors["conv1.weights"] *= 8  # for more than a spike or two
            made = quantise(description, tensors) if "int8" in name else (description, tensors)
            modelfile.write(out / f"{name}.safetensors", *made)
            answers = [simulator.run(*modelfile.read(out / f"{name}.safetensors"), p) for p in graded]
            counts = {k: np.array([a.counts[k] for a in answers]) for k in answers[0].counts}
            most = {x["name"]: min(x["most"], 15) for x in chain if x["type"] == "neurons"}
            probabilities = np.array([a.probabilities for a in answers])
            if (
                lively(counts)
                and np.ptp(probabilities, axis=0).min() > 1e-2
                and all((c == 2).any() and (c >= most[k]).any() for k, c in counts.items())
            ):
                break
        else:
            raise SystemExit(f"{name} never spikes as it should")
        save(out / f"{name}.golden.safetensors", graded, probabilities, counts)
    windows(out)
    for name, time, chain, more in small_gated():
        plain = {**as_json(name, time, chain, scale=255), "labels": ["A", "B"]}
        del plain["threshold"]
        plain |= {k: v for k, v in more.items() if k != "gate"}
        description, gate = Description.from_json(plain), Gate.from_json("gate", more["gate"])
        shape = (gate.height, gate.width, 1)
        for seed in range(1000):
            rng = np.random.default_rng(seed)
            own, tensors = quantise(description, fill(description.layers, rng, normal))
            filled = fill(gate.layers, rng, normal, shape)
            layers_, gate_tensors = quantise_layers(gate.layers, filled, gate.time and gate.time.axis, gate.scale)
            modelfile.write(
                out / f"{name}.safetensors", own.changed(gate=gate.changed(layers=layers_)), tensors | gate_tensors
            )
            answers = [simulator.run(*modelfile.read(out / f"{name}.safetensors"), p) for p in pictures]
            counts = {k: np.array([a.counts[k] for a in answers]) for k in answers[0].counts}
            probabilities, gates = np.array([a.probabilities for a in answers]), np.array([a.gate for a in answers])
            accepted = gates[:, 0] >= gate.threshold
            if (
                lively(counts)
                and np.ptp(probabilities, axis=0).min() > 0.1
                and np.ptp(gates, axis=0).min() > 0.1
                and 0 < accepted.sum() < 6
            ):
                break
        else:
            raise SystemExit(f"{name} never answers as it should")
        save(out / f"{name}.golden.safetensors", pictures, probabilities, counts, gate=gates)


def windows(out):
    """Pictures through grey windows: of random greys in narrow and wide ranges, few of them, one, and both ends
    alone."""
    rng, cases = np.random.default_rng(5), []
    for i in range(40):
        low = int(rng.integers(0, 256))
        pictures = [
            rng.integers(low, rng.integers(low, 256) + 1, int(rng.integers(1, 400)), dtype=np.uint8),
            np.full(3, low, np.uint8),
            np.array([0] * (i % 7 + 1) + [255], np.uint8),
            np.clip(rng.normal(low, 20, 300), 0, 255).astype(np.uint8),
        ]
        shares = sorted(int(x) for x in rng.choice(65537, 2, replace=False))
        settings = dict(
            zip(("low", "high"), [(0, 65536), (1311, 64225), (65535, 65536), (0, 1)][i] if i < 4 else shares),
            least=int(rng.integers(1, 256)),
        )
        picture = pictures[i % 4]
        cases.append(
            {
                **settings,
                "picture": base64.b64encode(picture).decode(),
                "windowed": base64.b64encode(window.apply(picture[None], **settings)).decode(),
            }
        )
    (out / "windows.json").write_text(json.dumps(cases, indent=0) + "\n")
    print(f"windows.json: {len(cases)} pictures")


def normal(rng, shape, *_):
    return rng.normal(0, 0.3, shape).astype(np.float32)


def fill(chain, rng, draw=dyadic, shape=(*SIZE, 1)):
    """Weights for a chain of layers: the shapes are those that the checker asks for, one at a time."""
    tensors = {}
    for layer in chain:
        if isinstance(layer, Weighted):
            units, kernel = (layer.channels, layer.kernel) if layer.type == "conv2d" else (layer.units, ())
            tensors[layer.weights] = draw(rng, (*kernel, shape[-1], units), -30, 30)
            tensors[layer.bias] = draw(rng, (units,))
        if isinstance(layer, Neurons):
            continue
        # simulator.apply on zeros is the shortest way to the next shape
        shape = simulator.apply(layer, tensors, np.zeros(shape, np.float32)).shape
    return tensors


# The shipped models.


def checkpoint(model, runs):
    """The Keras model that a shipped one came from, once its weights are seen to be the same."""
    description, tensors = modelfile.read(model)
    training = description.training
    loaded = export.keras_model(pathlib.Path(runs) / f"{training['recipe']}-{training['seed']}" / "best.keras")
    ours = translate.translate(export.records_of(loaded)[0])
    if tuple(ours.layers) != description.layers or any((ours.tensors[k] != tensors[k]).any() for k in tensors):
        raise SystemExit(f"{model} was not exported from {training['recipe']}-{training['seed']}")
    return loaded


def answer(model, pictures, counted, path):
    watch, spiking = keras_counts(model)
    probabilities, counts, totals = [], {x.name: [] for x in spiking}, {x.name: [] for x in spiking}
    for i in range(0, len(pictures), 10):
        outputs = watch.predict(pictures[i : i + 10, ..., None] / np.float32(255), verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        probabilities += list(outputs[0])
        for x, y in zip(spiking, outputs[1:]):
            n = np.rint(y * np.float32(x.dt))
            totals[x.name] += [int(v) for v in n.reshape(len(n), -1).sum(1, dtype=np.float64)]
            counts[x.name] += list(n.astype(np.uint8)[: max(0, counted - i)])
    save(path, pictures, probabilities, counts if counted else None, totals)


def answer_whole(model, pictures, counted, path):
    """Golden data of a model of whole-number weights."""
    network = modelfile.read(model)
    probabilities, gates, counts, totals = [], [], {}, {}
    for i, picture in enumerate(pictures):
        a = simulator.run(*network, picture)
        probabilities.append(a.probabilities)
        gates.append(a.gate)
        for name, n in a.counts.items():
            totals.setdefault(name, []).append(n.sum(dtype=np.int64))
            if i < counted:
                counts.setdefault(name, []).append(n)
    save(path, pictures, probabilities, counts, totals, None if gates[0] is None else gates)


def is_whole(model):
    return any(isinstance(x, Weighted) and x.scale is not None for x in modelfile.read(model)[0].layers)


def bytes_of(picture_files, size):
    return np.array([np.rint(data.prepare(p, size)[..., 0] * 255) for p in picture_files], np.uint8)


def shipped(models, runs, examples, out):
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(p for p in examples.iterdir() if p.suffix in (".png", ".jpeg"))
    for model in sorted(models.glob("*.safetensors")):
        pictures = bytes_of(files, modelfile.read(model)[0].preparation.width)
        pictures = np.concatenate([pictures, pictures[:, :, ::-1], pictures[:, ::-1]])  # and mirrored both ways
        pictures, path = np.ascontiguousarray(pictures), out / f"{model.stem}.golden.safetensors"
        if is_whole(model):
            answer_whole(model, pictures, 0, path)
        else:
            answer(checkpoint(model, runs), pictures, 0, path)


def real(models, runs, root, out, n):
    out.mkdir(parents=True, exist_ok=True)
    validation = data.split(root)[1]
    chosen = [validation[i * len(validation) // n].path for i in range(n)]
    for model in sorted(models.glob("*.safetensors")):
        size = modelfile.read(model)[0].preparation.width
        shutil.copyfile(model, out / model.name)
        path = out / f"{model.stem}.golden.safetensors"
        if is_whole(model):
            few = chosen[:: max(1, n // WHOLE)][:WHOLE]
            answer_whole(model, bytes_of(few, size), WHOLE, path)
        else:
            answer(checkpoint(model, runs), bytes_of(chosen, size), COUNTED, path)


def main():
    ap = argparse.ArgumentParser(description="Write golden data for the model tests.")
    ap.add_argument("what", choices=("small", "shipped", "real"))
    ap.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("training/runs"))
    ap.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    ap.add_argument("--examples", type=pathlib.Path, default=pathlib.Path("examples"))
    ap.add_argument("--data", help="folder with train/{NORMAL,PNEUMONIA}, for `real`")
    ap.add_argument("--out", type=pathlib.Path, help="folder to write into (`real` wants one)")
    ap.add_argument("-n", type=int, default=200, help="real pictures, evenly spaced over the validation fold")
    a = ap.parse_args()
    if a.what == "small":
        small(a.out or HERE)
    elif a.what == "shipped":
        shipped(a.models, a.runs, a.examples, a.out or HERE / "shipped")
    elif not a.data or not a.out:
        ap.error("real wants --data and --out")
    else:
        real(a.models, a.runs, a.data, a.out, a.n)


if __name__ == "__main__":
    main()
