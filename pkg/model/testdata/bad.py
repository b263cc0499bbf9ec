"""Model files that lie at the edge of docs/MODEL_FILE.md, written into bad/ beside this script, and bad/list.json,
which says of each whether it is accepted or refused, and why:

    python pkg/model/testdata/bad.py

Go (pkg/model, TestBadFiles) and Python (training/tests/test_bad_files.py) are held to the same list. Needs nothing but
Python's own library: neither of the two writers that it is about has a hand in the files.
"""

import copy
import functools
import json
import math
import pathlib

from tiny import (
    AVERAGE,
    DECIDED,
    DROP,
    FIRES,
    FLATTEN,
    LEAKY,
    MAX_POOL,
    PLAIN,
    RELU,
    ROWS,
    SHARE,
    SOFTMAX,
    STEPS,
    WHOLE,
    File,
    conv,
    dense,
    described,
    weights,
)

OUT = pathlib.Path(__file__).parent / "bad"

CASES = []  # (name, accepted, why, bytes)


def case(name, base, accepted, why, *puts, **pieces):
    """puts: (path, value) of the description. pieces: attributes of File to replace."""
    file = copy.deepcopy(base)
    for path, value in puts:
        file.put(path, value)
    for key, value in pieces.items():
        setattr(file, key, value)
    CASES.append((name, accepted, why, file.bytes()))


def refuse(name, why, *puts, base, **pieces):
    case(name, base, False, why, *puts, **pieces)


def tensor(base, name, values=None, shape=None, dtype=None):
    """The tensors of a base, one of them changed."""
    old = base.tensors[name]
    return base.tensors | {name: (dtype or old[0], shape or old[1], values if values is not None else old[2])}


def accepted():
    for name, base in (("plain", PLAIN), ("steps", STEPS), ("rows", ROWS), ("whole", WHOLE), ("decided", DECIDED)):
        case(f"good-{name}", base, True, "nothing is wrong with it")
    case("no-training", PLAIN, True, "training may be absent", ("training", DROP))
    case(
        "training-of-anything",
        PLAIN,
        True,
        "training is free",
        ("training", {"null": None, "large": 10**300, "list": [1.5, "é😀", {"a": {}}], "spikeray": {"x": True}}),
    )
    case("training-64-deep", PLAIN, True, "as deep as it may be", ("training", nested(64)))
    case("summary-of-1024-bytes", PLAIN, True, "as long as it may be", ("summary", "é" * 512))
    case("ages-of-children", PLAIN, True, "from 1 to 5 years", ("ages", [1, 5]))
    case("ages-of-one-year", PLAIN, True, "youngest and oldest may be the same", ("ages", [0, 0]))
    case("summary-empty", PLAIN, True, "a line may be empty", ("summary", ""))
    case("whole-number-where-a-float-stands", PLAIN, True, "1 is a number of JSON", ("threshold", 1))
    case("float-with-exponent", DECIDED, True, "so is 1e-3", ("calibration.slope", 1e-3))
    case("most-of-1", STEPS, True, "1 is what an absent most is", ("layers.1.most", 1))
    case("seed-of-64-bits", ROWS, True, "the largest seed", ("layers.1.start.seed", 2**64 - 1))
    case(
        "keys-in-another-order",
        PLAIN,
        True,
        "order means nothing",
        text=lambda text: json.dumps(dict(reversed(json.loads(text).items()))),
    )
    case("white-space", PLAIN, True, "nor does white space", text=lambda text: json.dumps(json.loads(text), indent=1))
    case(
        "escapes",
        PLAIN,
        True,
        "an escape is its character",
        text=lambda text: text.replace("edge", "\\u0065dge \\ud83d\\ude00"),
    )
    case(
        "wide-map-inside-the-body",
        File(
            described(
                [
                    conv("c1", 1),
                    FIRES,
                    {**conv("c2", 128)},
                    {**LEAKY},
                    conv("c3", 1),
                    {**FIRES, "name": "last"},
                    AVERAGE,
                    dense(),
                    SOFTMAX,
                ],
                time={"axis": "steps", "steps": 64},
                preparation={"width": 128, "height": 128, "resize": "bilinear_antialiased", "scale": 255},
            ),
            weights("c1", 1, 1, 1, 1)
            | weights("c2", 1, 1, 1, 128)
            | weights("c3", 1, 1, 128, 1)
            | weights("dense", 1, 2),
        ),
        True,
        "2^26 bytes of spikes are the limit between the parts, not inside the body",
    )


def nested(depth):
    value = {}
    for i in range(depth - 1):
        value = {"a": value} if i % 2 else [value]
    return value if isinstance(value, dict) else {"a": value["a"] if isinstance(value, dict) else value[0]}


def container():
    case("empty", PLAIN, False, "no file", bytes=lambda: b"")
    whole = PLAIN.bytes()
    case("cut-off", PLAIN, False, "data are missing", bytes=lambda: whole[:-1])
    case("longer", PLAIN, False, "data that no tensor has", bytes=lambda: whole + b"\0")
    case("header-beyond-the-file", PLAIN, False, "a length that lies", bytes=lambda: b"\xff" * 7 + b"\0" + whole[8:])
    case("digest-of-other-data", PLAIN, False, "damage", bytes=lambda: whole[:-1] + bytes([whole[-1] ^ 1]))
    case(
        "digest-of-another-header", PLAIN, False, "damage", bytes=lambda: whole.replace(b"At the edge", b"At the edgf")
    )
    case("digest-of-zeros", PLAIN, False, "a digest of zeros", sealed=False)
    case("digest-twice", PLAIN, False, "its digits stand once", bytes=lambda: twice())
    case(
        "digest-in-capitals",
        PLAIN,
        False,
        "lower-case digits",
        bytes=lambda: whole.replace(digits(whole), digits(whole).upper()),
    )
    case("further-metadata", PLAIN, False, "__metadata__ holds one key", metadata={"format": "pt"})
    case("metadata-of-an-object", PLAIN, False, "the description is a text", header=lambda h: unquoted(h))
    case("tensor-entry-with-more", PLAIN, False, "a key that nobody knows", entry=lambda _, e: {**e, "note": 1})
    case(
        "tensor-entry-with-less",
        PLAIN,
        False,
        "no dtype",
        entry=lambda _, e: {k: v for k, v in e.items() if k != "dtype"},
    )
    case(
        "tensor-of-float64",
        PLAIN,
        False,
        "F32 or I8",
        entry=lambda n, e: {**e, "dtype": "F64", "shape": [1]} if n == "dense.b" else e,
    )
    case(
        "tensor-twice", PLAIN, False, "a name stands once", header=lambda h: h[:-1] + b"," + h[h.index(b'"dense.b"') :]
    )
    case(
        "tensors-that-overlap",
        PLAIN,
        False,
        "each has bytes of its own",
        entry=lambda n, e: {**e, "data_offsets": [0, 32]} if n == "dense.w" else e,
    )
    case(
        "tensor-of-no-layer",
        PLAIN,
        False,
        "every tensor is used",
        tensors=PLAIN.tensors | {"spare": ("F32", [1], [1.0])},
    )
    case(
        "tensor-without-elements",
        PLAIN,
        False,
        "every tensor has elements",
        tensors=PLAIN.tensors | {"spare": ("F32", [0], [])},
    )
    case("header-of-latin-1", PLAIN, False, "text is UTF-8", header=lambda h: h.replace(b"edge", b"\xe9dge"))
    case("header-with-a-mark", PLAIN, False, "no byte-order mark", header=lambda h: b"\xef\xbb\xbf" + h)
    case("description-then-more", PLAIN, False, "one object", text=lambda text: text + "{}")
    case("description-of-an-array", PLAIN, False, "one object", text=lambda text: f"[{text}]")
    case(
        "key-twice",
        PLAIN,
        False,
        "a key stands once",
        text=lambda text: text.replace('"format":1', '"format":1,"format":1'),
    )
    case(
        "key-twice-in-training",
        PLAIN,
        False,
        "there too",
        text=lambda text: text.replace('"training":{}', '"training":{"a":1,"a":1}'),
    )
    case(
        "half-a-surrogate-pair",
        PLAIN,
        False,
        "which is no text",
        text=lambda text: text.replace("edge", "edge\\ud83d"),
    )
    case(
        "half-a-pair-in-training",
        PLAIN,
        False,
        "there too",
        text=lambda text: text.replace('"training":{}', '"training":{"a":"\\ude00"}'),
    )
    case(
        "nan", PLAIN, False, "no number of JSON", text=lambda text: text.replace('"threshold":0.5', '"threshold":NaN')
    )
    case(
        "infinite",
        PLAIN,
        False,
        "numbers are finite",
        text=lambda text: text.replace('"threshold":0.5', '"threshold":1e999'),
    )
    case(
        "infinite-in-training",
        PLAIN,
        False,
        "there too",
        text=lambda text: text.replace('"training":{}', '"training":{"a":1e999}'),
    )
    case("whole-number-beyond-float64", PLAIN, False, "numbers are finite", ("training", {"a": 10**400}))
    case(
        "tensors-digest",
        PLAIN,
        False,
        "a file of before 1.3",
        text=lambda text: text.replace("file_sha256", "tensors_sha256"),
    )


def digits(file):
    at = file.index(b'file_sha256\\":\\"') + len(b'file_sha256\\":\\"')
    return file[at : at + 64]


def twice():
    """A file whose digest stands in its training too: it is right for no place alone."""
    spoiled = copy.deepcopy(PLAIN)
    spoiled.text = lambda text: text.replace(
        '"training":{}', '"training":{"a":"DIGITS"}'.replace("DIGITS", json.loads(text)["file_sha256"])
    )
    return spoiled.bytes()


def unquoted(header):
    found = json.loads(header)
    found["__metadata__"]["spikeray"] = json.loads(found["__metadata__"]["spikeray"])
    return json.dumps(found).encode()


def description():
    refused = functools.partial(refuse, base=PLAIN)
    refused("unknown-key", "a key that nobody knows", ("licence", "MIT"))
    refused("null", "null stands nowhere but in training", ("population", None))
    refused("format-2", "format is 1", ("format", 2))
    refused("format-1.0", "a whole number", ("format", 1.0))
    refused("format-true", "a number", ("format", True))
    refused("name-in-capitals", "lower case", ("name", "Tiny"))
    refused("name-of-a-path", "no path", ("name", "../tiny"))
    refused("version-of-two-numbers", "a semantic version", ("version", "1.0"))
    refused("summary-of-two-lines", "one line", ("summary", "one\ntwo"))
    refused("summary-with-an-escape", "nothing that a terminal obeys", ("summary", "\x1b[2J"))
    refused("summary-too-long", "1024 bytes", ("summary", "é" * 513))
    refused("population-of-two-lines", "one line", ("population", "one\ntwo"))
    refused("population-too-long", "1024 bytes", ("population", "x" * 1025))
    refused("ages-of-one-number", "two numbers", ("ages", [5]))
    refused("ages-of-three-numbers", "two numbers", ("ages", [1, 3, 5]))
    refused("ages-that-fall", "the lower first", ("ages", [5, 1]))
    refused("ages-below-0", "from 0", ("ages", [-1, 5]))
    refused("ages-above-150", "to 150", ("ages", [1, 151]))
    refused("ages-of-floats", "whole numbers", ("ages", [1.0, 5.0]))
    refused("ages-of-text", "numbers", ("ages", "1-5"))
    refused("ages-null", "null stands nowhere but in training", ("ages", None))
    refused("training-of-a-list", "an object", ("training", []))
    refused("training-null", "an object", ("training", None))
    refused("training-too-deep", "64 deep", ("training", nested(65)))
    refused("one-label", "two at least", ("labels", ["A"]), ("positive", "A"))
    refused("labels-alike", "different names", ("labels", ["A", "A"]), ("positive", "A"))
    refused("label-empty", "a name", ("labels", ["", "B"]))
    refused("label-too-long", "64 bytes", ("labels", ["é" * 33, "B"]))
    refused("labels-not-units", "as many as units", ("labels", ["A", "B", "C"]))
    refused("positive-of-none", "one of the labels", ("positive", "C"))
    refused("width-of-0", "1 to 1024", ("preparation.width", 0))
    refused("width-of-a-float", "a whole number", ("preparation.width", 2.0))
    refused("width-of-2-to-the-100", "1 to 1024", ("preparation.width", 2**100))
    refused("resize-unknown", "one way", ("preparation.resize", "nearest"))
    refused("scale-of-0", "above 0", ("preparation.scale", 0))
    refused("scale-of-nothing", "0 in float32", ("preparation.scale", 1e-60))
    refused("scale-that-overflows", "pixels beyond 2^100", ("preparation.scale", 1e-30))
    refused("scale-beyond-float32", "a float32", ("preparation.scale", 10**39))
    refused("window-upside-down", "low < high", ("preparation.window", {"low": 9, "high": 8, "least": 1}))
    refused("window-of-no-width", "low < high", ("preparation.window", {"low": 9, "high": 9, "least": 1}))
    refused("window-least-of-0", "1 to 255", ("preparation.window", {"low": 1, "high": 9, "least": 0}))
    refused(
        "window-with-more",
        "a key that nobody knows",
        ("preparation.window", {"low": 1, "high": 9, "least": 1, "more": 1}),
    )
    refused("reduced-decoding-of-1", "true or false", ("preparation.reduced_decoding", 1))
    refused("time-without-neurons", "no time without neurons", ("time", {"axis": "rows"}))
    refused("neurons-without-time", "neurons want an axis", ("time", DROP), base=STEPS)
    refused("axis-unknown", "rows or steps", ("time", {"axis": "columns"}), base=STEPS)
    refused("rows-with-steps", "rows have no steps, not even 0", ("time", {"axis": "rows", "steps": 0}), base=ROWS)
    refused("steps-of-65", "1 to 64", ("time.steps", 65), base=STEPS)
    refused("steps-missing", "how many", ("time", {"axis": "steps"}), base=STEPS)
    refused("threshold-of-2", "0 to 1", ("threshold", 2))
    refused("threshold-and-points", "one or the other", ("threshold", 0.5), base=DECIDED)
    refused("neither-threshold-nor-points", "one or the other", ("threshold", DROP))


def layers():
    refused = functools.partial(refuse, base=STEPS)
    refused("no-layers", "one at least", ("layers", []), base=PLAIN)
    refused("layer-unknown", "a type that nobody knows", ("layers.0.type", "lambda"), base=PLAIN)
    refused("layers-of-one-name", "names of their own", ("layers.2.name", "c1"))
    refused("layer-name-with-a-space", "no spaces", ("layers.2.name", "c 2"))
    refused("layer-with-another-field", "fields of its type", ("layers.0.units", 3))
    refused("layer-with-another-field-of-0", "whatever the value", ("layers.0.units", 0))
    refused("layer-with-an-empty-field", "whatever the value", ("layers.4.padding", ""))
    refused("bias-of-no-name", "a tensor's name", ("layers.0.bias", ""))
    refused("kernel-of-one-number", "two numbers", ("layers.0.kernel", [1]))
    refused("kernel-of-three-numbers", "two numbers", ("layers.0.kernel", [1, 1, 1]))
    refused("kernel-of-32", "1 to 31", ("layers.0.kernel", [32, 1]))
    refused("stride-of-0", "1 to 31", ("layers.0.stride", [0, 1]))
    refused("padding-unknown", "valid or same", ("layers.0.padding", "full"))
    refused("channels-that-lie", "as the tensor has them", ("layers.0.channels", 3))
    refused("channels-of-2-to-the-100", "1 to 4096", ("layers.0.channels", 2**100))
    refused("weights-missing", "a tensor of the file", ("layers.0.weights", "none"))
    refused("weights-of-another", "each tensor is one layer's", ("layers.2.bias", "c1.b"))
    refused("weights-of-nan", "finite", tensors=tensor(STEPS, "c1.w", [math.nan, 1.0]))
    refused("weights-of-another-shape", "[kh][kw][in][out]", tensors=tensor(STEPS, "c2.w", shape=[1, 1, 4, 1]))
    refused(
        "whole-weights-without-a-scale",
        "F32 without a scale",
        ("layers.1.scale", DROP),
        base=WHOLE,
        tensors={k: v for k, v in WHOLE.tensors.items() if k != "dense.s"},
    )
    refused("scale-with-float-weights", "I8 with a scale", base=WHOLE, tensors=WHOLE.tensors | PLAIN.tensors)
    refused(
        "scale-behind-a-mean",
        "whole numbers come in",
        ("layers.5.scale", "dense.s"),
        tensors=STEPS.tensors | {"dense.w": ("I8", [2, 2], [1, 2, 3, 4]), "dense.s": ("F32", [2], [0.1, 0.1])},
    )
    refused("no-softmax", "the last layer is one", ("layers", [FLATTEN, dense()]), base=PLAIN)
    refused(
        "softmax-first",
        "and no other layer",
        ("layers", [FLATTEN, {**SOFTMAX, "name": "s"}, dense(), SOFTMAX]),
        base=PLAIN,
    )
    refused("dense-of-a-map", "flattened first", ("layers", [dense(), SOFTMAX]), base=PLAIN)
    one = File(
        described(
            [conv("c1"), dense(), SOFTMAX], preparation={**PLAIN.description["preparation"], "width": 1, "height": 1}
        ),
        weights("c1", 1, 1, 1, 2) | weights("dense", 2, 2),
    )
    refused("dense-of-a-map-of-one-place", "flattened first, though the numbers are the same", base=one)
    refused(
        "softmax-of-a-map-of-one-place",
        "likewise",
        base=File({**one.description, "layers": [conv("c1"), SOFTMAX]}, weights("c1", 1, 1, 1, 2)),
    )
    refused(
        "convolution-of-a-vector",
        "a map comes in",
        base=File(described([FLATTEN, conv("c1"), SOFTMAX]), weights("c1", 1, 1, 4, 2)),
    )
    refused("average-of-a-vector", "a map comes in", ("layers", [FLATTEN, AVERAGE, dense(), SOFTMAX]), base=PLAIN)
    refused(
        "rows-of-a-vector",
        "a map comes in",
        ("layers", [FLATTEN, dense("c1"), RELU, dense(), SOFTMAX]),
        base=ROWS,
        tensors=weights("c1", 4, 2) | weights("dense", 2, 2),
    )
    refused("pool-beyond-the-map", "a window fits", ("layers.2.pool", [3, 3]), base=ROWS)
    refused(
        "relu-in-the-body",
        "a current goes to neurons",
        ("layers", [conv("c1"), FIRES, conv("c2"), {"type": "relu", "name": "r"}, LEAKY, AVERAGE, dense(), SOFTMAX]),
    )
    refused(
        "average-in-the-body",
        "between neurons, pooling is max_pool2d",
        (
            "layers",
            [conv("c1"), FIRES, {**MAX_POOL, "type": "average_pool2d"}, conv("c2"), LEAKY, AVERAGE, dense(), SOFTMAX],
        ),
    )
    refused(
        "neurons-after-neurons",
        "weights between them",
        ("layers", [conv("c1"), FIRES, LEAKY, conv("c2"), {**FIRES, "name": "f2"}, AVERAGE, dense(), SOFTMAX]),
    )


def neurons():
    refused = functools.partial(refuse, base=STEPS)
    refused("neurons-unknown", "a model that nobody knows", ("layers.1.model", "izhikevich"))
    refused("dt-of-0", "above 0", ("layers.1.dt", 0), base=ROWS)
    refused("dt-of-nothing", "0 in float32", ("layers.1.dt", 1e-60), base=ROWS)
    refused("dt-of-integrate-and-fire", "not its field, not even 0", ("layers.1.dt", 0))
    refused("decay-of-integrate-and-fire", "not its field, not even 0", ("layers.1.decay", 0))
    refused("most-of-spiking-relu", "not its field", ("layers.1.most", 1), base=ROWS)
    refused("decay-of-1", "below 1", ("layers.3.decay", 1))
    refused("decay-of-nearly-1", "1 in float32", ("layers.3.decay", 1 - 1e-12))
    refused("decay-missing", "a leak", ("layers.3.decay", DROP))
    refused("threshold-of-nothing", "0 in float32", ("layers.1.threshold", 1e-50))
    refused("reset-unknown", "subtract or zero", ("layers.1.reset", "never"))
    refused("most-of-256", "1 to 255", ("layers.1.most", 256))
    refused("most-with-another-threshold", "threshold 1", ("layers.1.most", 2), ("layers.1.threshold", 2))
    refused("most-of-a-reset-to-zero", "reset by subtraction", ("layers.3.most", 2))
    refused("start-missing", "the first voltages", ("layers.1.start", DROP))
    refused("start-unknown", "constant or uniform", ("layers.1.start", {"kind": "normal"}))
    refused("start-of-no-value", "a constant has one", ("layers.1.start", {"kind": "constant"}))
    refused("start-of-no-seed", "a uniform start has one", ("layers.1.start", {"kind": "uniform"}))
    refused(
        "start-of-both", "neither has both, not even 0", ("layers.1.start", {"kind": "uniform", "seed": 1, "value": 0})
    )
    refused("seed-below-0", "unsigned", ("layers.1.start", {"kind": "uniform", "seed": -1}))
    refused("seed-of-65-bits", "64 bits", ("layers.1.start", {"kind": "uniform", "seed": 2**64}))
    refused("seed-of-a-float", "a whole number", ("layers.1.start", {"kind": "uniform", "seed": 1.0}))
    refused("weights-of-2-to-the-100", "values beyond 2^100", tensors=tensor(STEPS, "c1.w", [2.0**100, 1.0]))
    refused(
        "bias-of-2-to-the-101", "values beyond 2^100", tensors=tensor(PLAIN, "dense.b", [2.0**101, 0.0]), base=PLAIN
    )
    refused(
        "product-beyond-2-to-the-100",
        "values beyond 2^100",
        base=File(
            described([FLATTEN, dense("d1"), {**dense("d2")}, SOFTMAX]),
            {
                "d1.w": ("F32", [4, 2], [1e16] * 8),
                "d1.b": ("F32", [2], [0.0, 0.0]),
                "d2.w": ("F32", [2, 2], [1e16] * 4),
                "d2.b": ("F32", [2], [0.0, 0.0]),
            },
        ),
    )
    refused(
        "scale-of-2-to-the-100", "values beyond 2^100", base=WHOLE, tensors=tensor(WHOLE, "dense.s", [2.0**100, 1.0])
    )
    refused("start-of-2-to-the-101", "values beyond 2^100", ("layers.1.start.value", 2**101))
    refused("amplitude-of-2-to-the-100", "values beyond 2^100", ("layers.1.amplitude", 2**100))
    refused("dt-that-overflows", "values beyond 2^100", ("layers.1.dt", 1e32), base=ROWS)
    refused("dt-whose-spike-overflows", "values beyond 2^100", ("layers.1.dt", 1e-30), base=ROWS)


def decisions():
    refused = functools.partial(refuse, base=DECIDED)
    refused("method-unknown", "logistic", ("calibration.method", "isotonic"))
    refused("slope-of-0", "above 0", ("calibration.slope", 0))
    refused("slope-beyond-float32", "a float32", ("calibration.slope", 10**39))
    refused("prevalence-of-1", "below 1", ("calibration.prevalence", 1))
    refused("no-points", "one at least", ("operating_points", []))
    refused(
        "nine-points",
        "8 at most",
        (
            "operating_points",
            [{"name": f"p{i}", "threshold": 0.5, "sensitivity": SHARE, "specificity": SHARE} for i in range(9)],
        ),
        ("early", DROP),
    )
    refused("points-of-one-name", "names of their own", ("operating_points.1.name", "balanced"))
    refused("point-in-capitals", "lower case", ("operating_points.0.name", "Balanced"))
    refused(
        "interval-without-its-value",
        "low <= value <= high",
        ("operating_points.0.sensitivity", {**SHARE, "low": 0.91}),
    )
    refused("early-of-all-steps", "fewer", ("early.0.steps", 3))
    refused("early-without-a-calibration", "as the model has one", ("early.0.calibration", DROP))
    refused("early-of-other-points", "the model's own", ("early.0.operating_points.0.name", "other"))
    refused("early-of-rows", "steps", ("early", [{"steps": 1, "threshold": 0.5}]), base=ROWS)
    refused("gate-accepts-none", "one of its labels", ("gate.accept", "maybe"))
    refused("gate-scale-that-overflows", "pixels beyond 2^100", ("gate.scale", 1e-30))
    refused("gate-with-the-models-tensor", "each tensor is one layer's", ("gate.layers.1.weights", "dense.w"))
    refused("gate-that-overflows", "values beyond 2^100", tensors=tensor(DECIDED, "gate.b", [2.0**101, 0.0]))
    refused("gate-with-a-preparation", "a key that nobody knows", ("gate.preparation", {}))
    refused("measure-unknown", "a name that nobody knows", ("reference.measures.0.name", "sharpness"))
    refused(
        "measures-alike",
        "names of their own",
        ("reference.measures.1", {"name": "log_odds", "edges": [1], "counts": [[1, 1], [1, 1]]}),
    )
    refused("edges-not-ascending", "ascending", ("reference.measures.0.edges", [1, 1]))
    refused("counts-of-another-number", "one for each bin", ("reference.measures.0.counts", [[9, 8], [5, 2]]))
    refused("counts-of-one-class", "of both classes", ("reference.measures.0.counts", [[9, 8, 2]]))
    refused("counts-of-nothing", "a picture at least", ("reference.measures.0.counts", [[0, 0, 0], [5, 2, 7]]))
    refused("counts-of-2-to-the-100", "2^31 at most", ("reference.measures.0.counts", [[2**100, 8, 2], [5, 2, 7]]))
    refused("limit-of-0", "above 0", ("reference.measures.0.limit", 0))
    refused("estimate-of-no-point", "an operating point", ("reference.estimates.0.operating_point", "other"))
    refused(
        "estimate-without-log-odds",
        "log-odds are measured",
        ("reference.measures.0", {"name": "contrast", "edges": [1], "counts": [[1, 1], [1, 1]]}),
    )
    refused(
        "gate-log-odds-without-a-gate",
        "a gate",
        ("reference.measures.1", {"name": "gate_log_odds", "edges": [1], "counts": [[1, 1], [1, 1]]}),
        ("gate", DROP),
        tensors={k: v for k, v in DECIDED.tensors.items() if not k.startswith("gate")},
    )


def main():
    for group in (accepted, container, description, layers, neurons, decisions):
        group()
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*"):
        old.unlink()
    names = [name for name, *_ in CASES]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    listed = []
    for name, good, why, content in CASES:
        (OUT / f"{name}.safetensors").write_bytes(content)
        listed.append({"file": f"{name}.safetensors", "verdict": "accepted" if good else "refused", "why": why})
    (OUT / "list.json").write_text(json.dumps(listed, indent=0, ensure_ascii=False) + "\n")
    total = sum(p.stat().st_size for p in OUT.iterdir())
    print(f"{len(CASES)} files, {total} bytes")


if __name__ == "__main__":
    main()
