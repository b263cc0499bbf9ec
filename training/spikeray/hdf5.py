"""Files that nobody vouches for, read by a child process; and what may be taken out of an HDF5 file.

The HDF5 library can loop for ever, crash or ask for any amount of memory on a damaged file, so a child process reads
it, with limits on time and memory, and hands on what it found as safetensors. Nothing in the file is run.
"""

import json
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import safetensors
import safetensors.numpy

from .modelfile import limits

MAX_FILE = 512 << 20  # a checkpoint also carries the optimiser's state
MAX_WEIGHTS = limits.MAX_FILE // 4  # numbers in all: more could not be written
MAX_NAMES = 4 * limits.MAX_LAYERS
MAX_SECONDS = 60
MAX_MEMORY = 4 << 30


class HDF5Error(ValueError):
    """A file that is no HDF5 file of the kind wanted, or is damaged."""


def in_child(path, module) -> tuple[dict, dict[str, np.ndarray]]:
    """What `python -m module path`, which calls `serve`, found in a file: (index, tensors by name).

    Raises HDF5Error, or OSError when the file cannot be opened.
    """
    if pathlib.Path(path).stat().st_size > MAX_FILE:
        raise HDF5Error(f"longer than {MAX_FILE} bytes")
    try:
        child = subprocess.run(
            [sys.executable, "-m", module, str(pathlib.Path(path).resolve())],
            capture_output=True,
            timeout=MAX_SECONDS,
            cwd=pathlib.Path(__file__).parents[1],
        )
    except subprocess.TimeoutExpired:
        raise HDF5Error(f"damaged: reading it took more than {MAX_SECONDS} seconds") from None
    if child.returncode == 2:
        raise HDF5Error(child.stderr.decode("utf-8", "replace").strip())
    if child.returncode:
        raise HDF5Error("damaged: reading it fails")
    header = json.loads(child.stdout[8 : 8 + int.from_bytes(child.stdout[:8], "little")])
    return json.loads(header["__metadata__"]["index"]), safetensors.numpy.load(child.stdout)


def serve(read, opened=h5py.File):
    """The child's part: `read`, of the file that is `opened`, gives (index, tensors by name), or raises HDF5Error."""
    _limit_memory()
    try:
        with opened(sys.argv[1], "r") as file:
            index, tensors = read(file)
            contents = safetensors.numpy.save(tensors, {"index": json.dumps(index)})
    except HDF5Error as e:
        sys.exit(_complain(str(e)))
    except Exception as e:  # h5py answers damage with nearly any exception
        sys.exit(_complain(f"damaged: {e}"))
    sys.stdout.buffer.write(contents)


def is_counter(data) -> bool:
    """Whether an array is no weight but a count, or the state of a generator of random numbers."""
    return (
        isinstance(data, h5py.Dataset)
        and data.dtype.kind in "iu"
        and data.shape is not None
        and data.size <= 2
        and len(data.shape) < 2
    )


def tensor_in(group, leaf, path, room) -> np.ndarray:
    """The array `leaf` of a group as float32, at most `room` numbers; `path` names it in complaints."""
    data = member(group, leaf)
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise HDF5Error(f"weights {path!r} are not in the file")
    if data.dtype.kind != "f" or data.dtype.itemsize > 8:
        raise HDF5Error(f"weights {path!r} are {data.dtype}, floating-point numbers are wanted")
    if data.shape is None or len(data.shape) > 4 or data.size > room:
        raise HDF5Error(f"weights {path!r} have shape {data.shape}: beyond four axes, or {MAX_WEIGHTS} numbers in all")
    with np.errstate(over="ignore"):
        values = np.asarray(data[()], np.float32)
    if not np.isfinite(values).all():
        raise HDF5Error(f"weights {path!r} hold a number that is not finite")
    return values


def group_in(parent, name):
    group = member(parent, name)
    if not isinstance(group, h5py.Group):
        raise HDF5Error(f"{name!r} is not a group")
    return group


def member(parent, name):
    """What the file itself has under a name."""
    # A soft or external link could lead round in circles, or to another file.
    if name not in parent or not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise HDF5Error(f"{name!r} is missing from the file")
    return parent[name]


def _limit_memory():
    try:
        import resource
    except ImportError:  # not on Windows; the sizes checked above still hold
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _complain(message):
    print(" ".join(message.split())[:500], file=sys.stderr)
    return 2
