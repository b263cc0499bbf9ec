"""A checkpoint of ours into a model file: `python -m spikeray.export CHECKPOINT OUT --name snnxray --version 1.0.0`.

Reads .keras and .h5 with Keras. For a file from elsewhere, see spikeray.convert.
"""

import argparse
import json
import pathlib
import sys

from . import data, modelfile
from .translate import Record, UnsupportedError, bare, translate

CREDIT = ("Kermany, Zhang, Goldbaum (2018), Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
          "Classification, Mendeley Data, doi 10.17632/rscbjbr9sj.2, CC BY 4.0")


def export(checkpoint, out, name, version, run=None, summary=None, reduced_decoding=False, population=None) -> bytes:
    """Writes the model file of a checkpoint; gives back its bytes.

    run: the run's run.json, by default the one beside the checkpoint; without one, provenance names the data alone.
    """
    checkpoint = pathlib.Path(checkpoint)
    beside = checkpoint.with_name("run.json")
    run = run or (beside if beside.exists() else None)
    provenance = {**(json.loads(pathlib.Path(run).read_text()) if run else {}), "data": CREDIT}
    return write(records_of(load(checkpoint)), out, name, version, provenance, summary, reduced_decoding, population=population)


def write(records_and_shape, out, name, version, provenance, summary=None, reduced_decoding=False, labels=data.LABELS, positive=None,
          scale=255, offset=0, population=None) -> bytes:
    """Writes the model file of (records, input shape (H, W, 1)), as `records_of` gives them.

    labels: in the order of the read-out's units; one sigmoid is the probability of the second. positive: one of them, by
    default the second. scale, offset: the network is fed pixels / scale + offset. population: whom it is made for.
    """
    records, (height, width, channels) = records_and_shape
    if channels != 1:
        raise UnsupportedError("input", f"{channels} channels, 1 (grey) is wanted")
    network = translate(records, scale, offset)
    if network.units != len(labels):
        raise UnsupportedError("output", f"{network.units} classes, so as many labels are wanted in the order of its units (--labels of spikeray.convert), not {list(labels)}")
    kind = {None: "Convolutional network", "rows": "Spiking network, rows as time",
            "steps": "Spiking network, steps as time"}[network.time and network.time["axis"]]
    description = {
        "format": 1, "name": name, "version": version,
        "summary": summary or f"{kind}: pneumonia in children's chest X-rays",
        **({"population": population} if population else {}),
        "labels": list(labels), "positive": labels[1] if positive is None else positive,
        "preparation": {"width": width, "height": height, "resize": "bilinear_antialiased", "scale": network.scale,
                        **({"reduced_decoding": True} if reduced_decoding else {})},
        **({"time": network.time} if network.time else {}),
        "layers": network.layers, "threshold": 0.5, "training": provenance,
    }
    return modelfile.write(out, description, network.tensors)


def load(checkpoint):
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


def main():
    ap = argparse.ArgumentParser(description="Write the model file of a checkpoint that spikeray.train made.")
    ap.add_argument("checkpoint", type=pathlib.Path, help=".keras or .h5")
    ap.add_argument("out", type=pathlib.Path, help="model file to write, .safetensors")
    ap.add_argument("--name", required=True)
    ap.add_argument("--version", required=True, help="semantic version, such as 1.0.0")
    ap.add_argument("--run", type=pathlib.Path, help="run.json with the provenance (default: beside the checkpoint)")
    ap.add_argument("--summary", help="one line for people")
    a = ap.parse_args()
    try:
        export(a.checkpoint, a.out, a.name, a.version, a.run, a.summary)
    except Exception as e:  # Keras answers a file that it cannot load with nearly any exception
        print(f"{a.checkpoint}: {' '.join(str(e).split())[:500] or type(e).__name__} (a file from elsewhere is for spikeray.convert)", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
