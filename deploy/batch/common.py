"""What the rows beside this file share."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

binary = os.environ["SPIKERAY_BIN"]
scratch = pathlib.Path(os.environ["SPIKERAY_SCRATCH"])
root = pathlib.Path(__file__).resolve().parents[2]


def report(tried, figure, must, good):
    """Prints a line of the table."""
    print(tried, figure, must, "ok" if good else "failed", sep="\t", flush=True)
    if not good:
        sys.exit(1)


def pictures():
    """Paths of real films where they lie beside the checkout, else of the examples."""
    data = pathlib.Path(os.environ.get("SPIKERAY_TEST_FILMS", root.parent / "shared" / "data"))
    found = sorted(glob.glob(f"{data}/originals/*/*.jpeg")) + sorted(glob.glob(f"{data}/dicom/*/*.dcm"))
    return [pathlib.Path(p) for p in found] or sorted((root / "examples").glob("*.png"))


def archive(n):
    """A folder of n pictures, some of them damaged; the paths in it."""
    folder, known = scratch / "archive", pictures()
    for i in range(n):
        source = known[i % len(known)]
        to = folder / f"{i // 100:03}" / f"{i:05}{source.suffix}"
        to.parent.mkdir(parents=True, exist_ok=True)
        if i % 25 == 24:
            data = source.read_bytes()
            to.write_bytes([data[: len(data) // 2], b"", b"no picture"][i // 25 % 3])
        else:
            try:
                os.link(source, to)
            except OSError:  # on another file system
                shutil.copyfile(source, to)
    (folder / "000" / "Thumbs.db").write_text("not an answer's")
    return folder, sorted(str(p) for p in folder.glob("*/*") if p.name != "Thumbs.db")


def predicted(folder):
    """What predict answers, by path."""
    done = subprocess.run([binary, "predict", "--json", folder], capture_output=True, text=True)
    rows = map(json.loads, done.stdout.splitlines())
    return {row["file"]: row for row in rows}


def differs(row, want):
    """Whether a row of batch or pipe differs from predict's; the path may be written otherwise."""
    row = {key: value for key, value in row.items() if key not in ("index", "input_digest", "file")}
    if "error" in row:
        for key in ("threshold", "operating_point", "steps", "warnings", "problem"):
            row.pop(key)
    return row != {key: value for key, value in want.items() if key != "file"}


def batch(out, *words, **more):
    return subprocess.Popen([binary, "batch", "--out", str(out), *map(str, words)], stderr=subprocess.PIPE, text=True, **more)


def children(of):
    """Processes below one, with the program of each."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            text = pathlib.Path(stat).read_text()
            parents[int(text.split()[0])] = int(text.rpartition(")")[2].split()[1])
    below, found = {of}, {}
    while more := {pid for pid, parent in parents.items() if parent in below and pid not in below}:
        below |= more
    for pid in below - {of}:
        with contextlib.suppress(OSError):
            found[pid] = os.readlink(f"/proc/{pid}/exe")
    return found, parents


def programs():
    """Processes of the program, whoever started them."""
    running = []
    for exe in glob.glob("/proc/[0-9]*/exe"):
        with contextlib.suppress(OSError):
            if os.readlink(exe).removesuffix(" (deleted)") == os.path.realpath(binary):
                running.append(int(exe.split("/")[2]))
    return running


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
