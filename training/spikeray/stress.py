"""The stressed validation: each picture of a fold put through each kind of harm, the same on every machine.

Plain validation hides what the data set's shortcuts (sharpness, compression, aspect, exposure) are worth to a network;
docs/PROTOCOL.md has the reasons. The strengths are drawn from a generator seeded by the picture's own digest and the
kind.
"""

import hashlib
import io
import math

import numpy as np
from PIL import Image, ImageFilter

from . import data


def _blur(im, rng):
    return im.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.2)))


def _noise(im, rng):
    x = np.asarray(im, np.float32)
    return _image(x + rng.normal(0, rng.uniform(5, 16), x.shape))


def _gamma(im, rng):
    power = math.exp(rng.choice((-1, 1)) * rng.uniform(0.25, 0.6))
    return _image(255 * (np.asarray(im, np.float32) / 255) ** power)


def _contrast(im, rng):
    x = np.asarray(im, np.float32)
    return _image((x - x.mean()) * rng.uniform(0.5, 0.75) + x.mean() + rng.uniform(-30, 30))


def _crop(im, rng):
    w, h = im.size
    kept = rng.uniform(0.82, 0.92)
    left, top = rng.uniform(0, 1 - kept) * w, rng.uniform(0, 1 - kept) * h
    return im.resize((w, h), Image.Resampling.BILINEAR, (left, top, left + kept * w, top + kept * h))


def _aspect(im, rng):
    """Squashed along one axis, the rest black: what a picture of another format looks like once it is a square."""
    w, h = im.size
    part = rng.uniform(0.75, 0.9)
    size = (round(w * part), h) if rng.random() < 0.5 else (w, round(h * part))
    out = Image.new("L", (w, h))
    out.paste(im.resize(size, Image.Resampling.BILINEAR), ((w - size[0]) // 2, (h - size[1]) // 2))
    return out


def _jpeg(im, rng):
    file = io.BytesIO()
    im.save(file, "JPEG", quality=int(rng.integers(8, 30)))
    return Image.open(file).convert("L")


def _mixed(im, rng):
    """Three of the others, one after the other, in a drawn order."""
    for kind in rng.choice([k for k in KINDS if k != "mixed"], 3, replace=False):
        im = KINDS[kind](im, rng)
    return im


KINDS = {
    "blur": _blur,
    "noise": _noise,
    "gamma": _gamma,
    "contrast": _contrast,
    "crop": _crop,
    "aspect": _aspect,
    "jpeg": _jpeg,
    "mixed": _mixed,
}


def _image(x):
    return Image.fromarray(np.clip(np.rint(x), 0, 255).astype(np.uint8))


def apply(im: Image.Image, kind: str, digest: str) -> Image.Image:
    """A grey picture put through one kind of harm; `digest` (hexadecimal) names the picture."""
    seed = int.from_bytes(hashlib.sha256(f"{digest} {kind}".encode()).digest()[:8], "little")
    return KINDS[kind](im, np.random.default_rng(seed))


def prepare_all(pictures: list[data.Picture], kind: str, size: int) -> np.ndarray:
    """The pictures, harmed and then prepared for a network: uint8 [n][size][size]."""
    out = np.empty((len(pictures), size, size), np.uint8)
    for i, p in enumerate(pictures):
        with Image.open(p.path) as im:
            out[i] = np.asarray(apply(im.convert("L"), kind, p.sha256).resize((size, size), Image.Resampling.BILINEAR))
    return out
