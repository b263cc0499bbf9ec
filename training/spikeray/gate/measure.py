"""Measures the gate: how many frontal chests it flags, and how many of other pictures.

python -m spikeray gate measure --data DATA [--others FOLDER] [--dicom FOLDER] [--originals FOLDER]
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from .. import data, modelfile
from .network import probabilities
from .section import SHIPPED, file_of
from .train import data_arguments
from .validation import chests, read, read_dicom, shrink, wrong


def _measured_on(root, fold, others, dicom, originals):
    """(chests by kind, others by kind, names of the pictures by kind where they have one)."""
    validation = data.split(root, fold)[1]
    yes = {f"validation, {kind}": x for kind, x in chests(validation).items()}
    no = {f"validation, {kind}": x for kind, x in wrong(validation).items()}
    names = {}

    def add(to, kind, paths, read):
        found = []
        for path in sorted(paths):
            try:
                x = read(path)
            except OSError as e:
                print(f"{path.name}: {e}", file=sys.stderr)
                continue
            if x is not None:
                found.append((path.name, shrink(x)))
        names[kind], to[kind] = [n for n, _ in found], np.stack([x for _, x in found])

    add(yes, "official `val`", [p.path for p in data.scan(root, "val")], read)
    if originals:
        add(yes, "originals, as published", pathlib.Path(originals).glob("*/*.jpeg"), read)
    if dicom:
        add(yes, "DICOM, chests", pathlib.Path(dicom).glob("chest/*.dcm"), read_dicom)
        add(no, "DICOM, other", pathlib.Path(dicom).glob("other/*.dcm"), read_dicom)
    for sub in sorted(p for p in pathlib.Path(others).iterdir() if p.is_dir()) if others else ():
        add(no, sub.name, sub.iterdir(), read)
    return yes, no, names


def measure(path, root, fold=0, others=None, dicom=None, originals=None) -> str:
    """The gate's confusion as a markdown table, and the files that it got wrong."""
    model = modelfile.read(file_of(path))
    labels, least = model[0].labels, modelfile.default_threshold(model[0])
    yes, no, names = _measured_on(root, fold, others, dicom, originals)
    lines, missed = (
        [f"| | pictures | flagged | {' | '.join(f'as {s}' for s in labels[1:])} |", "|---" * (2 + len(labels)) + "|"],
        [],
    )
    for title, kinds, wanted in (("**frontal chests**", yes, False), ("**others**", no, True)):
        lines.append(f"| {title} |" + " |" * (len(labels) + 1))
        total = []
        for kind, pictures in kinds.items():
            p = probabilities(model, pictures)
            flagged, reason = p[:, 0] < least, p[:, 1:].argmax(axis=1)
            counts = [int((flagged & (reason == i)).sum()) for i in range(len(labels) - 1)]
            lines.append(
                f"| {kind} | {len(p)} | {100 * flagged.mean():.2f} % | " + " | ".join(map(str, counts)) + " |"
            )
            total.append(flagged.mean())
            missed += [
                f"- {kind}: `{name}`, {q:.2f}"
                for name, q, f in zip(names.get(kind, ()), p[:, 0], flagged)
                if f != wanted
            ]
        lines.append(f"| mean of these kinds | | {100 * np.mean(total):.2f} % |" + " |" * (len(labels) - 1))
    return "\n".join(
        [*lines, "", "Files called wrongly, with their probability of a frontal chest:", "", *(missed or ["none"])]
    )


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Measure the gate.")
    ap.add_argument(
        "--gate", default=SHIPPED, help="a run's folder or its gate.safetensors (default: the shipped one)"
    )
    ap.add_argument("--others", help="folder of folders of pictures that are no frontal chests")
    ap.add_argument("--dicom", help="folder with chest/ and other/ of DICOM files; needs pydicom")
    ap.add_argument("--originals", help="folder with NORMAL/ and PNEUMONIA/ of pictures as published")
    data_arguments(ap)
    a = ap.parse_args(arguments)
    print(measure(a.gate, a.data, a.fold, a.others, a.dicom, a.originals))
