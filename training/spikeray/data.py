"""The chest X-rays: the official folder layout, exact duplicates dropped, folds by patient.

A data set is a folder with `train`, `val` and `test` under it, and NORMAL and PNEUMONIA under each.
Validation is carved out of `train` by patient. `test` is never opened here unless it is named.
"""

import argparse
import hashlib
import pathlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

LABELS = ("NORMAL", "PNEUMONIA")
FOLDS = 5
# What a model that was trained on these pictures is for; its answers carry it.
POPULATION = (
    "Made from chest X-rays of children of one to five years, of one hospital. Of other children it may be wrong more "
    "often than it tells. "
    "Not for adults: it calls most healthy ones ill."
)
AGES = (1, 5)  # in whole years, both of them included
CREDIT = (
    "Kermany, Zhang, Goldbaum (2018), Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
    "Classification, Mendeley Data, doi 10.17632/rscbjbr9sj.2, CC BY 4.0"
)
_PICTURES = {".jpeg", ".jpg", ".png"}


@dataclass(frozen=True)
class Picture:
    path: pathlib.Path
    label: int  # index into LABELS
    patient: str
    sha256: str


def patient_of(name: str, label: int) -> str:
    """The patient a file name speaks of.

    person63_bacteria_306.jpeg -> bacteria/person63: the two aetiologies number their patients apart.
    NORMAL2-IM-1345-0001.jpeg -> NORMAL2/1345; IM-0115-0001.jpeg -> IM/0115.
    A name of neither form is a patient of its own.
    """
    stem = pathlib.Path(name).stem
    if label == 1:
        m = re.fullmatch(r"person(\d+)_(bacteria|virus)_\d+.*", stem)
        if m:
            return f"{m[2]}/person{int(m[1])}"
    else:
        m = re.fullmatch(r"(?:(NORMAL2)-)?IM-(\d+)-.*", stem)
        if m:
            return f"{m[1] or 'IM'}/{m[2]}"
    return f"{LABELS[label]}/{stem}"


def scan(root, split: str) -> list[Picture]:
    """Every picture of one official split, by name, the second and later copies of a file left out.

    A file that stands under both labels would be a contradiction and is an error.
    """
    return folder(pathlib.Path(root) / split)


def folder(path) -> list[Picture]:
    """Every picture under a folder's NORMAL and PNEUMONIA, as `scan` gives them."""
    root = pathlib.Path(path)
    seen: dict[str, Picture] = {}
    out = []
    for label, name in enumerate(LABELS):
        sub = root / name
        if not sub.is_dir():
            raise FileNotFoundError(f"{sub} is missing: expected {{{','.join(LABELS)}}} under {root}")
        for path in sorted(sub.iterdir()):
            if path.suffix.lower() not in _PICTURES:
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest in seen:
                if seen[digest].label != label:
                    raise ValueError(f"{path} and {seen[digest].path} are one file under two labels")
                continue
            picture = Picture(path, label, patient_of(path.name, label), digest)
            seen[digest] = picture
            out.append(picture)
    return out


def folds(pictures: list[Picture], k: int = FOLDS) -> np.ndarray:
    """Assigns each picture to one of k folds, all of a patient to the same one; shape [len(pictures)].

    Patients of a class are taken in the order of the SHA-256 of their key, each to the fold that holds the
    fewest pictures of the class so far: no random generator, so the folds are the same everywhere.
    """
    fold_of: dict[str, int] = {}
    for label in range(len(LABELS)):
        count: dict[str, int] = {}
        for p in pictures:
            if p.label == label:
                count[p.patient] = count.get(p.patient, 0) + 1
        load = [0] * k
        for patient in sorted(count, key=lambda s: hashlib.sha256(s.encode()).hexdigest()):
            fold_of[patient] = f = load.index(min(load))
            load[f] += count[patient]
    return np.array([fold_of[p.patient] for p in pictures])


def split(root, fold: int = 0) -> tuple[list[Picture], list[Picture]]:
    """`train` as (training, validation) pictures: fold number `fold` of FOLDS is the validation."""
    pictures = scan(root, "train")
    f = folds(pictures)
    return ([p for p, i in zip(pictures, f) if i != fold], [p for p, i in zip(pictures, f) if i == fold])


def series_of(patient: str) -> tuple[str, int]:
    """The numbering that a patient stands in, and the number: ("bacteria", 63), ("NORMAL2", 1345), ("IM", 115)."""
    kind, number = patient.split("/", 1)
    m = re.fullmatch(r"(?:person)?(\d+)", number)
    if not m:
        raise ValueError(f"patient {patient!r} has no number to put it in a block by")
    return kind, int(m[1])


def blocks(pictures: list[Picture], k: int = FOLDS) -> np.ndarray:
    """Assigns each picture to one of k contiguous blocks of its numbering, about as many pictures in each; shape
    [len(pictures)].

    Numbers follow time: a block is a stretch of it, as the official test is. All of a patient are in one block.
    """
    out = np.empty(len(pictures), int)
    where = [series_of(p.patient) for p in pictures]
    for kind in {kind for kind, _ in where}:
        rows = [i for i, (other, _) in enumerate(where) if other == kind]
        numbers = np.array([where[i][1] for i in rows])
        out[rows] = np.searchsorted(np.quantile(numbers, np.arange(1, k) / k), numbers, side="left")
    return out


def digest(pictures: list[Picture]) -> str:
    """SHA-256 over the pictures' own digests and labels, in order: names the data a run has seen."""
    h = hashlib.sha256()
    for p in pictures:
        h.update(f"{p.sha256} {p.label}\n".encode())
    return h.hexdigest()


def prepare(path, size: int = 100) -> np.ndarray:
    """One picture as the networks see it: float32 [size][size][1] in 0..1.

    Grey, then Pillow's antialiased bilinear to size x size (aspect not kept), 8 bits a pixel, over 255.
    """
    with Image.open(path) as im:
        grey = im.convert("L").resize((size, size), Image.Resampling.BILINEAR)
    return (np.asarray(grey, np.float32) / np.float32(255))[..., None]


def prepare_all(pictures: list[Picture], size: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as (x float32 [n][size][size][1], y int [n])."""
    x = np.empty((len(pictures), size, size, 1), np.float32)
    for i, p in enumerate(pictures):
        x[i] = prepare(p.path, size)
    return x, np.array([p.label for p in pictures])


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Lay out a validation fold as a folder that `evaluate` reads.")
    ap.add_argument("--data", required=True, help="folder with train/val/test")
    ap.add_argument("--fold", type=int, default=0)
    ap.add_argument("--link", required=True, help="folder to make; gets NORMAL/ and PNEUMONIA/ of symbolic links")
    ap.add_argument("--blocks", action="store_true", help="a block of the numbering in place of a random fold")
    args = ap.parse_args(arguments)
    pictures = scan(args.data, "train")
    held_out = (blocks if args.blocks else folds)(pictures) == args.fold
    training, validation = ([p for p, held in zip(pictures, held_out) if held == which] for which in (False, True))
    for p in validation:
        link = pathlib.Path(args.link) / LABELS[p.label] / p.path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(p.path.resolve())
    for name, part in (("training", training), ("validation", validation)):
        n = [sum(p.label == label for p in part) for label in range(len(LABELS))]
        print(
            f"{name}: {len(part)} pictures, {n[0]} NORMAL, {n[1]} PNEUMONIA, "
            f"{len({p.patient for p in part})} patients, digest {digest(part)[:16]}"
        )
