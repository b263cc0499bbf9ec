"""The article's networks: their size, and that a seed makes them the same."""

import numpy as np
import pytest

from spikeray import export, translate
from spikeray.recipes import RECIPES, snnxray

PARAMETERS = 575_452  # the article's network


@pytest.mark.parametrize("make", [*RECIPES.values(), lambda: snnxray(time_axis="steps", steps=2)],
                         ids=[*RECIPES, "snnxray over steps"])
def test_size(make):
    model = make()
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS
    network = translate.translate(export.records_of(model)[0])
    assert sum(t.size for t in network.tensors.values()) == PARAMETERS


def test_seeds():
    weights = [RECIPES["snnxray"](seed=s).get_layer("conv1").get_weights()[0] for s in (3, 3, 4)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()
    starts = [layer["start"]["seed"] for layer in translate.translate(export.records_of(snnxray(seed=2))[0]).layers
              if layer["type"] == "neurons"]
    assert starts == [2001, 2002, 2003]
