"""What was measured on: processor, memory, versions; and how busy it was with something else."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import time

PACKAGES = ("onnxruntime", "openvino", "torch", "snntorch", "spikingjelly", "pillow", "numpy", "fastapi", "uvicorn")
EXTENSIONS = ("avx2", "avx512f", "avx512bw", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")


def cores() -> list[int]:
    """The processors that this process may use."""
    return sorted(os.sched_getaffinity(0))


def describe(root: pathlib.Path, ours: pathlib.Path) -> list[tuple[str, str]]:
    """(what, its value), for the report; `ours` is the program of bench/ours."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()

    def field(name):
        found = re.search(rf"^{name}\s*:\s*(.*)$", cpu, re.M)
        return found[1] if found else ""

    flags = set((field("flags") or field("Features")).split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    family = f" (family {field('cpu family')}, model {field('model')})" if field("cpu family") else ""
    virtual = ", a virtual machine" if "hypervisor" in flags else ""
    return [
        ("date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{field('model name') or platform.machine()}{family}, {len(cores())} cores{virtual}"),
        ("extensions", " ".join(e for e in EXTENSIONS if e in flags) or "none that matter here"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("spikeray", f"{_says('git', '-C', root, 'describe', '--always', '--dirty', '--abbrev=12')}, {_says(ours, '-version')}"),
        ("Python", f"{platform.python_version()}: " + ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)),
    ]


def busy(seconds=2.0) -> float:
    """The share of all processors' time that others take while this process sleeps, stolen time included."""
    before = _jiffies()
    time.sleep(seconds)
    after = _jiffies()
    spent = [b - a for a, b in zip(before, after)]
    return 1 - (spent[3] + spent[4]) / sum(spent)


class Stolen:
    """`share` is how much of the processors' time since creation the hypervisor gave to others."""

    def __init__(self):
        self._before = _jiffies()

    def share(self) -> float:
        spent = [b - a for a, b in zip(self._before, _jiffies())]
        return spent[7] / max(1, sum(spent))


def _jiffies():
    return [int(n) for n in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def _says(*command):
    """What it prints, or that it could not."""
    found = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return found.stdout.strip() or f"({command[0]} does not say)"
