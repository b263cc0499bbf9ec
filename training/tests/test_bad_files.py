"""Files at the edge of the format: accepted or refused by the list that the server is held to as well."""

import json
import pathlib

import pytest

from spikeray import modelfile
from spikeray.modelfile import ModelFileError

BAD = pathlib.Path(__file__).parents[2] / "pkg/model/testdata/bad"
LIST = json.loads((BAD / "list.json").read_text())


def test_the_list_is_whole():
    assert sorted(c["file"] for c in LIST) == sorted(p.name for p in BAD.glob("*.safetensors"))
    assert {c["verdict"] for c in LIST} == {"accepted", "refused"}


@pytest.mark.parametrize("case", LIST, ids=lambda c: c["file"].removesuffix(".safetensors"))
def test_the_verdict_is_the_servers(case):
    if case["verdict"] == "accepted":
        description, tensors = modelfile.read(BAD / case["file"])
        modelfile.encode(description, tensors)
    else:
        with pytest.raises(ModelFileError) as refusal:
            modelfile.read(BAD / case["file"])
        assert refusal.value.field != "file_sha256" or "digest" in case["file"], case["why"]
