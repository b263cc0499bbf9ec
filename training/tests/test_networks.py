"""The article's networks: their size, and that a seed makes them the same."""

import numpy as np
import pytest

from spikeray.article import export
from spikeray.article.networks import NETWORKS, snnxray
from spikeray.keras_files import translate
from spikeray.modelfile import Neurons

PARAMETERS = 575_452  # the article's network


@pytest.mark.parametrize(
    "make", [*NETWORKS.values(), lambda: snnxray(time_axis="steps", steps=2)], ids=[*NETWORKS, "snnxray over steps"]
)
def test_size(make):
    model = make()
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS
    network = translate.translate(export.records_of(model)[0])
    assert sum(t.size for t in network.tensors.values()) == PARAMETERS


def test_seeds():
    weights = [NETWORKS["snnxray"](seed=s).get_layer("conv1").get_weights()[0] for s in (3, 3, 4)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()
    starts = [
        layer.start.seed
        for layer in translate.translate(export.records_of(snnxray(seed=2))[0]).layers
        if isinstance(layer, Neurons)
    ]
    assert starts == [2001, 2002, 2003]
