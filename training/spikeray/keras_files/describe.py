"""The model file of a chain of Keras layers: what `translate` made of it, with a name, labels and a preparation."""

from .. import data, modelfile
from ..modelfile import Description, Preparation
from .record import UnsupportedError
from .translate import translate


def write(
    records_and_shape,
    out,
    name,
    version,
    provenance,
    summary=None,
    reduced_decoding=False,
    labels=data.LABELS,
    positive=None,
    scale=255,
    offset=0,
    population=None,
    ages=None,
) -> bytes:
    """Writes the model file of (records, input shape (H, W, 1)), as `article.export.records_of` gives them.

    labels: in the order of the read-out's units; one sigmoid is the probability of the second. positive: one of them,
    by default the second. scale, offset: the network is fed pixels / scale + offset. population: whom it is made for.
    ages: from which to which age, in whole years.
    """
    records, (height, width, channels) = records_and_shape
    if channels != 1:
        raise UnsupportedError("input", f"{channels} channels, 1 (grey) is wanted")
    network = translate(records, scale, offset)
    if network.units != len(labels):
        raise UnsupportedError(
            "output",
            f"{network.units} classes, so as many labels are wanted in the order of its units (--labels of "
            f"`python -m spikeray convert`), not {list(labels)}",
        )
    kind = {
        None: "Convolutional network",
        "rows": "Spiking network, rows as time",
        "steps": "Spiking network, steps as time",
    }[network.time.axis if network.time else None]
    preparation = Preparation(
        width=width, height=height, scale=network.scale, reduced_decoding=True if reduced_decoding else None
    )
    description = Description(
        name=name,
        version=version,
        summary=summary or f"{kind}: pneumonia in children's chest X-rays",
        population=population or None,
        ages=ages,
        labels=tuple(labels),
        positive=labels[1] if positive is None else positive,
        preparation=preparation,
        time=network.time,
        layers=tuple(network.layers),
        threshold=0.5,
        training=provenance,
    )
    return modelfile.write(out, description, network.tensors)
