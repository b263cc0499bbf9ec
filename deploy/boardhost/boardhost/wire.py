"""Bodies of the Open Inference Protocol V2 over HTTP, with the binary tensor extension. Tensors of spikes are UINT8."""

import json
import math
from dataclasses import dataclass, field

import numpy as np

HEADER_LENGTH = "Inference-Header-Content-Length"
MAX_JSON = 1 << 20
DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4",
    "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


class WireError(ValueError):
    """A body that is not as the protocol has it."""


@dataclass
class Request:
    inputs: dict  # arrays by name
    outputs: list  # of (name, binary), in the order asked for; empty is all
    id: str = ""
    parameters: dict = field(default_factory=dict)
    binary: bool = False  # outputs that are not named come as binary data


def decode(body, header=None):
    """A request; header is the value of HEADER_LENGTH or None."""
    try:
        return _decode(body, header)
    except WireError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as e:
        raise WireError(f"{type(e).__name__}: {e}"[:200]) from None


def _decode(body, header):
    length = len(body)
    if header is not None:
        if not (header.isascii() and header.isdigit() and len(header) < 10 and int(header) <= len(body)):
            raise WireError(f"{HEADER_LENGTH} is {header[:20]!r}, the body has {len(body)} bytes")
        length = int(header)
    if length > MAX_JSON:
        raise WireError(f"{length} bytes of JSON, must be at most {MAX_JSON}")
    message, rest, inputs = json.loads(body[:length]), memoryview(body)[length:], {}
    for t in message["inputs"]:
        name, shape, dtype = t["name"], t["shape"], DTYPES.get(t["datatype"])
        if dtype is None or not isinstance(name, str) or name in inputs:
            raise WireError(f"tensor {name!r} of datatype {t['datatype']!r}"[:200])
        if len(shape) > 16 or any(type(n) is not int or not 0 <= n < 1 << 31 for n in shape) or math.prod(shape) > 1 << 31:
            raise WireError(f"tensor {name!r} has a shape that cannot be")
        dtype, size = np.dtype(dtype), (t.get("parameters") or {}).get("binary_data_size")
        if (size is None) == ("data" not in t):
            raise WireError(f"tensor {name!r} must have its data exactly once, in the JSON or after it")
        if size is not None:
            want = math.prod(shape) * dtype.itemsize
            if type(size) is not int or size != want or want > len(rest):
                raise WireError(f"tensor {name!r} has {size!r} bytes, its shape asks for {want} and {len(rest)} are left")
            inputs[name], rest = np.frombuffer(rest[:want], dtype).reshape(shape), rest[want:]
        else:
            inputs[name] = _numbers(t["data"], dtype, shape)
    if len(rest):
        raise WireError(f"{len(rest)} bytes follow the last tensor")
    parameters = message.get("parameters") or {}
    everything = parameters.get("binary_data_output") is True
    outputs = [(o["name"], (o.get("parameters") or {}).get("binary_data", everything) is True) for o in message.get("outputs") or []]
    return Request(inputs, outputs, str(message.get("id", "")), parameters, everything)


def _numbers(data, dtype, shape):
    numbers = np.array(data)
    if numbers.size != math.prod(shape) or numbers.size and numbers.dtype.kind not in ("b" if dtype.kind == "b" else "iuf"):
        raise WireError("data does not fit shape and datatype")
    out = numbers.astype(dtype).reshape(shape)
    if dtype.kind in "iu" and not (out == numbers.reshape(shape)).all():
        raise WireError("data does not fit its datatype")
    return out


def encode(model, outputs, id="", parameters=None):
    """A body and its HEADER_LENGTH; outputs are (name, array, parameters, binary)."""
    tensors, data = [], []
    for name, array, own, binary in outputs:
        array = np.ascontiguousarray(array)
        t = {"name": name, "shape": list(array.shape), "datatype": NAMES[array.dtype.newbyteorder("<")], "parameters": dict(own)}
        if binary:
            data.append(array.tobytes())
            t["parameters"]["binary_data_size"] = array.nbytes
        else:
            t["data"] = array.ravel().tolist()
        tensors.append(t)
    message = {"model_name": model, "model_version": "1", "outputs": tensors, "parameters": parameters or {}}
    if id:
        message["id"] = id
    head = json.dumps(message, separators=(",", ":")).encode()
    return head + b"".join(data), str(len(head))
