"""The training package's reader, writer and quantiser of model files, for descriptions as plain JSON; a look at a header
alone; and its grey window."""

import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "training"))

from spikeray import modelfile  # noqa: E402
from spikeray.modelfile import quantise as whole_numbers  # noqa: E402
from spikeray.modelfile import window as grey_window  # noqa: E402, F401


def read(path) -> tuple[dict, dict]:
    """(description, tensors by name), checked throughout."""
    description, tensors = modelfile.read(path)
    return description.json(), tensors


def write(path, description: dict, tensors: dict) -> bytes:
    return modelfile.write(path, modelfile.Description.from_json(description), tensors)


def quantise(description: dict, tensors: dict) -> tuple[dict, dict]:
    """The model with whole-number weights wherever whole numbers come in."""
    made, whole = whole_numbers.quantise(modelfile.Description.from_json(description), tensors)
    return made.json(), whole


def header(path) -> tuple[dict, dict[str, str]]:
    """(description, type of each tensor by its name), unchecked: spikeray checks the file when it opens it."""
    with open(path, "rb") as f:
        found = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    description = json.loads(found.pop("__metadata__")["spikeray"])
    return description, {name: tensor["dtype"] for name, tensor in found.items()}
