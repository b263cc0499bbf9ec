"""Random augmentation for training: every picture gets its own, drawn anew each time it is shown.

Each step works against something that tells the classes apart and is no finding (aspect, sharpness, compression,
borders, exposure), or that differs between hospitals and stretches of time (position, scale, tone). Pictures are never
mirrored: the heart is on the left. What geometry brings in from outside a picture repeats its border, so that no black
edge is learnt.
"""

import math

import cv2
import numpy as np

# What a training run may leave out, for ablation.
KINDS = ("geometry", "tone", "sharpness", "cover")

cv2.setNumThreads(1)  # a run is one process, one core


def augment(x, size, rng, kinds=KINDS, cover=0.35, widest=0.15, mirrored=False, border="repeated"):
    """A picture uint8 [s][s] as float32 [size][size] in 0..255, size <= s.

    geometry: rotation to 15 degrees, scale .76 to 1.28 along each axis by itself, shift to 8 %.
    sharpness: blurred or sharpened, then noise, fine or coarse.
    tone: a smooth field of exposure, gamma, contrast, brightness.
    cover: a border of one grey on some sides (each with the chance `cover`, to `widest` of the side); a rectangle of
    one grey.
    """
    x = x.astype(np.float32) / 255
    if "geometry" in kinds:
        x = _geometry(x, size, rng, mirrored, border)
    elif len(x) != size:
        x = cv2.resize(x, (size, size), interpolation=cv2.INTER_AREA)
    if "sharpness" in kinds:
        x = _sharpness(x, rng)
    if "tone" in kinds:
        x = _tone(x, rng)
    if "sharpness" in kinds:
        x = _noise(x, rng)
    if "cover" in kinds:
        x = _cover(x, rng, cover, widest)
    return np.clip(x, 0, 1) * 255


def _geometry(x, size, rng, mirrored, border):
    angle = math.radians(rng.uniform(-15, 15))
    unit = len(x) / size  # pixels of the source to one of the result
    sx, sy = unit * np.exp(rng.uniform(math.log(0.76), math.log(1.28), 2))
    if mirrored and rng.random() < 0.5:
        sx = -sx
    a, b, d, e = sx * math.cos(angle), -sy * math.sin(angle), sx * math.sin(angle), sy * math.cos(angle)
    middle, half = len(x) / 2 - 0.5, size / 2 - 0.5
    dx, dy = rng.uniform(-0.08, 0.08, 2) * len(x)
    at = np.array([[a, b, middle + dx - (a + b) * half], [d, e, middle + dy - (d + e) * half]])
    mode = cv2.BORDER_REPLICATE if border == "repeated" else cv2.BORDER_CONSTANT
    return cv2.warpAffine(x, at, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=mode)


def _sharpness(x, rng):
    size = len(x)
    once = cv2.GaussianBlur(x, (0, 0), size / 124)
    x = x + np.float32(rng.uniform(-0.7, 1.0)) * (once - x)  # below 0: unsharp masking
    if rng.random() < 0.25:
        x = x + np.float32(rng.uniform(0, 1)) * (cv2.GaussianBlur(once, (0, 0), size / 70) - once)
    return x


def _tone(x, rng):
    x = np.clip(x, 1e-4, 1)
    power = math.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.5:
        field = cv2.resize(
            rng.uniform(-0.25, 0.25, (3, 3)).astype(np.float32), (len(x), len(x)), interpolation=cv2.INTER_CUBIC
        )
        x = np.clip(x * cv2.exp(field), 1e-4, 1)
    x = cv2.pow(x, power)
    middle = np.float32(x.mean())
    return (x - middle) * np.float32(math.exp(rng.uniform(-0.45, 0.4))) + middle + np.float32(rng.uniform(-0.14, 0.14))


def _noise(x, rng):
    if rng.random() >= 0.6:
        return x
    sigma, size = np.float32(rng.uniform(0, 1) ** 2 * 0.07), len(x)
    if rng.random() < 0.5:
        return x + sigma * rng.standard_normal(x.shape, np.float32)
    return x + sigma * cv2.resize(
        rng.standard_normal((size // 2, size // 2), np.float32), (size, size), interpolation=cv2.INTER_LINEAR
    )


def _cover(x, rng, share, widest):
    size = len(x)
    grey = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0
    for turned in (x, x[::-1], x.T, x.T[::-1]):
        if rng.random() < share:
            turned[: round(rng.uniform(0, widest) * size)] = grey
    if rng.random() < 0.3:
        left, top = (rng.uniform(0, 0.9, 2) * size).astype(int)
        wide, high = (rng.uniform(0.05, 0.25, 2) * size).astype(int)
        x[top : top + high, left : left + wide] = rng.uniform(0, 1)
    return x
