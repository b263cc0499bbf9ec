"""NIR: a body goes out and comes back the same, other tools make the same spikes of it, what does not fit is refused
by name."""

import importlib.util
import json
import pathlib

import h5py
import numpy as np
import pytest

nir = pytest.importorskip("nir")

from spikeray import hdf5, modelfile  # noqa: E402
from spikeray.modelfile import Conv2d, Description, quantise, simulator  # noqa: E402
from spikeray.nir import export, importing  # noqa: E402
from spikeray.nir import graph as nir_graph  # noqa: E402
from spikeray.nir.graph import NIRError  # noqa: E402
from spikeray.nir.sidecar import TIME_STEP, read_sidecar, sidecar_of  # noqa: E402

_FILE = pathlib.Path(__file__).parents[1] / "experiments" / "nir_check.py"
_SPEC = importlib.util.spec_from_file_location("nir_check", _FILE)
nir_check = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(nir_check)

KINDS = [(reset, leaky) for reset in ("zero", "subtract") for leaky in (False, True)]


def model(seed=0, reset="zero", leaky=False, int8=False, **options):
    made = nir_check.random_model(np.random.default_rng(seed), reset, leaky, **options)
    return quantise.quantise(*made) if int8 else made


def back(path, around):
    return importing.into_model(nir_graph.read(path), read_sidecar(sidecar_of(path), path), around)


@pytest.mark.parametrize("reset, leaky", KINDS)
@pytest.mark.parametrize("int8", [False, True])
def test_out_and_back_is_the_same_network(tmp_path, reset, leaky, int8):
    for seed in range(3):
        description, tensors = model(seed, reset, leaky, int8, uniform=seed == 1)
        export.write(tmp_path / "m.nir", description, tensors)
        other, others = back(tmp_path / "m.nir", (description, tensors))
        modelfile.write(tmp_path / "m.safetensors", other, others)
        assert other.layers == description.layers and other.time == description.time
        assert set(others) == set(tensors)
        for name, values in tensors.items():
            assert others[name].dtype == values.dtype
            np.testing.assert_array_equal(others[name], values)


def test_a_graded_front_stays_around_the_graph(tmp_path):
    description, tensors = model(4)
    layers = list(description.layers)
    layers[1] = layers[1].changed(threshold=1, reset="subtract", most=7)
    description = description.changed(layers=tuple(layers))
    export.write(tmp_path / "m.nir", description, tensors)
    other, others = back(tmp_path / "m.nir", (description, tensors))
    assert other.layers == description.layers and set(others) == set(tensors)
    assert all((others[name] == values).all() for name, values in tensors.items())


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_that_other_tools_can_do(padding):
    torch = pytest.importorskip("torch")
    rng, enlarged = np.random.default_rng(1), 0
    for _ in range(60):
        sizes, kernel, stride = (
            tuple(int(v) for v in rng.integers(low, high, 2)) for low, high in ((5, 12), (1, 6), (1, 4))
        )
        layer = Conv2d(name="c", kernel=kernel, stride=stride, padding=padding, channels=2, weights="w")
        tensors = {"w": rng.integers(-9, 9, (*kernel, 3, 2)).astype(np.float32)}
        try:
            pads, fronts, backs = zip(*export._square(layer, sizes))
        except NIRError:
            assert kernel[0] != kernel[1]
            continue
        enlarged += bool(sum(fronts))
        weights = np.pad(tensors["w"], [*zip(fronts, backs), (0, 0), (0, 0)]).transpose(3, 2, 0, 1).copy()
        x = rng.integers(0, 2, (*sizes, 3)).astype(np.float32)
        got = torch.nn.functional.conv2d(
            torch.from_numpy(x.transpose(2, 0, 1).copy()[None]), torch.from_numpy(weights), None, stride, pads
        )
        np.testing.assert_array_equal(got.numpy()[0].transpose(1, 2, 0), simulator.apply(layer, tensors, x))
    assert enlarged > 5


@pytest.mark.parametrize("reset, leaky", KINDS)
@pytest.mark.parametrize("tool", nir_check.TOOLS)
def test_another_tool_makes_the_same_spikes(tmp_path, tool, reset, leaky):
    pytest.importorskip(tool, reason=f"{tool} is not installed")
    pytest.importorskip("nirtorch")
    if tool == "norse" and reset == "subtract":
        pytest.skip("Norse has no IF that is reset by subtraction")
    compared = fired = 0
    for seed in range(3):
        m = model(seed, reset, leaky, int8=seed == 2)
        export.write(tmp_path / "m.nir", *m)
        p = m[0].preparation
        picture = np.random.default_rng(seed).integers(0, 256, (p.height, p.width), dtype=np.uint8)
        every, spikes, differing = nir_check.compare(tool, tmp_path / "m.nir", m, simulator.run(*m, picture))
        assert not sum(differing.values()), (seed, differing)
        compared, fired = compared + sum(every.values()), fired + sum(spikes.values())
    assert 100 < fired < compared


def made(description: dict, tensors):
    return Description.from_json(description), tensors


def simple():
    return made(*parts())


def parts():
    """A model that takes one spike train in and gives two out: [1] -> dense -> [1] around which graphs can be put."""
    neurons = {
        "type": "neurons",
        "model": "integrate_and_fire",
        "threshold": 1,
        "reset": "zero",
        "amplitude": 1,
        "start": {"kind": "constant", "value": 0},
    }
    layers = [
        {"type": "flatten", "name": "flatten"},
        {"type": "dense", "name": "front", "units": 1, "weights": "front.weights"},
        {**neurons, "name": "spike_front"},
        {"type": "dense", "name": "body", "units": 1, "weights": "body.weights"},
        {**neurons, "name": "spike_body"},
        {"type": "dense", "name": "out", "units": 2, "weights": "out.weights"},
        {"type": "softmax", "name": "softmax"},
    ]
    tensors = {
        k: np.ones(s, np.float32)
        for k, s in (("front.weights", (1, 1)), ("body.weights", (1, 1)), ("out.weights", (1, 2)))
    }
    return {
        "format": 1,
        "name": "simple",
        "version": "1.0.0",
        "summary": "s",
        "labels": ["a", "b"],
        "positive": "b",
        "preparation": {"width": 1, "height": 1, "resize": "bilinear_antialiased", "scale": 255},
        "time": {"axis": "steps", "steps": 8},
        "layers": layers,
        "threshold": 0.5,
        "training": {},
    }, tensors


def _rows():
    n = {"type": "neurons", "model": "spiking_relu", "dt": 2, "start": {"kind": "constant", "value": 0}}
    d, t = parts()
    t = {
        "c.weights": np.ones((1, 1, 1, 2), np.float32),
        "d.weights": np.ones((1, 1, 2, 2), np.float32),
        "out.weights": np.ones((2, 2), np.float32),
    }
    conv = {"type": "conv2d", "kernel": [1, 1], "stride": [1, 1], "padding": "valid", "channels": 2}
    d["time"] = {"axis": "rows"}
    d["layers"] = [
        {**conv, "name": "c", "weights": "c.weights"},
        {**n, "name": "s1"},
        {**conv, "name": "d", "weights": "d.weights"},
        {**n, "name": "s2"},
        {"type": "max_pool2d", "name": "the_pool", "pool": [1, 1], "stride": [1, 1]},
        {"type": "flatten", "name": "f"},
        *d["layers"][-2:],
    ]
    return d, t


def test_what_nir_cannot_say_is_refused_by_name(tmp_path):
    with pytest.raises(NIRError) as e:
        export.write(tmp_path / "m.nir", *made(*_rows()))
    for word in ("rows", "layer s1: spiking_relu", "layer s2", "layer the_pool: NIR has no max-pooling"):
        assert word in str(e.value)
    d, t = parts()
    d["layers"][4] |= {"reset": "subtract", "most": 15}
    with pytest.raises(NIRError, match="layer spike_body: its spikes are graded"):
        export.write(tmp_path / "m.nir", *made(d, t))
    d, t = parts()
    d["layers"] = d["layers"][:3] + d["layers"][-2:]
    with pytest.raises(NIRError, match="those of the front"):
        export.export(*made(d, {k: v for k, v in t.items() if k != "body.weights"}))
    d["layers"], d["time"] = [d["layers"][0], *d["layers"][-2:]], None
    del d["time"]
    with pytest.raises(NIRError, match="no neurons"):
        export.export(*made(d, {"out.weights": t["out.weights"]}))
    assert not list(tmp_path.iterdir())


def graph(*nodes, shape=(1,), out=(1,)):
    nodes = {
        "input": nir.Input(np.array(shape)),
        **{f"n{i}": n for i, n in enumerate(nodes)},
        "output": nir.Output(np.array(out)),
    }
    return nir.NIRGraph(nodes, list(zip(nodes, list(nodes)[1:])), type_check=False)


def fired(n=1, at=1.0, **more):
    return nir.IF(r=np.ones(n, "f4"), v_threshold=np.full(n, at, "f4"), **more)


def leaky(tau=0.002, r=1.0, at=0.1, leak=0.0):
    a = np.ones(1, "f4")
    return nir.LIF(tau=tau * a, r=r * a, v_leak=leak * a, v_threshold=at * a)


ONE = nir.Affine(weight=np.ones((1, 1), "f4"), bias=np.zeros(1, "f4"))
REFUSED = {
    "a synapse of its own": (
        graph(ONE, nir.CubaLIF(*[np.ones(1, "f4")] * 5)),
        {},
        "node n1: a model file has no layer for CubaLIF",
    ),
    "no neurons at the end": (graph(ONE), {}, "does not end in neurons"),
    "a reset elsewhere": (graph(ONE, fired(v_reset=np.full(1, 0.5, "f4"))), {}, "node n1: v_reset"),
    "a leak elsewhere": (graph(ONE, leaky(leak=0.5)), {"time_step": 1e-3}, "node n1: v_reset and v_leak"),
    "no time step": (graph(ONE, leaky()), {}, "node n1: a LIF wants the sidecar's time_step"),
    "a time step beyond tau": (graph(ONE, leaky()), {"time_step": 1}, "node n1: a LIF wants"),
    "r of nothing": (graph(ONE, leaky(r=0)), {"time_step": 1e-3}, "node n1: r is not above 0"),
    "thresholds of their own": (
        graph(nir.Affine(np.ones((2, 1), "f4"), np.zeros(2, "f4")), nir.IF(np.ones(2, "f4"), np.array([1, 2], "f4"))),
        {},
        "node n1: v_threshold",
    ),
    "another input": (graph(ONE, fired(), shape=(2,)), {}, r"its input is \[2\]"),
    "other weights": (graph(nir.Affine(np.ones((1, 2), "f4"), np.zeros(1, "f4")), fired()), {}, "node n0: weights"),
    "a bias of another size": (
        graph(nir.Affine(np.ones((1, 1), "f4"), np.zeros(2, "f4")), fired()),
        {},
        "node n0: a bias",
    ),
    "two neurons in a row": (graph(ONE, fired(), fired()), {}, "neurons after neurons"),
    "a sidecar's other threshold": (
        graph(ONE, fired()),
        {"nodes": {"n1": {"threshold": 3}}},
        "node n1: the sidecar's threshold",
    ),
    "a scale of other weights": (
        graph(ONE, fired()),
        {"nodes": {"n0": {"scale": [0.3]}}},
        "node n0: its weights are not whole",
    ),
    "an unknown word": (graph(ONE, fired()), {"nodes": {"n1": {"rest": 1}}}, "node n1: the sidecar may tell"),
    "a text for a number": (graph(ONE, fired()), {"nodes": {"n1": {"threshold": "x"}}}, "node n1"),
    "an unknown reset": (graph(ONE, fired()), {"nodes": {"n1": {"reset": "hard"}}}, "reset"),
    "too many steps": (graph(ONE, fired()), {"steps": 10**9}, "time.steps"),
    "numbers that are none": (
        graph(nir.Affine(np.full((1, 1), np.nan, "f4"), np.zeros(1, "f4")), fired()),
        {},
        "n0.weight holds",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_graph_that_no_model_holds_is_refused(tmp_path, name):
    made, sidecar, message = REFUSED[name]
    nir.write(str(tmp_path / "g.nir"), made)
    (tmp_path / "g.nir.json").write_text(json.dumps({"format": 1, **sidecar}))
    with pytest.raises((NIRError, hdf5.HDF5Error, modelfile.ModelFileError), match=message):
        modelfile.write(tmp_path / "m.safetensors", *back(tmp_path / "g.nir", simple()))


def test_shapes_of_a_chain(tmp_path):
    forked = graph(ONE, fired(), ONE, fired())
    forked.edges.append(("n0", "n3"))
    nir.write(str(tmp_path / "f.nir"), forked)
    with pytest.raises(NIRError, match="a chain of nodes"):
        nir_graph.read(tmp_path / "f.nir")
    nested = graph(graph(ONE, fired()))
    nir.write(str(tmp_path / "n.nir"), nested)
    with pytest.raises(hdf5.HDF5Error, match="a graph of its own"):
        nir_graph.read(tmp_path / "n.nir")


def test_sum_pooling_goes_into_the_weights_behind_it():
    rng = np.random.default_rng(4)
    pool = nir_graph.Node("p", "SumPool2d", {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]})
    conv = nir_graph.Node(
        "c",
        "Conv2d",
        {
            "weight": rng.integers(-3, 4, (4, 3, 3, 3)).astype(np.float32),
            "bias": np.zeros(4, np.float32),
            "stride": [1],
            "padding": [1, 1],
            "dilation": [1, 1],
            "groups": [1],
        },
    )
    x = rng.integers(0, 2, (8, 12, 3)).astype(np.float32)
    pooled = x.reshape(4, 2, 6, 2, 3).sum((1, 3))
    made = importing._Import({}, (3, 8, 12), 1)
    made.add(pool)
    made.add(conv)
    alone = importing._Import({}, (3, 4, 6), 1)
    alone.add(conv)
    assert made.shape == alone.shape and made.layers[0].padding == "same"
    np.testing.assert_array_equal(
        simulator.apply(made.layers[0], made.tensors, x), simulator.apply(alone.layers[0], alone.tensors, pooled)
    )
    flat = nir_graph.Node("f", "Flatten", {"start_dim": [0], "end_dim": [-1]})
    dense = nir_graph.Node("d", "Linear", {"weight": rng.integers(-3, 4, (5, 72)).astype(np.float32)})
    made = importing._Import({}, (3, 8, 12), 1)
    for node in (pool, flat, dense):
        made.add(node)
    got = simulator.apply(made.layers[1], made.tensors, simulator.apply(made.layers[0], made.tensors, x))
    np.testing.assert_array_equal(got, dense.fields["weight"] @ pooled.transpose(2, 0, 1).reshape(-1))


def foreign(rng):
    """A graph as others write them: sum-pooling, Torch's padding, neurons reset to zero; every number a multiple of
    1/64."""

    def numbers(*shape):
        return (np.rint(rng.normal(0.05, 0.3, shape) * 64) / 64).astype(np.float32)

    def neurons(*shape):
        return nir.IF(r=np.ones(shape, "f4"), v_threshold=np.full(shape, 0.75, "f4"))

    def conv(out, into, kernel, stride, padding, sides):
        return nir.Conv2d(sides, numbers(out, into, kernel, kernel), stride, padding, 1, 1, numbers(out))

    pool = nir.SumPool2d(*(np.array(v) for v in ((2, 2), (2, 2), (0, 0))))
    return graph(
        conv(6, 3, 3, 2, 1, (16, 16)),
        neurons(6, 8, 8),
        pool,
        conv(5, 6, 3, 1, 1, (4, 4)),
        neurons(5, 4, 4),
        pool,
        nir.Flatten({"input": np.array((5, 2, 2))}, 0, -1),
        nir.Affine(numbers(7, 20), numbers(7)),
        neurons(7),
        shape=(3, 16, 16),
        out=(7,),
    )


def test_a_graph_from_elsewhere_makes_the_same_spikes_here(tmp_path):
    pytest.importorskip("norse", reason="norse is not installed")
    rng = np.random.default_rng(8)
    nir.write(str(tmp_path / "g.nir"), foreign(rng))
    around, tensors = parts()
    stem = {
        "type": "conv2d",
        "name": "stem",
        "kernel": [3, 3],
        "stride": [1, 1],
        "padding": "same",
        "channels": 3,
        "weights": "front.weights",
    }
    around["preparation"] |= {"width": 16, "height": 16}
    around["layers"] = [stem, around["layers"][2], {"type": "flatten", "name": "flatten"}, *around["layers"][3:]]
    tensors = {
        "front.weights": rng.normal(0.1, 0.2, (3, 3, 1, 3)).astype(np.float32),
        "body.weights": np.ones((768, 1), np.float32),
        "out.weights": tensors["out.weights"],
    }
    nodes = nir_graph.read(tmp_path / "g.nir")
    with pytest.raises(modelfile.ModelFileError, match=r"out\.weights"):  # the read-out takes one neuron's spikes
        modelfile.write(tmp_path / "m.safetensors", *importing.into_model(nodes, {}, made(around, tensors)))
    around["layers"][3]["units"], tensors["body.weights"], tensors["out.weights"] = (
        7,
        np.ones((768, 7), np.float32),
        np.ones((7, 2), np.float32),
    )
    modelfile.write(tmp_path / "m.safetensors", *importing.into_model(nodes, {}, made(around, tensors)))
    m = modelfile.read(tmp_path / "m.safetensors")
    answer = simulator.run(*m, rng.integers(0, 256, (16, 16), dtype=np.uint8))
    starts = {n: np.zeros(s, np.float32) for n, s in (("n1", (6, 8, 8)), ("n4", (5, 4, 4)), ("n8", (7,)))}
    notes = {"time_step": TIME_STEP, "nodes": {n: {} for n in starts}}
    got = nir_check.norse(
        str(tmp_path / "g.nir"),
        notes,
        starts,
        np.ascontiguousarray(nir_check._chw(answer.counts["spike_front"].astype(np.float32))),
    )
    for name, spikes in got.items():
        assert 0 < spikes.sum() < spikes.size
        np.testing.assert_array_equal(spikes, nir_check._chw(answer.counts[name]))


def shared(name):
    path = pathlib.Path(__file__).parents[3] / "shared" / "data" / "loihi" / name
    if not path.exists():
        pytest.skip(f"no recordings here: ../shared/data/loihi/{name} is absent")
    return path


@pytest.mark.parametrize(
    "recording, delay", [("lif_exact.csv", 0), ("lif_lava_cpu_fixed.csv", 1), ("lif_lava_loihi_fixed.csv", 1)]
)
def test_the_network_of_a_chips_trace(tmp_path, recording, delay):
    nodes, rows = nir_graph.read(shared("lif_norse.nir")), np.loadtxt(shared(recording), delimiter=",")
    description, tensors = importing.into_model(nodes, {"time_step": 1e-4}, simple())
    modelfile.write(tmp_path / "m.safetensors", description, tensors)
    dense, neurons = description.layers[3:5]
    v, spikes = simulator.start(neurons, (1,)), []
    for x in [0] * delay + rows[: len(rows) - delay, 0].tolist():
        _, n, v, _ = simulator.step(neurons, v, simulator.apply(dense, tensors, np.float32([x])))
        spikes.append(n[0])
    assert len(spikes) == 1000 and sum(spikes) == 4
    np.testing.assert_array_equal(spikes, rows[:, 2])


def test_a_padding_that_a_model_file_cannot_say():
    nodes = nir_graph.read(shared("cnn_sinabs.nir"))
    with pytest.raises(NIRError, match=r"node 0: padding \[1, 1\] and stride \[2, 2\] make \[16, 16\] of \[34, 34\]"):
        importing._Import({}, (2, 34, 34), 1).add(nodes[1])
    rest = importing._Import({}, (16, 16, 16), 1)  # what comes after it is taken, sum-pooling too
    for node in nodes[3:-1]:
        rest.add(node)
    assert " ".join(layer.name for layer in rest.layers) == "2 3 5 6 8 9 10 11 12" and rest.shape == (10,)


def hostile(path, change):
    export.write(path, *simple())
    sidecar_of(path).unlink()
    with h5py.File(path, "r+") as f:
        change(f)


def _replace(f, name, value):
    del f[name]
    f[name] = value


def _huge(f):
    del f["node/nodes/body/weight"]
    f["node/nodes/body"].create_dataset("weight", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def _elsewhere(f):
    del f["node/nodes/body/weight"]
    f["node/nodes/body"].create_dataset("weight", (1, 1), "f4", external=[("/dev/zero", 0, 4)])


HOSTILE = {
    "an array of terabytes": (_huge, "numbers in all"),
    "a link to another file": (
        lambda f: _replace(f, "node/nodes/body", h5py.ExternalLink("other.h5", "/x")),
        "missing",
    ),
    "a link in a circle": (lambda f: _replace(f, "node/nodes/body", h5py.SoftLink("/node")), "missing"),
    "a group within itself": (lambda f: f["node/nodes"].__setitem__("again", f["node"]), "a graph of its own"),
    "numbers outside the file": (_elsewhere, "not an array in the file"),
    "no edges": (lambda f: f["node"].__delitem__("edges"), "edges"),
    "thousands of nodes": (lambda f: [f["node/nodes"].create_group(f"x{i}") for i in range(2000)], "nodes"),
    "an unknown kind": (lambda f: _replace(f, "node/nodes/body/type", "Evil"), "damaged"),
    "an array for a type": (lambda f: _replace(f, "node/nodes/body/type", np.zeros(3)), "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, capsys, name):
    change, word = HOSTILE[name]
    hostile(tmp_path / "g.nir", change)
    modelfile.write(tmp_path / "around.safetensors", *simple())
    arguments = [
        str(tmp_path / "g.nir"),
        str(tmp_path / "o.safetensors"),
        "--around",
        str(tmp_path / "around.safetensors"),
    ]
    with pytest.raises(SystemExit) as e:
        importing.main(arguments)
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.count("\n") == 1 and word in err and not (tmp_path / "o.safetensors").exists()


def test_a_sidecar_of_another_graph(tmp_path):
    export.write(tmp_path / "a.nir", *model(0))
    export.write(tmp_path / "b.nir", *model(1))
    with pytest.raises(NIRError, match="another graph"):
        read_sidecar(tmp_path / "a.nir.json", tmp_path / "b.nir")
    for text, word in (
        (b"{", "not JSON"),
        (b"[1]", "object"),
        (b'{"format": 2}', "format 1"),
        (b'{"format": 1, "dt": 1}', "'dt'"),
        (b"[" * 100_000, "JSON"),
    ):
        (tmp_path / "s.json").write_bytes(text)
        with pytest.raises(NIRError, match=word):
            read_sidecar(tmp_path / "s.json", tmp_path / "a.nir")


def test_the_commands(tmp_path, capsys):
    m = simple()
    modelfile.write(tmp_path / "m.safetensors", *m)
    export.main([str(tmp_path / "m.safetensors"), str(tmp_path / "m.nir")])
    sidecar_of(tmp_path / "m.nir").unlink()
    arguments = [
        str(tmp_path / "m.nir"),
        str(tmp_path / "o.safetensors"),
        "--around",
        str(tmp_path / "m.safetensors"),
        "--name",
        "mine",
    ]
    importing.main(arguments)
    err = capsys.readouterr().err
    assert "no sidecar" in err and "dropped" not in err
    description, _ = modelfile.read(tmp_path / "o.safetensors")
    assert description.name == "mine" and description.layers == m[0].layers
    assert "nir_sha256" in description.training["imported_from"]


def test_import_says_that_it_drops_the_calibration(tmp_path, capsys):
    description, tensors = parts()
    export.write(tmp_path / "m.nir", *made(description, tensors))
    interval = {"value": 0.9, "low": 0.8, "high": 1}
    del description["threshold"]
    description |= {
        "calibration": {"method": "logistic", "slope": 1.5, "intercept": 0, "prevalence": 0.5},
        "operating_points": [{"name": "balanced", "threshold": 0.3, "sensitivity": interval, "specificity": interval}],
    }
    modelfile.write(tmp_path / "m.safetensors", *made(description, tensors))
    arguments = [
        str(tmp_path / "m.nir"),
        str(tmp_path / "o.safetensors"),
        "--around",
        str(tmp_path / "m.safetensors"),
    ]
    importing.main(arguments)
    err = capsys.readouterr().err
    assert "calibration and operating points" in err and "threshold is 0.5" in err
    imported, _ = modelfile.read(tmp_path / "o.safetensors")
    assert imported.training["dropped"] == ["calibration", "operating_points"]
    assert imported.calibration is None and imported.operating_points is None


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (4, 1, 1), (1, 6, 5), (4, 6, 5)])
def test_parameters_of_a_shape_that_spreads_over_the_map(tmp_path, shape):
    def neurons(shape):
        at = [np.full(shape, v, "f4") for v in (2 / 1024, 1, 0, 0.5, 0)]
        return nir.LIF(tau=at[0], r=at[1], v_leak=at[2], v_threshold=at[3], v_reset=at[4])

    conv = nir.Conv2d((6, 5), np.ones((4, 3, 3, 3), "f4"), 1, 1, 1, 1, np.zeros(4, "f4"))
    made = []
    for s in (shape, (4, 6, 5)):
        nir.write(str(tmp_path / "g.nir"), graph(conv, neurons(s), shape=(3, 6, 5), out=(4, 6, 5)))
        one = importing._Import({"time_step": 1 / 1024}, (3, 6, 5), 1)
        for node in nir_graph.read(tmp_path / "g.nir")[1:-1]:
            one.add(node)
        made.append(one.layers)
    assert made[0] == made[1] and made[0][1].decay == 0.5


@pytest.mark.parametrize("shape", [(2,), (2, 1, 1), (5, 6, 4), (1, 1, 1, 1), (4,)])
def test_parameters_of_a_shape_that_does_not(shape):
    node = nir_graph.Node(
        "n", "IF", {k: np.full(shape, v, np.float32) for k, v in (("r", 1), ("v_threshold", 1), ("v_reset", 0))}
    )
    one = importing._Import({}, (4, 6, 5), 1)
    with pytest.raises(NIRError, match="node n: r of shape"):
        one.add(node)


@pytest.mark.parametrize(
    "stride, padding, kernel",
    [
        ((2, 1), (1, 1), (3, 3)),
        ((1, 2), 1, (3, 3)),
        (1, (1, 2), (3, 5)),
        (1, (1, 0), (3, 1)),
        ((3, 2), 0, (3, 3)),
        (2, "valid", (3, 2)),
        (1, "same", (3, 5)),
        ((2, 2), (0, 1), (2, 3)),
        ((1, 2), (0, 1), (1, 3)),
        ((2, 1), (2, 1), (5, 3)),
    ],
)
def test_stride_and_padding_of_each_axis(tmp_path, stride, padding, kernel):
    rng = np.random.default_rng(9)
    h, w = 16, 12
    weights = rng.integers(-3, 4, (2, 3, *kernel)).astype(np.float32)
    conv = nir.Conv2d((h, w), weights, stride, padding, 1, 1, np.zeros(2, "f4"))
    nir.write(str(tmp_path / "g.nir"), graph(conv, shape=(3, h, w), out=(2, 1, 1)))
    one = importing._Import({}, (3, h, w), 1)
    one.add(nir_graph.read(tmp_path / "g.nir")[1])
    x = rng.integers(0, 2, (h, w, 3)).astype(np.float32)
    pad = (
        [(k - 1) // 2 if padding == "same" else 0 for k in kernel]
        if isinstance(padding, str)
        else np.broadcast_to(padding, 2)
    )
    sh, sw = np.broadcast_to(stride, 2)
    wide = np.pad(x, [(pad[0], pad[0]), (pad[1], pad[1]), (0, 0)])
    want = np.array(
        [
            [
                [(wide[i : i + kernel[0], j : j + kernel[1]] * k.transpose(1, 2, 0)).sum() for k in weights]
                for j in range(0, wide.shape[1] - kernel[1] + 1, sw)
            ]
            for i in range(0, wide.shape[0] - kernel[0] + 1, sh)
        ]
    )
    np.testing.assert_array_equal(simulator.apply(one.layers[0], one.tensors, x), want)
