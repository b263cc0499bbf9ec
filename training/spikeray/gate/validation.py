"""What the gate is asked once it is trained: validation chests as they come, harmed, and made wrong; DICOM files."""

import numpy as np
from PIL import Image

from .. import stress
from .network import SIZE
from .pictures import SIZE as PREPARED  # the model's picture, which the gate's is resized from
from .pictures import chest

AFAR = "as if from elsewhere"


def read(path) -> np.ndarray:
    """A picture file as grey uint8 [height][width]."""
    with Image.open(path) as im:
        if im.mode.startswith("I;16"):
            return (np.asarray(im) >> 8).astype(np.uint8)
        return np.asarray(im.convert("L"))


def shrink(picture, size=SIZE) -> np.ndarray:
    """Any grey uint8 picture to what the gate takes: to the model's size, and from there to the gate's."""
    for n in (PREPARED, size):
        picture = np.asarray(Image.fromarray(picture).resize((n, n), Image.Resampling.BILINEAR))
    return picture


def chests(pictures) -> dict[str, np.ndarray]:
    """Validation chests as they are, harmed as the protocol's stressed validation has it, tilted, and AFAR: uint8
    [n][48][48] by kind."""
    out = {"as they are": np.stack([shrink(read(p.path)) for p in pictures])}
    for kind in stress.KINDS:
        out[kind] = np.stack([shrink(x) for x in stress.prepare_all(pictures, kind, PREPARED)])
    rng = np.random.default_rng(10)
    out["tilted by at most 10 degrees"] = np.stack(
        [shrink(_tilted(read(p.path), rng.uniform(-10, 10))) for p in pictures]
    )
    out[AFAR] = np.stack([shrink(chest(rng, read(p.path))) for p in pictures])
    return out


def _tilted(x, degrees, expand=False):
    return np.asarray(Image.fromarray(x).rotate(degrees, Image.Resampling.BILINEAR, expand=expand))


def _part(x, keep, rng):
    h, w = (round(k * n) for k, n in zip(keep, x.shape))
    top, left = rng.integers(0, x.shape[0] - h + 1), rng.integers(0, x.shape[1] - w + 1)
    return np.ascontiguousarray(x[top : top + h, left : left + w])


WRONG = {  # what is done to validation chests that must be flagged
    "inverted": lambda x, rng: 255 - x,
    "turned by 90 degrees": lambda x, rng: np.rot90(x).copy(),
    "turned by 180 degrees": lambda x, rng: np.rot90(x, 2).copy(),
    "turned by 270 degrees": lambda x, rng: np.rot90(x, 3).copy(),
    "upside down": lambda x, rng: x[::-1].copy(),
    "turned by 30 degrees": lambda x, rng: _tilted(x, rng.choice([-30, 30]), rng.random() < 0.5),
    "turned by 30 to 150 degrees": lambda x, rng: _tilted(
        x, rng.choice([-1, 1]) * rng.uniform(30, 150), rng.random() < 0.5
    ),
    "cropped to half of each side": lambda x, rng: _part(x, (0.5, 0.5), rng),
    "cropped to 20 to 50 % of each side": lambda x, rng: _part(x, rng.uniform(0.2, 0.5, 2), rng),
}


def wrong(pictures) -> dict[str, np.ndarray]:
    out = {}
    for kind, make in WRONG.items():
        rng = np.random.default_rng(11)
        out[kind] = np.stack([shrink(make(read(p.path), rng)) for p in pictures])
    return out


def read_dicom(path):
    """The first frame of a DICOM file, windowed as it asks, uint8 grey; None where it holds no picture."""
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

    d = pydicom.dcmread(path)
    if "PixelData" not in d:
        return None
    x = pixel_array(d, index=0)
    if x.ndim == 3:
        return np.asarray(Image.fromarray(x).convert("L"))
    x = apply_voi_lut(apply_modality_lut(x, d), d).astype(np.float64)
    x = np.rint((x - x.min()) * 255 / max(x.max() - x.min(), 1)).astype(np.uint8)
    return 255 - x if d.PhotometricInterpretation == "MONOCHROME1" else x
