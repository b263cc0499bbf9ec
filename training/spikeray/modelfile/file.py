"""The model file, written and read: safetensors, the description in its header, a digest over all of it."""

import hashlib
import json
import math
import pathlib
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from .description import Description
from .limits import MAX_DEPTH, MAX_FILE, MAX_HEADER, MAX_TENSORS, MAX_TRAINING
from .network import Tensors, check
from .values import ModelFileError, keys

KEY = "spikeray"
_NO_DIGEST = "0" * 64
_DTYPES = {"F32": "<f4", "I8": "i1"}


def write(path: str | pathlib.Path, description: Description, tensors: Tensors) -> bytes:
    """Checks and writes a model; gives back the file's bytes. `file_sha256` is filled in here.

    The same description and tensors give the same bytes.
    """
    file = encode(description, tensors)
    pathlib.Path(path).write_bytes(file)
    return file


def encode(description: Description, tensors: Tensors) -> bytes:
    """The bytes that `write` writes."""
    tensors = {k: np.ascontiguousarray(v, np.int8 if v.dtype == np.int8 else np.float32) for k, v in tensors.items()}

    def saying(digest: str) -> bytes:
        described = description.changed(file_sha256=digest).json()
        check(Description.from_json(described), tensors)
        text = json.dumps(described, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return safetensors.numpy.save(tensors, {KEY: text})

    file = saying(hashlib.sha256(saying(_NO_DIGEST)).hexdigest())
    decode(file)
    return file


def read(path: str | pathlib.Path) -> tuple[Description, Tensors]:
    """A model file as (description, tensors by name), checked throughout."""
    with open(path, "rb") as f:
        return decode(f.read(MAX_FILE + 1))


def decode(file: bytes) -> tuple[Description, Tensors]:
    """As `read`, from the file's bytes."""
    if len(file) > MAX_FILE:
        raise ModelFileError("file", f"longer than {MAX_FILE} bytes")
    if len(file) < 8:
        raise ModelFileError("file", "too short for a safetensors header")
    length = int.from_bytes(file[:8], "little")
    if length > MAX_HEADER or length > len(file) - 8:
        most = min(MAX_HEADER, len(file) - 8)
        raise ModelFileError("header", f"says it is {length} bytes long; at most {most} can be")
    entries = _json("header", file[8 : 8 + length])
    metadata = entries.pop("__metadata__", None)
    if not isinstance(metadata, dict) or set(metadata) != {KEY} or not isinstance(metadata[KEY], str):
        raise ModelFileError("header.__metadata__", f"exactly one key, {KEY!r}, is wanted")
    if len(entries) > MAX_TENSORS:
        raise ModelFileError("header", f"more than {MAX_TENSORS} tensors")
    for name, entry in entries.items():
        keys(f"tensors.{name[:64]}", entry, "dtype shape data_offsets")
    tensors = tensors_of(file)
    description = Description.from_json(_json(KEY, metadata[KEY]))
    _check_training(metadata[KEY])
    check(description, tensors)
    if description.file_sha256 is None:
        raise ModelFileError("description.file_sha256", "is missing")
    header, digest = file[: 8 + length], description.file_sha256.encode()
    if header.count(digest) != 1:
        raise ModelFileError(
            "file_sha256", f"its digits stand in the header {header.count(digest)} times, once is wanted"
        )
    blank = header.replace(digest, _NO_DIGEST.encode()) + file[8 + length :]
    if hashlib.sha256(blank).hexdigest().encode() != digest:
        raise ModelFileError("file_sha256", "is not the digest of this file: it is damaged, or was changed by hand")
    return description, tensors


def tensors_of(file: bytes) -> Tensors:
    """The tensors of a safetensors file by name, each float32 or int8."""
    try:
        raw = safetensors.deserialize(file)
    except safetensors.SafetensorError as e:
        raise ModelFileError("file", f"not a whole safetensors file: {e}") from e
    tensors = {}
    for name, entry in raw:
        if entry["dtype"] not in _DTYPES:
            raise ModelFileError(f"tensors.{name}", f"is {entry['dtype']}, one of {sorted(_DTYPES)} is wanted")
        tensors[name] = np.frombuffer(bytes(entry["data"]), _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def _check_training(text: str) -> None:
    """Holds `training` against its limits, as it stands in the description's text."""
    decoder, at = json.JSONDecoder(), text.index("{") + 1
    while '"' in text[at:]:
        key, at = decoder.raw_decode(text, text.index('"', at))
        begin = text.index(":", at) + 1
        begin += len(text[begin:]) - len(text[begin:].lstrip())
        value, at = decoder.raw_decode(text, begin)
        if key != "training":
            continue
        if len(text[begin:at].encode()) > MAX_TRAINING or _depth(value) > MAX_DEPTH:
            raise ModelFileError("training", f"at most {MAX_TRAINING} bytes, nested {MAX_DEPTH} deep, are wanted")


def _depth(value: Any) -> int:
    """How many objects and arrays stand in one another."""
    deep, level = 0, [value]
    while level := [v for v in level if isinstance(v, dict | list)]:
        deep += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return deep


def _json(at: str, text: str | bytes) -> dict[str, Any]:
    """An object of JSON, to the letter: no key twice, every number finite, text that is UTF-8."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number of JSON")

    def finite(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            raise ValueError(f"{digits[:64]} is too large a number")
        return value

    def whole(digits: str) -> int:
        finite(digits)
        return int(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({k for k, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        text = text.decode() if isinstance(text, bytes) else text
        value = json.loads(text, parse_constant=refuse, parse_float=finite, parse_int=whole, object_pairs_hook=unique)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as e:
        raise ModelFileError(at, f"not JSON: {e}") from e
    if not isinstance(value, dict):
        raise ModelFileError(at, "an object is wanted")
    return value
