"""A model file's reference is checked throughout when it is read, and every complaint names the field."""

import copy

import numpy as np
import pytest
from test_modelfile import GATED, GATED_TENSORS, checked, put, said

from spikeray import modelfile
from spikeray.modelfile import ModelFileError

RATE = {"sensitivity": 0.05, "specificity": 0.2}
REFERRED = GATED | {
    "reference": {
        "measures": [
            {"name": "log_odds", "edges": [-1, 1.5], "counts": [[90, 8, 2], [5, 20, 275]], "limit": 20},
            {"name": "gate_log_odds", "edges": [8], "counts": [[50, 50], [100, 200]]},
            {"name": "format", "values": ["jpeg", "png"], "counts": [[100, 0, 0], [299, 1, 0]]},
        ],
        "estimates": [
            {
                "operating_point": "screening",
                "confident": [-0.5, 0.25],
                "error": {"cbpe": dict(RATE), "atc": dict(RATE)},
            }
        ],
    }
}
MEASURES, ESTIMATE = ["reference", "measures"], ["reference", "estimates", 0]
WRONG = [
    (put(["reference"], None), "reference"),
    (put(["reference", "more"], 1), "reference.more"),
    (put(MEASURES, []), "reference.measures"),
    (put([*MEASURES, 0, "name"], "sharpness"), "reference.measures.name"),
    (put([*MEASURES, 1, "name"], "log_odds"), "reference.measures.name"),
    (put([*MEASURES, 0, "name"], []), "reference.measures.name"),
    (put([*MEASURES, 0, "more"], 1), "reference.measures.more"),
    (put([*MEASURES, 0, "edges"], [1, 1]), "reference.measures.edges"),
    (put([*MEASURES, 0, "edges"], [1, -1]), "reference.measures.edges"),
    (put([*MEASURES, 0, "edges"], [1, 1e39]), "reference.measures.edges"),
    (put([*MEASURES, 0, "edges"], []), "reference.measures.edges"),
    (put([*MEASURES, 0, "edges"], list(range(32))), "reference.measures.edges"),
    (put([*MEASURES, 0, "edges"], KeyError), "reference.measures.edges"),
    (put([*MEASURES, 0, "values"], ["a", "b"]), "reference.measures.edges"),
    (put([*MEASURES, 2, "edges"], [1, 2]), "reference.measures.edges"),
    (put([*MEASURES, 2, "values"], KeyError), "reference.measures.edges"),
    (put([*MEASURES, 2, "values"], ["a", "a"]), "reference.measures.values"),
    (put([*MEASURES, 2, "values"], ["a", "a b"]), "reference.measures.values"),
    (put([*MEASURES, 2, "values"], ["a", []]), "reference.measures.values"),
    (put([*MEASURES, 0, "counts"], [[90, 8], [5, 20, 275]]), "reference.measures.counts"),
    (put([*MEASURES, 0, "counts"], [[90, 8, 2]]), "reference.measures.counts"),
    (put([*MEASURES, 0, "counts"], [[0, 0, 0], [5, 20, 275]]), "reference.measures.counts"),
    (put([*MEASURES, 0, "counts", 0, 0], -1), "reference.measures.counts"),
    (put([*MEASURES, 0, "counts", 0, 0], 2.5), "reference.measures.counts"),
    (put([*MEASURES, 0, "counts", 0, 0], 1 << 32), "reference.measures.counts"),
    (put([*MEASURES, 0, "limit"], 0), "reference.measures.limit"),
    (put([*MEASURES, 0, "limit"], 1e39), "reference.measures.limit"),
    (put(["reference", "estimates"], []), "reference.estimates"),
    (put([*MEASURES, 0, "name"], "contrast"), "reference.estimates"),
    (put(["calibration"], KeyError), "reference.estimates"),
    (put([*ESTIMATE, "operating_point"], "none"), "reference.estimates.operating_point"),
    (put(["reference", "estimates"], REFERRED["reference"]["estimates"] * 2), "reference.estimates.operating_point"),
    (put([*ESTIMATE, "confident"], [1]), "reference.estimates.confident"),
    (put([*ESTIMATE, "confident"], [1, 1e39]), "reference.estimates.confident"),
    (put([*ESTIMATE, "confident"], KeyError), "reference.estimates.confident"),
    (put([*ESTIMATE, "error", "atc"], KeyError), "reference.estimates.error.atc"),
    (put([*ESTIMATE, "error", "atc", "sensitivity"], 1.5), "reference.estimates.error"),
]


@pytest.mark.parametrize("i", range(len(WRONG)))
def test_references_that_do_not_hold(i):
    change, field = WRONG[i]
    description = copy.deepcopy(REFERRED)
    change(description)
    with pytest.raises(ModelFileError) as e:
        checked(description, GATED_TENSORS)
    assert e.value.field == field


def test_a_reference_is_written_and_read(tmp_path):
    modelfile.write(tmp_path / "m", said(REFERRED), GATED_TENSORS)
    assert modelfile.read(tmp_path / "m")[0].reference.json() == REFERRED["reference"]


def test_any_value_anywhere_is_refused_or_held():
    rng = np.random.default_rng(3)
    values = [None, True, -1, 0, 1, 2.5, 10**400, float("nan"), "", "format", [], {}, [None], [[1], [2]]]
    for _ in range(2000):
        description = copy.deepcopy(REFERRED)
        at = description["reference"]
        while True:
            key = list(at)[rng.integers(len(at))] if isinstance(at, dict) else int(rng.integers(len(at)))
            if isinstance(at[key], (dict, list)) and at[key] and rng.random() < 0.8:
                at = at[key]
                continue
            at[key] = values[rng.integers(len(values))]
            break
        try:
            checked(description, GATED_TENSORS)
        except ModelFileError:
            pass
