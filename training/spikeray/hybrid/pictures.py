"""The pictures that `spikeray` is trained on and asked of, kept in a cache beside the runs. PyTorch."""

import hashlib
import io
import os
import pathlib

import numpy as np
import torch
from PIL import Image

from .. import data, stress
from ..modelfile import window
from .augment import augment

MARGIN = 1.25  # pictures are kept so much larger than the network's, for geometry to choose from
GREYS = 3  # draws of noise of one grey level


def _pair(path, size):
    """A picture grey at a size, and the same saved as a JPEG of some quality (20 to 70, by its digest) and read
    again."""
    picture = data.Picture(path, 0, "", "")
    raw = pathlib.Path(picture.path).read_bytes()
    with Image.open(io.BytesIO(raw)) as im:
        grey = im.convert("L")
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=20 + int(hashlib.sha256(raw).hexdigest()[:4], 16) % 51)
    return [
        np.asarray(im.resize((size, size), Image.Resampling.BILINEAR)) for im in (grey, Image.open(file).convert("L"))
    ]


def _cached(path, make):
    """The arrays of an .npz file, made if it is not there; two processes may make it at a time."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(new, **make())
        new.rename(path)
    with np.load(path) as file:
        return dict(file)


def pictures(root, cache, size):
    """All of `train` as training sees it: (list of data.Picture, uint8 [2][n][size][size])."""
    found = data.scan(root, "train")

    def make():
        return {"x": np.stack([_pair(p.path, size) for p in found], axis=1)}

    return found, _cached(pathlib.Path(cache) / f"pictures-{size}-{data.digest(found)[:16]}.npz", make)["x"]


def validation(found, cache, size, kinds=tuple(stress.KINDS)):
    """Pictures as they are, under one grey level of noise (three draws) and harmed in each way, as the model file's
    preparation brings them to `size`, before the window: {kind: uint8 [n][size][size]}."""

    def noisy(p, draw):
        with Image.open(p.path) as im:
            x = np.asarray(im.convert("L"), np.int16)
        noise = np.random.default_rng([int(p.sha256[:8], 16), draw]).integers(-1, 2, x.shape)
        return np.asarray(
            Image.fromarray(np.clip(x + noise, 0, 255).astype(np.uint8)).resize(
                (size, size), Image.Resampling.BILINEAR
            )
        )

    def make():
        plain = np.stack([np.rint(data.prepare(p.path, size)[..., 0] * 255).astype(np.uint8) for p in found])
        greys = {f"grey{i}": np.stack([noisy(p, i) for p in found]) for i in range(GREYS)}
        return {"plain": plain, **greys, **{k: stress.prepare_all(found, k, size) for k in kinds}}

    return _cached(pathlib.Path(cache) / f"validation-{size}-{len(kinds)}-{data.digest(found)[:16]}.npz", make)


def views(x, recipe, rng):
    """What the network sees of pictures uint8 [n][s][s]: two augmented views, float32 [2][n][1][size][size] of 0..255,
    alike but for what noise of one grey level before the resize leaves of itself."""
    out = np.empty((2, len(x), 1, recipe.size, recipe.size), np.float32)
    for i, picture in enumerate(x):
        view = augment(
            picture, recipe.size, rng, recipe.kinds, recipe.cover, recipe.widest, recipe.mirrored, recipe.border
        )
        for j, y in enumerate((view, view + np.float32(0.4) * rng.standard_normal(view.shape, np.float32))):
            y = np.clip(np.rint(y), 0, 255).astype(np.uint8)
            out[j, i, 0] = window.table(np.bincount(y.ravel(), minlength=256))[y] if recipe.windowed else y
    return torch.from_numpy(out)


def sample(recipe, kept, training):
    """Augmented views of some training pictures, (n, 1, size, size) of 0..255; kept: as `pictures` gives them,
    training: which to draw from."""
    some = kept[0][np.random.default_rng(recipe.seed).choice(training, min(256, len(training)), replace=False)]
    return views(some, recipe, np.random.default_rng(recipe.seed))[0]


def kept_size(recipe) -> int:
    """The side at which pictures are kept for training."""
    return round(recipe.size * MARGIN / 8) * 8
