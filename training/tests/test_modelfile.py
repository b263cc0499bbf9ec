"""The model file is checked throughout when it is read, and every complaint names the field."""

import copy
import functools
import hashlib
import json

import numpy as np
import pytest
import safetensors.numpy

from spikeray import modelfile
from spikeray.modelfile import Description, ModelFileError, quantise, reseal, simulator, window
from spikeray.modelfile.limits import MAX_FILE

DESCRIPTION = {
    "format": 1,
    "name": "small",
    "version": "1.0.0",
    "summary": "",
    "labels": ["A", "B"],
    "positive": "B",
    "preparation": {"width": 8, "height": 9, "resize": "bilinear_antialiased", "scale": 255},
    "time": {"axis": "rows"},
    "layers": [
        {
            "type": "conv2d",
            "name": "conv",
            "kernel": [3, 3],
            "stride": [1, 1],
            "padding": "valid",
            "channels": 2,
            "weights": "conv.weights",
            "bias": "conv.bias",
        },
        {
            "type": "neurons",
            "name": "spike",
            "model": "spiking_relu",
            "dt": 2,
            "start": {"kind": "uniform", "seed": 1},
        },
        {"type": "max_pool2d", "name": "pool", "pool": [2, 2], "stride": [2, 2]},
        {
            "type": "conv2d",
            "name": "conv2",
            "kernel": [2, 2],
            "stride": [1, 1],
            "padding": "same",
            "channels": 2,
            "weights": "conv2.weights",
        },
        {
            "type": "neurons",
            "name": "spike2",
            "model": "leaky_integrate_and_fire",
            "decay": 0.5,
            "threshold": 1,
            "reset": "zero",
            "amplitude": 1,
            "start": {"kind": "constant", "value": 0},
        },
        {"type": "flatten", "name": "flatten"},
        {"type": "dense", "name": "dense", "units": 2, "weights": "dense.weights", "bias": "dense.bias"},
        {"type": "softmax", "name": "softmax"},
    ],
    "threshold": 0.5,
    "training": {},
}
RNG = np.random.default_rng(0)
TENSORS = {
    name: RNG.normal(0, 1, shape).astype(np.float32)
    for name, shape in {
        "conv.weights": (3, 3, 1, 2),
        "conv.bias": (2,),
        "conv2.weights": (2, 2, 2, 2),
        "dense.weights": (18, 2),
        "dense.bias": (2,),
    }.items()
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return modelfile.write(tmp_path_factory.mktemp("m") / "m.safetensors", said(DESCRIPTION), TENSORS)


def said(description: dict) -> Description:
    return Description.from_json(description)


def checked(description: dict, tensors) -> modelfile.Geometry:
    return modelfile.check(said(description), tensors)


def test_round_trip(file, tmp_path):
    description, tensors = modelfile.decode(file)
    assert description.changed(file_sha256=None).json() == DESCRIPTION
    assert all((tensors[k] == v).all() for k, v in TENSORS.items())
    assert modelfile.write(tmp_path / "again", description, tensors) == file
    assert modelfile.read(tmp_path / "again")[0] == description
    geometry = modelfile.check(description, tensors)
    assert geometry.shapes[0] == (7, 6, 2) and geometry.shapes[2] == (3, 3, 2) and geometry.shapes[-1] == (2,)


SHARE = {"value": 0.9, "low": 0.8, "high": 0.95}
GATED = {k: v for k, v in DESCRIPTION.items() if k != "threshold"} | {
    "calibration": {"method": "logistic", "slope": 1.31, "intercept": -0.42, "prevalence": 0.742},
    "operating_points": [
        {"name": n, "threshold": t, "sensitivity": dict(SHARE), "specificity": dict(SHARE)}
        for n, t in (("balanced", 0.5), ("screening", 0.2))
    ],
    "gate": {
        "width": 4,
        "height": 5,
        "scale": 255,
        "labels": ["chest", "other", "rotated"],
        "accept": "chest",
        "threshold": 0.5,
        "time": {"axis": "steps", "steps": 1},
        "layers": [
            {
                "type": "conv2d",
                "name": "conv",
                "kernel": [3, 3],
                "stride": [2, 2],
                "padding": "same",
                "channels": 2,
                "weights": "gate.conv",
            },
            {
                "type": "neurons",
                "name": "spike",
                "model": "integrate_and_fire",
                "threshold": 1,
                "reset": "zero",
                "amplitude": 1,
                "start": {"kind": "constant", "value": 0},
            },
            {"type": "flatten", "name": "flatten"},
            {"type": "dense", "name": "dense", "units": 3, "weights": "gate.dense"},
            {"type": "softmax", "name": "softmax"},
        ],
    },
}
GATED_TENSORS = TENSORS | {
    "gate.conv": np.ones((3, 3, 1, 2), np.float32),
    "gate.dense": RNG.normal(0, 1, (12, 3)).astype(np.float32),
}


def put(path, value):
    def change(d):
        *keys, last = path
        for k in keys:
            d = d[k]
        if value is KeyError:
            del d[last]
        else:
            d[last] = value

    return change


WRONG = [
    (put(["format"], 2), "format"),
    (put(["name"], "Small"), "name"),
    (put(["version"], "1"), "version"),
    (put(["population"], "a\nb"), "population"),
    (put(["ages"], [5, 1]), "ages"),
    (put(["ages"], [1]), "ages"),
    (put(["labels"], ["A", "A"]), "labels"),
    (put(["labels"], ["A", "B", "C"]), "labels"),
    (put(["positive"], "C"), "positive"),
    (put(["preparation", "width"], 4000), "preparation.width"),
    (put(["preparation", "width"], 8.0), "preparation.width"),
    (put(["preparation", "resize"], "nearest"), "preparation.resize"),
    (put(["preparation", "scale"], 0), "preparation.scale"),
    (put(["threshold"], 1.5), "threshold"),
    (put(["threshold"], KeyError), "threshold"),
    (put(["extra"], 1), "description.extra"),
    (put(["layers", 0, "extra"], 1), "layers[0].extra"),
    (put(["training"], None), "training"),
    (put(["format"], 1.0), "format"),
    (put(["summary"], "a\nb"), "summary"),
    (put(["preparation", "scale"], 1e-30), "preparation.scale"),
    (put(["layers", 1, "dt"], 1e-60), "layers[1].dt"),
    (put(["layers", 1, "dt"], 1e38), "layers[1].start"),
    (put(["layers", 4, "decay"], 1 - 1e-12), "layers[4].decay"),
    (put(["layers", 4, "amplitude"], 1e30), "layers[4].amplitude"),
    (put(["training"], []), "training"),
    (put(["time"], KeyError), "time"),
    (put(["time"], {"axis": "columns"}), "time"),
    (put(["time"], {"axis": "rows", "steps": 3}), "time.steps"),
    (put(["time"], {"axis": "steps", "steps": 65}), "time.steps"),
    (put(["time"], {"axis": "steps"}), "time.steps"),
    (put(["layers"], []), "layers"),
    (put(["layers", 0, "type"], "conv3d"), "layers[0].type"),
    (put(["layers", 0, "type"], []), "layers[0].type"),
    (put(["layers", 1, "name"], "conv"), "layers[1].name"),
    (put(["layers", 0, "kernel"], [3, 32]), "layers[0].kernel"),
    (put(["layers", 0, "kernel"], [3, 2]), "tensors.conv.weights"),
    (put(["layers", 0, "stride"], [0, 1]), "layers[0].stride"),
    (put(["layers", 0, "padding"], "full"), "layers[0].padding"),
    (put(["layers", 0, "channels"], 1 << 40), "layers[0].channels"),
    (put(["layers", 0, "weights"], "conv2.weights"), "tensors.conv2.weights"),
    (put(["layers", 0, "bias"], "none"), "layers[0].bias"),
    (put(["layers", 3, "weights"], "conv.weights"), "layers[3].weights"),
    (put(["layers", 0, "bias"], KeyError), "tensors"),
    (put(["layers", 1, "model"], "izhikevich"), "layers[1].model"),
    (put(["layers", 1, "dt"], 0), "layers[1].dt"),
    (put(["layers", 1, "decay"], 0.5), "layers[1].decay"),
    (put(["layers", 4, "decay"], 1), "layers[4].decay"),
    (put(["layers", 4, "reset"], "none"), "layers[4].reset"),
    (put(["layers", 4, "threshold"], -1), "layers[4].threshold"),
    (put(["layers", 1, "most"], 2), "layers[1].most"),
    (put(["layers", 4, "most"], 2), "layers[4].most"),
    (put(["layers", 4, "most"], 0), "layers[4].most"),
    (put(["layers", 4, "most"], 256), "layers[4].most"),
    (put(["layers", 4, "most"], 1.0), "layers[4].most"),
    (put(["layers", 4, "most"], None), "layers[4].most"),
    (put(["preparation", "window"], None), "preparation.window"),
    (put(["preparation", "window"], {}), "preparation.window.high"),
    (put(["preparation", "window"], {"low": 1, "high": 1, "least": 16}), "preparation.window.low"),
    (put(["preparation", "window"], {"low": -1, "high": 1, "least": 16}), "preparation.window.low"),
    (put(["preparation", "window"], {"low": 0, "high": 65537, "least": 16}), "preparation.window.high"),
    (put(["preparation", "window"], {"low": 0, "high": 65536, "least": 0}), "preparation.window.least"),
    (put(["preparation", "window"], {"low": 0, "high": 65536, "least": 256}), "preparation.window.least"),
    (put(["preparation", "window"], {"low": 0, "high": 65536, "least": 16, "more": 1}), "preparation.window.more"),
    (put(["layers", 1, "start"], {"kind": "uniform", "seed": -1}), "layers[1].start.seed"),
    (put(["layers", 1, "start"], {"kind": "normal"}), "layers[1].start"),
    (put(["layers", 1, "start"], KeyError), "layers[1].start"),
    (put(["layers", 2, "pool"], [9, 9]), "layers[2]"),
    (put(["layers", 2], {"type": "relu", "name": "r"}), "layers[2]"),
    (put(["layers", 2, "type"], "average_pool2d"), "layers[2]"),
    (put(["layers", 5], {"type": "relu", "name": "r"}), "layers[6]"),
    (put(["layers", 7], {"type": "relu", "name": "r"}), "layers[7].type"),
    (put(["layers", 6], {"type": "softmax", "name": "s"}), "layers[6].type"),
]


@pytest.mark.parametrize("i", range(len(WRONG)))
def test_descriptions_that_do_not_hold(i):
    change, field = WRONG[i]
    description = copy.deepcopy(DESCRIPTION)
    change(description)
    with pytest.raises(ModelFileError) as e:
        checked(description, TENSORS)
    assert e.value.field == field


@pytest.mark.parametrize(
    "training, held",
    [
        (None, True),
        ({"x": "y" * ((64 << 10) - 8)}, True),
        ({"x": "y" * ((64 << 10) - 7)}, False),
        ({"x": "é" * (32 << 10)}, False),
        ({"a": [{"b": []}] * 20}, True),
        (functools.reduce(lambda inside, _: {"a": inside}, range(63), {}), True),
        (functools.reduce(lambda inside, _: {"a": inside}, range(64), {}), False),
    ],
)
def test_provenance_is_as_long_and_as_deep_as_it_stands_in_the_file(training, held):
    description = said(DESCRIPTION).changed(training=training)
    if held:
        assert modelfile.decode(modelfile.encode(description, TENSORS))[0].training == training
        return
    with pytest.raises(ModelFileError) as e:
        modelfile.encode(description, TENSORS)
    assert e.value.field == "training"


WRONG_GATED = [
    (put(["calibration", "method"], "isotonic"), "calibration.method"),
    (put(["calibration", "slope"], 0), "calibration.slope"),
    (put(["calibration", "slope"], 1e39), "calibration.slope"),
    (put(["calibration", "intercept"], None), "calibration.intercept"),
    (put(["calibration", "intercept"], KeyError), "calibration.intercept"),
    (put(["calibration", "prevalence"], 0), "calibration.prevalence"),
    (put(["calibration", "prevalence"], 1), "calibration.prevalence"),
    (put(["calibration", "more"], 1), "calibration.more"),
    (put(["calibration"], None), "calibration"),
    (put(["threshold"], 0.5), "threshold"),
    (put(["operating_points"], KeyError), "threshold"),
    (put(["operating_points"], []), "operating_points"),
    (put(["operating_points"], None), "operating_points"),
    (put(["operating_points"], [GATED["operating_points"][0]] * 9), "operating_points"),
    (put(["operating_points", 0, "name"], "Balanced"), "operating_points.name"),
    (put(["operating_points", 1, "name"], "balanced"), "operating_points.name"),
    (put(["operating_points", 0, "threshold"], 1.01), "operating_points.threshold"),
    (put(["operating_points", 1, "specificity"], KeyError), "operating_points.specificity"),
    (put(["operating_points", 1, "specificity", "low"], KeyError), "operating_points.specificity.low"),
    (
        put(["operating_points", 1, "specificity"], {"value": 0.9, "low": 0.91, "high": 0.95}),
        "operating_points.specificity",
    ),
    (
        put(["operating_points", 1, "sensitivity"], {"value": 0.9, "low": 0.8, "high": 1.5}),
        "operating_points.sensitivity",
    ),
    (put(["gate"], None), "gate"),
    (put(["gate", "width"], 0), "gate.width"),
    (put(["gate", "height"], 2000), "gate.width"),
    (put(["gate", "scale"], 0), "gate.scale"),
    (put(["gate", "labels"], ["chest"]), "gate.labels"),
    (put(["gate", "labels"], ["chest", "other"]), "gate.labels"),
    (put(["gate", "labels"], ["chest"] + [str(i) for i in range(16)]), "gate.labels"),
    (put(["gate", "accept"], "x-ray"), "gate.accept"),
    (put(["gate", "threshold"], -1), "gate.threshold"),
    (put(["gate", "threshold"], KeyError), "gate.threshold"),
    (put(["gate", "time"], KeyError), "gate.time"),
    (put(["gate", "time", "steps"], 65), "gate.time.steps"),
    (put(["gate", "layers"], []), "gate.layers"),
    (put(["gate", "preparation"], {}), "gate.preparation"),
    (put(["gate", "layers", 0, "padding"], "full"), "gate.layers[0].padding"),
    (put(["gate", "layers", 3, "weights"], "dense.weights"), "gate.layers[3].weights"),
    (put(["gate", "layers", 3, "weights"], "none"), "gate.layers[3].weights"),
    (put(["gate"], KeyError), "tensors"),
]


@pytest.mark.parametrize("i", range(len(WRONG_GATED)))
def test_calibrations_points_and_gates_that_do_not_hold(i):
    change, field = WRONG_GATED[i]
    description = copy.deepcopy(GATED)
    change(description)
    with pytest.raises(ModelFileError) as e:
        checked(description, GATED_TENSORS)
    assert e.value.field == field


def early(steps, *names):
    return {
        "steps": steps,
        "calibration": {"method": "logistic", "slope": 0.5, "intercept": 0.1, "prevalence": 0.5},
        "operating_points": [
            {"name": n, "threshold": 0.5, "sensitivity": dict(SHARE), "specificity": dict(SHARE)} for n in names
        ],
    }


BOTH = ("balanced", "screening")
EARLY = GATED | {"time": {"axis": "steps", "steps": 4}, "early": [early(1, *BOTH), early(3, *BOTH)]}
WRONG_EARLY = [
    (put(["early"], []), "early"),
    (put(["early"], None), "early"),
    (put(["early"], [early(1, *BOTH)] * 4), "early"),
    (put(["early", 1, "steps"], KeyError), "early[1].steps"),
    (put(["early", 0, "steps"], 0), "early[0].steps"),
    (put(["early", 1, "steps"], 4), "early[1].steps"),
    (put(["early", 1, "steps"], 1), "early[1].steps"),
    (put(["early"], [early(2, *BOTH), early(1, *BOTH)]), "early[1].steps"),
    (put(["early", 1, "gate"], {}), "early[1].gate"),
    (put(["early", 1, "threshold"], 0.5), "early[1].threshold"),
    (put(["early", 1, "calibration"], KeyError), "early[1].calibration"),
    (put(["calibration"], KeyError), "early[0].calibration"),
    (put(["early", 0, "calibration", "slope"], 0), "early[0].calibration.slope"),
    (put(["early"], [early(2, "balanced")]), "early[0].operating_points"),
    (put(["early"], [early(2, "balanced", "other")]), "early[0].operating_points"),
    (put(["early"], [early(2, "screening", "balanced")]), "early[0].operating_points"),
    (put(["early"], [early(2, "balanced", "balanced")]), "early[0].operating_points.name"),
    (put(["time"], {"axis": "rows"}), "early"),
]


@pytest.mark.parametrize("i", range(len(WRONG_EARLY)))
def test_early_decisions_that_do_not_hold(i):
    change, field = WRONG_EARLY[i]
    description = copy.deepcopy(EARLY)
    change(description)
    with pytest.raises(ModelFileError) as e:
        checked(description, GATED_TENSORS)
    assert e.value.field == field


def test_decisions_by_steps(tmp_path):
    description, _ = modelfile.decode(modelfile.write(tmp_path / "m.safetensors", said(EARLY), GATED_TENSORS))
    assert [d.steps for d in description.early] == [1, 3]


def test_the_gate_counts_towards_the_limits(tmp_path):
    modelfile.write(tmp_path / "m.safetensors", said(GATED), GATED_TENSORS)
    own = checked(DESCRIPTION, TENSORS)
    both = checked(GATED, GATED_TENSORS)
    assert both.shapes == own.shapes and both.gate.shapes[0] == (3, 2, 2)
    assert both.operations - own.operations == both.gate.operations == 3 * 2 * 2 * 9 + 12 * 3
    relus = [{"type": "relu", "name": f"r{i}"} for i in range(250)]
    gate = {**GATED["gate"], "layers": relus + GATED["gate"]["layers"]}
    with pytest.raises(ModelFileError) as e:
        checked({**GATED, "gate": gate}, GATED_TENSORS)
    assert e.value.field == "gate.layers"


def test_the_reference_calibrates_and_asks_the_gate(tmp_path):
    file = modelfile.decode(modelfile.write(tmp_path / "m.safetensors", said(GATED), GATED_TENSORS))
    picture = RNG.integers(0, 256, (9, 8), dtype=np.uint8)
    answer = simulator.run(*file, picture)
    odds = 1.31 * np.log(answer.raw[1] / answer.raw[0]) - 0.42
    assert (
        abs(answer.probabilities[1] - 1 / (1 + np.exp(-odds))) < 1e-6 and abs(answer.probabilities.sum() - 1) < 1e-15
    )
    assert answer.gate.shape == (3,) and abs(answer.gate.sum() - 1) < 1e-6
    assert set(answer.counts) == {"spike", "spike2"}
    plain = simulator.run(said(DESCRIPTION), TENSORS, picture)
    assert (plain.raw == answer.raw).all() and (plain.probabilities == plain.raw).all() and plain.gate is None
    assert modelfile.default_threshold(said(GATED)) == modelfile.default_threshold(said(DESCRIPTION)) == 0.5


def test_graded_spikes_and_the_window_by_hand():
    d = copy.deepcopy(DESCRIPTION)
    d["layers"][4] |= {"reset": "subtract", "most": 3}
    v = np.zeros(1, np.float32)
    seen, neurons = [], said(d).layers[4]
    for current in (2.75, 4, 2, -3):  # decays to half each step
        value, count, v, clipped = simulator.step(neurons, v, np.array([current], np.float32))
        seen.append((int(count[0]), float(value[0]), float(v[0]), clipped))
    assert seen == [(2, 2, 0.75, 0), (3, 3, 1.375, 0), (2, 2, 0.6875, 0), (0, 0, -2.65625, 0)]
    picture = RNG.integers(100, 120, (9, 8), dtype=np.uint8)
    d["preparation"]["window"] = {"low": 0, "high": 65536, "least": 16}
    through = simulator.run(said(d), TENSORS, picture)
    plain = said(d)
    plain = plain.changed(preparation=plain.preparation.changed(window=None))
    assert (through.raw == simulator.run(plain, TENSORS, window.apply(picture, 0, 65536, 16)).raw).all()
    assert (through.raw != simulator.run(plain, TENSORS, picture).raw).any()


def test_the_window_of_known_pictures():
    table = window.table(np.bincount([0, 255], minlength=256), 0, 65536, 1)  # 0 and 255, half of the pixels each
    assert (
        (table == [(2 * (256 * g + 128) * 255 + 65536) // (2 * 65536) for g in range(256)]).all()
        and table[0] == 0
        and table[255] == 255
    )
    flat = window.table(np.bincount([100] * 7, minlength=256), 1311, 64225, 16)
    assert flat[99] == 0 and flat[116] == 255 and (np.diff(flat.astype(int)) >= 0).all()
    assert window.quantile(np.bincount([3, 3, 9, 9], minlength=256), 32768) == 3 * 256 + 128
    assert window.quantile(np.bincount([3, 3, 9, 9], minlength=256), 0) == 3 * 256 - 128


@pytest.mark.parametrize(
    "change, field",
    [
        ({"conv.bias": np.array([1, np.nan], np.float32)}, "tensors.conv.bias"),
        ({"conv.bias": np.array([1, np.inf], np.float32)}, "tensors.conv.bias"),
        ({"conv.bias": np.zeros(3, np.float32)}, "tensors.conv.bias"),
        ({"extra": np.zeros(3, np.float32)}, "tensors"),
    ],
)
def test_tensors_that_do_not_fit(change, field):
    with pytest.raises(ModelFileError) as e:
        checked(DESCRIPTION, {**TENSORS, **change})
    assert e.value.field == field


def test_any_value_anywhere_is_refused_or_held():
    rng = np.random.default_rng(2)
    values = [
        None,
        True,
        -1,
        0,
        1,
        2.5,
        10**400,
        1 << 70,
        float("nan"),
        "",
        "rows",
        "\ud800",
        [],
        {},
        [None],
        [[1], [2]],
        {"kind": []},
    ]
    held = 0
    for _ in range(3000):
        description = copy.deepcopy(DESCRIPTION)
        at = description
        while True:
            key = list(at)[rng.integers(len(at))] if isinstance(at, dict) else int(rng.integers(len(at)))
            if isinstance(at[key], (dict, list)) and at[key] and rng.random() < 0.8:
                at = at[key]
                continue
            at[key] = values[rng.integers(len(values))]
            break
        try:
            checked(description, TENSORS)
            held += 1
        except ModelFileError:
            pass
    assert held < 600  # few of these values mean anything


def test_files_that_lie(file):
    n = int.from_bytes(file[:8], "little")
    header, data = json.loads(file[8 : 8 + n]), file[8 + n :]

    def rebuilt(header, data=data):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data

    def shifted():
        wrong = copy.deepcopy(header)
        wrong["conv.bias"]["data_offsets"][1] += 4
        return wrong

    for bad, field in [
        (b"", "file"),
        (file[:-1], "file"),
        (file + b"\0", "file"),
        (file[: 8 + n - 3], "header"),
        ((1 << 62).to_bytes(8, "little") + file[8:], "header"),
        (rebuilt(b"{"), "header"),
        (rebuilt(b"[]"), "header"),
        (rebuilt(b"[" * 100_000), "header"),
        (rebuilt(b'{"a":1,"a":2}'), "header"),
        (rebuilt({**header, "__metadata__": {"spikeray": "{", "other": ""}}), "header.__metadata__"),
        (rebuilt({**header, "__metadata__": {"spikeray": "{"}}), "spikeray"),
        (rebuilt(shifted()), "file"),
        (rebuilt(header, data[:-4] + b"\0\0\0\0"), "file_sha256"),
        (safetensors.numpy.save({**TENSORS, "dense.bias": np.zeros(2)}, header["__metadata__"]), "tensors.dense.bias"),
    ]:
        with pytest.raises(ModelFileError) as e:
            modelfile.decode(bad)
        assert e.value.field == field
    with pytest.raises(ModelFileError, match="longer"):
        modelfile.decode(bytes(MAX_FILE + 1))


def test_damage_is_always_noticed(file):
    rng = np.random.default_rng(1)
    for _ in range(300):
        bad = bytearray(file)
        for i in rng.integers(0, len(file), rng.integers(1, 4)):
            bad[i] ^= 1 << rng.integers(0, 8)
        if bytes(bad) == file:
            continue
        with pytest.raises(ModelFileError):
            modelfile.decode(bytes(bad))


def test_every_bit_of_the_header_counts(file):
    for i in range(8 + int.from_bytes(file[:8], "little")):
        bad = bytearray(file)
        bad[i] ^= 1 << (i % 8)
        with pytest.raises(ModelFileError):
            modelfile.decode(bytes(bad))


def test_the_digits_stand_once(file):
    n = int.from_bytes(file[:8], "little")
    description = json.loads(json.loads(file[8 : 8 + n])["__metadata__"]["spikeray"])
    digits = description["file_sha256"].encode()
    for text in (
        file[8 : 8 + n].replace(digits, b"\\\\u%04x" % digits[0] + digits[1:]),
        file[8 : 8 + n].replace(digits, digits.upper()),
    ):
        with pytest.raises(ModelFileError) as e:
            modelfile.decode(len(text).to_bytes(8, "little") + text + file[8 + n :])
        assert e.value.field == "file_sha256"


def before(file):
    """The same model as versions before 1.3 wrote it."""
    n = int.from_bytes(file[:8], "little")
    header, data = json.loads(file[8 : 8 + n]), file[8 + n :]
    description = json.loads(header["__metadata__"]["spikeray"])
    del description["file_sha256"]
    description["tensors_sha256"] = hashlib.sha256(data).hexdigest()
    header["__metadata__"]["spikeray"] = json.dumps(description)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_files_of_before_are_resealed(file, tmp_path, capsys):
    old = before(file)
    with pytest.raises(ModelFileError, match="spikeray reseal"):
        modelfile.decode(old)
    assert reseal.reseal(old) == file == reseal.reseal(file)
    paths = {"old": old, "new": file, "damaged": old[:-1] + bytes([old[-1] ^ 1]), "text": b"hello"}
    for name, content in paths.items():
        (tmp_path / name).write_bytes(content)
    assert reseal.main([str(tmp_path / name) for name in paths]) == 2
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {**paths, "old": file}
    assert "tensors_sha256: the tensors are not the ones that were written" in capsys.readouterr().err


def test_weights_on_a_grid_become_whole_numbers_without_rounding():
    whole = np.random.default_rng(2).integers(-127, 128, (200, 4))
    whole[0] = [127, -127, 40, 0]
    whole[:, 2], whole[:, 3] = np.clip(whole[:, 2], -40, 40), 0
    weights = whole * np.array([1 / 64, 1 / 4, 1 / 64, 1])
    step = quantise._step(weights)
    np.testing.assert_array_equal(np.rint(weights / step) * step, weights)
    assert np.abs(np.rint(weights / step)).max() == 127
    off = weights[:, :1] + 1e-3
    assert quantise._step(off)[0] == pytest.approx(np.abs(off).max() / 127)
