"""The model file's reader, writer and quantiser, which are the training package's, and a look at a header alone."""

import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "training"))

from spikeray.modelfile import read, write  # noqa: E402, F401
from spikeray import window as grey_window  # noqa: E402, F401
from spikeray.quantise import quantise  # noqa: E402, F401


def header(path) -> tuple[dict, dict[str, str]]:
    """(description, type of each tensor by its name), unchecked: spikeray checks the file when it opens it."""
    with open(path, "rb") as f:
        found = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    description = json.loads(found.pop("__metadata__")["spikeray"])
    return description, {name: tensor["dtype"] for name, tensor in found.items()}
