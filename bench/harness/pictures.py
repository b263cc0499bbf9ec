"""The pictures, the same ones in the same order for every contender."""

import io
import pathlib

import numpy as np
from PIL import Image, ImageFilter

from peers import pictures

SAMPLE, CALIBRATION = 64, 64  # pictures of 224 pixels that are measured, and others that int8 peers are calibrated on


class Pictures:
    """`small` and `originals` are files; `originals` is empty where there are none. `prepared` and `calibration` are
    [n][size][size], 8 bits; `rest` is the calibration's files. `origin` says in words what `small` is."""

    def __init__(self, data: pathlib.Path, room: pathlib.Path, size: int, most: int | None = None):
        self.originals = sorted(p for p in (data / "originals").glob("*/*") if p.is_file())[:most]
        train = [sorted((data / "kermany" / "train" / label).glob("*")) for label in ("NORMAL", "PNEUMONIA")]
        if all(len(files) >= SAMPLE for files in train):
            spread = [files[i * len(files) // SAMPLE] for i in range(SAMPLE) for files in train]  # classes in turn
            small, rest = spread[:SAMPLE], spread[SAMPLE:]
            self.origin = f"{SAMPLE} chest X-rays of 224 pixels, evenly spaced through the training set, classes in turn"
        else:
            small = _draw(room / "drawn", SAMPLE + CALIBRATION)
            small, rest = small[:SAMPLE], small[SAMPLE:]
            self.origin = f"{SAMPLE} drawn pictures of 224 pixels, because there are no X-rays here"
        self.small = small[:most]
        self.prepared = np.stack([pictures.grey(p.read_bytes(), size) for p in self.small])
        self.rest = rest
        self.calibration = np.stack([pictures.grey(p.read_bytes(), size) for p in rest])


def write_list(path: pathlib.Path, files) -> pathlib.Path:
    """The files' names, one a line."""
    path.write_text("".join(f"{p.resolve()}\n" for p in files))
    return path


def _draw(folder, count):
    """Clouds with the blur of a radiograph, JPEG quality 75, the same ones every time."""
    folder.mkdir()
    random, files = np.random.default_rng(1), []
    for i in range(count):
        cloud = Image.fromarray(random.integers(0, 256, (28, 28), np.uint8)).resize((224, 224), Image.Resampling.BICUBIC)
        grain = Image.fromarray(random.integers(96, 160, (224, 224), np.uint8))
        out = io.BytesIO()
        Image.blend(cloud, grain, 0.2).filter(ImageFilter.GaussianBlur(1)).save(out, "JPEG", quality=75)
        files.append(folder / f"{i:03}.jpg")
        files[-1].write_bytes(out.getvalue())
    return files
