#!/usr/bin/env python3
"""Holds spikeray's grey of every kind of legal picture file (kinds.py) against that of other libraries.

    pip install numpy pillow opencv-python-headless tifffile imagecodecs     (and libjpeg-turbo's cjpeg, djpeg and jpegtran)
    python oracle.py table     writes docs/PICTURES.md between its marks
    python oracle.py golden    writes ../testdata/formats.json, which TestLegalFilesLikeOtherLibraries reads

Run it anywhere in the tree, with Go installed.
"""
import base64
import importlib.metadata
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from PIL import Image

os.environ["OPENCV_LOG_LEVEL"] = "OFF"
import cv2
import tifffile

import kinds

here = pathlib.Path(__file__).resolve().parent
root = here.parents[2]
warnings.simplefilter("ignore")


def full_range(a):
    """Samples as 0 to 255, whatever their depth."""
    return a.astype(float) * 255 / np.iinfo(a.dtype).max if a.dtype != bool else a * 255.0


def pillow(data, format):
    im = Image.open(io.BytesIO(data))
    if im.mode.startswith("I"):
        return full_range(np.asarray(im).astype(np.uint16))
    if im.mode in ("LA", "RGBA", "PA"):
        im = Image.alpha_composite(Image.new("RGBA", im.size, "black"), im.convert("RGBA"))
    return full_range(np.asarray(im.convert("RGB").convert("L") if im.mode == "P" else im.convert("L")))


def opencv(data, format):
    a = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH)
    if a is None or a.dtype.kind != "u":
        raise ValueError("refused")
    return full_range(a)


def libjpeg(data, format):
    if format != "JPEG":
        return None
    out = subprocess.run(["djpeg", "-grayscale"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout
    return full_range(np.asarray(Image.open(io.BytesIO(out)).convert("L")))


def tiff(data, format):
    if format != "TIFF":
        return None
    with tifffile.TiffFile(io.BytesIO(data)) as f:
        page = next((p for p in f.pages if not p.subfiletype & 1), f.pages[0])
        a = page.asarray()
        if a.dtype.kind not in "ub":
            raise ValueError("not whole numbers above zero")
        a = a.astype(float) * (255 / (2**page.bitspersample - 1)) if page.photometric != 3 else page.colormap[:, a].astype(float) / 257
        if a.ndim == 3:  # the first of equal colours
            a = a[0] if page.planarconfig == 2 or page.photometric == 3 else a[..., 0]
        if page.photometric == 5:
            raise ValueError("inks, not grey")
        return 255 - a if page.photometric == 0 else a


oracles = {"Pillow": pillow, "OpenCV": opencv, "libjpeg-turbo": libjpeg, "tifffile": tiff}


def ours(files):
    """What spikeray makes of each file: its grey, or the reason why it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder, str(i)) for i in range(len(files))]
        for path, data in zip(paths, files):
            path.write_bytes(data)
        out = subprocess.run(["go", "run", "."], cwd=here, input="".join(f"{p}\n" for p in paths).encode(), stdout=subprocess.PIPE, check=True,
                             env={**os.environ, "CGO_ENABLED": "0"}).stdout
    stream = io.BytesIO(out)
    for _ in files:
        a = json.loads(stream.readline())
        if a["error"]:
            yield re.sub(r"^\w+: radiograph: [^:]*: ", "", a["error"]), []
            continue
        samples = np.frombuffer(stream.read(a["width"] * a["height"] * a["bits"] // 8), ">u2" if a["bits"] == 16 else "u1")
        yield full_range(samples.reshape(a["height"], a["width"]).astype(f"u{a['bits'] // 8}")), a["warnings"] or []


def ask(oracle, data, format):
    try:
        return oracle(data, format)
    except Exception as e:  # whatever a library throws, it has not read the file
        return str(e) or "refused"


def cell(answer, reference):
    if answer is None:
        return ""
    if isinstance(answer, str):
        return "refused"
    if reference is None:
        return "read"
    if answer.shape != reference.shape:
        return "of another size"
    worst = np.abs(answer - reference).max()
    return "equal" if worst < 0.5 else f"differs by {worst:.0f}"


def measure(width, height):
    """Yields format, name, bytes, reference, the oracles' answers and spikeray's."""
    files = list(kinds.kinds(kinds.phantom(width, height)))
    for (format, name, data, reference), (own, said) in zip(files, ours([f[2] for f in files])):
        answers = {n: ask(o, data, format) for n, o in oracles.items()}
        if reference is None:
            reference = next((a for a in (answers["libjpeg-turbo"], answers["Pillow"]) if a is not None and not isinstance(a, str)), None)
        yield format, name, data, reference, answers, own, said


def table():
    versions = ", ".join(f"{n} {importlib.metadata.version(p)}" for n, p in
                         {"Pillow": "pillow", "OpenCV": "opencv-python-headless", "tifffile": "tifffile", "imagecodecs": "imagecodecs"}.items())
    if shutil.which("djpeg"):
        versions += ", " + subprocess.run(["djpeg", "-version"], stderr=subprocess.PIPE).stderr.decode().split("(")[0].strip()
    lines, last = [f"Measured against {versions}."], None
    for format, name, data, reference, answers, own, said in measure(203, 180):
        if format != last:
            other = {"JPEG": "libjpeg-turbo", "TIFF": "tifffile"}.get(format)
            columns = ["Pillow", "OpenCV"] + ([other] if other else [])
            lines += ["", f"### {format}", "", "| kind | " + " | ".join(columns) + " | spikeray |", "|" + "---|" * (len(columns) + 2)]
            last = format
        verdict = cell(own, reference)
        if isinstance(own, str):
            verdict += ": " + own
        if said:
            verdict += ", with a warning: " + ", ".join(w.split(":")[0] for w in said)
        lines.append("| " + " | ".join([name, *(cell(answers[c], reference) for c in columns), verdict]) + " |")
    page = root / "docs" / "PICTURES.md"
    text = page.read_text()
    begin, end = "<!-- oracle.py table -->\n", "<!-- end -->"
    page.write_text(text[: text.index(begin) + len(begin)] + "\n".join(lines) + "\n" + text[text.index(end) :])


def golden():
    """Small files and the grey that at least one other library makes of them; JPEG and PNG have golden files of their own."""
    out = []
    for format, name, data, reference, answers, own, said in measure(21, 18):
        agreed = [n for n, a in answers.items() if reference is not None and cell(a, reference) == "equal"]
        if format in ("JPEG", "PNG") or not agreed or isinstance(own, str):
            continue
        out.append({"format": format.lower(), "name": name, "agreed": agreed, "file": base64.b64encode(data).decode(),
                    "grey": base64.b64encode(np.rint(reference).astype(np.uint8).tobytes()).decode(), "width": 21, "height": 18})
    text = ",\n".join(json.dumps(o) for o in out)
    (here.parent / "testdata" / "formats.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    {"table": table, "golden": golden}[sys.argv[1]]()
