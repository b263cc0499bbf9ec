"""Model files of versions before 1.3, whose digest left out the header, written anew with one over the whole file:

    python -m spikeray reseal FILE...

Weights and description stay. A file is checked against the digest that it has, and replaced only when the new one is
whole.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Sequence

from .description import Description
from .file import KEY, decode, encode, tensors_of
from .limits import MAX_HEADER
from .values import ModelFileError


def reseal(file: bytes) -> bytes:
    """The same model with `file_sha256`; a file that has it comes back as it is, if it is whole."""
    length = int.from_bytes(file[:8], "little")
    if not 0 < length <= min(MAX_HEADER, len(file) - 8):
        raise ModelFileError("header", "no safetensors header")
    try:
        header = json.loads(file[8 : 8 + length])
        description = json.loads(header["__metadata__"][KEY])
        said = description.pop("tensors_sha256", None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise ModelFileError("header", "not that of a model file") from e
    if said is None:
        decode(file)
        return file
    if hashlib.sha256(file[8 + length :]).hexdigest() != said:
        raise ModelFileError("tensors_sha256", "the tensors are not the ones that were written")
    return encode(Description.from_json(description), tensors_of(file))


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    ap = argparse.ArgumentParser(
        prog=prog, description="Writes model files of versions before 1.3 anew, with a digest over the whole file."
    )
    ap.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    failed = False
    for path in ap.parse_args(arguments).files:
        try:
            old = path.read_bytes()
            new = reseal(old)
            if new != old:
                beside = path.with_name(path.name + ".new")
                beside.write_bytes(new)
                os.replace(beside, path)
            print(
                f"{path}: {'written anew' if new != old else 'has it already'}, "
                f"sha256:{hashlib.sha256(new).hexdigest()}"
            )
        except (OSError, ModelFileError) as e:
            print(f"{path}: {e}", file=sys.stderr)
            failed = True
    return 2 if failed else 0
