"""A checkpoint of ours into a model file: `python -m spikeray article export CHECKPOINT OUT`.

Reads .keras and .h5 with Keras. For a file from elsewhere, see `python -m spikeray convert`.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence

from ..data import CREDIT
from ..keras_files import describe
from ..keras_files.record import Record, UnsupportedError, bare


def export(
    checkpoint, out, name, version, run=None, summary=None, reduced_decoding=False, population=None, ages=None
) -> bytes:
    """Writes the model file of a checkpoint; gives back its bytes.

    run: the run's run.json, by default the one beside the checkpoint; without one, provenance names the data alone.
    """
    checkpoint = pathlib.Path(checkpoint)
    beside = checkpoint.with_name("run.json")
    run = run or (beside if beside.exists() else None)
    provenance = {**(json.loads(pathlib.Path(run).read_text()) if run else {}), "data": CREDIT}
    return describe.write(
        records_of(keras_model(checkpoint)),
        out,
        name,
        version,
        provenance,
        summary,
        reduced_decoding,
        population=population,
        ages=ages,
    )


def keras_model(checkpoint):
    """A checkpoint as a Keras model. Code in the file (a Lambda layer) is refused by Keras, not run."""
    import keras

    from . import spiking  # noqa: F401 - registers our layers with Keras

    return keras.models.load_model(checkpoint, compile=False, safe_mode=True)


def records_of(model) -> tuple[list[Record], tuple[int, int, int]]:
    """The layers of a Keras model that is a chain, and the shape (H, W, C) of its input."""
    import keras

    layers = model.layers
    if not isinstance(model, keras.Sequential):
        for before, layer in zip([None, *layers], layers):
            nodes = layer._inbound_nodes
            parents = [n.operation for n in nodes[0].parent_nodes] if len(nodes) == 1 else None
            if parents != ([before] if before else []):
                raise UnsupportedError(layer.name, "the network is not a chain of layers")
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or any(not isinstance(n, int) for n in shape[1:]):
        raise UnsupportedError("input", f"of shape {shape}, (batch, height, width, 1) is wanted")
    return [Record(bare(type(x).__name__), x.name, x.get_config(), x.get_weights()) for x in layers], shape[1:]


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(
        prog=prog, description="Write the model file of a checkpoint that `article train` made."
    )
    ap.add_argument("checkpoint", type=pathlib.Path, help=".keras or .h5")
    ap.add_argument("out", type=pathlib.Path, help="model file to write, .safetensors")
    ap.add_argument("--name", required=True)
    ap.add_argument("--version", required=True, help="semantic version, such as 1.0.0")
    ap.add_argument("--run", type=pathlib.Path, help="run.json with the provenance (default: beside the checkpoint)")
    ap.add_argument("--summary", help="one line for people")
    a = ap.parse_args(arguments)
    try:
        export(a.checkpoint, a.out, a.name, a.version, a.run, a.summary)
    except Exception as e:  # Keras answers a file that it cannot load with nearly any exception
        print(
            f"{a.checkpoint}: {' '.join(str(e).split())[:500] or type(e).__name__} (a file from elsewhere is for "
            "`python -m spikeray convert`)",
            file=sys.stderr,
        )
        sys.exit(2)
