"""What the gate learns from: chest X-rays disturbed as films are, and pictures that are no frontal chest X-ray.

Every picture is uint8 [128][128], drawn from a generator that the caller seeds. The others are true chests made wrong
(turned, inverted, cropped, torn apart), drawings and phantoms.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from .canvas import SIZE, X, Y, capsule, draw, edge, ellipse, levels, marker, noise, resize, sample, swell, turn, u8
from .drawings import DRAWINGS
from .phantoms import PHANTOMS

LABELS = ("frontal_chest", "other", "inverted", "rotated", "cropped")


def _jpeg(x, quality) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray(u8(x)).save(out, "JPEG", quality=int(quality))
    return np.asarray(Image.open(out)).astype(np.float32)


def _equalise(x) -> np.ndarray:
    x = u8(x)
    cdf = np.bincount(x.ravel(), minlength=256).cumsum()
    return (cdf * (255 / cdf[-1]))[x].astype(np.float32)


def film(rng, x) -> np.ndarray:
    """What exposure, processing and storage do to any picture; float [128][128] of greys to uint8."""
    x = x.astype(np.float32)
    if rng.random() < 0.12:
        x = x + rng.uniform(0.2, 1) * (_equalise(x) - x)
    if rng.random() < 0.15:
        x = x + rng.uniform(0.3, 2) * (x - ndimage.gaussian_filter(x, rng.uniform(1, 8)))
    if rng.random() < 0.35:
        x = x * (1 + rng.uniform(0, 0.3) * swell(rng, 3))
    if rng.random() < 0.6:
        x = 255 * np.clip(x / 255, 0, 1) ** np.exp(rng.uniform(-0.75, 0.75))
    if rng.random() < 0.6:
        x = (x - 128) * rng.uniform(0.45, 1.5) + 128 + rng.uniform(-45, 45)
    if rng.random() < 0.3:
        x = ndimage.gaussian_filter(x, rng.uniform(0.3, 2.2))
    x = np.clip(x, 0, 255)
    if rng.random() < 0.3:
        x = x + rng.normal(0, rng.uniform(1, 18), x.shape)
    if rng.random() < 0.2:
        x = _jpeg(x, rng.integers(15, 90))
    return u8(x)


def chest(rng, x) -> np.ndarray:
    """A frontal chest X-ray (uint8, square, any size) as another hospital might have taken it; still one."""
    scale, shift = np.exp(rng.normal(0, 0.09, 2)), rng.normal(0, 0.05, 2)
    if rng.random() < 0.45:  # collimated tighter, or less tightly
        scale = scale * np.exp(rng.uniform(-0.25, 0.3, 2))
    scale = np.clip(scale, 0.7, 1.42)
    x = turn(
        x,
        rng,
        np.clip(rng.normal(0, 5), -13, 13),
        scale,
        np.clip(shift, -0.13, 0.13),
        bend=rng.uniform(0, 0.05) if rng.random() < 0.4 else 0,
        fill=str(rng.choice(["nearest", "constant", "reflect"], p=[0.5, 0.35, 0.15])),
        flip=rng.random() < 0.5,
    )
    if rng.random() < 0.12:  # breasts
        y, r = rng.uniform(0.1, 0.45), rng.uniform(0.25, 0.45)
        both = ellipse(-0.48, y, r, r * 0.8, soft=0.06) + ellipse(0.48, y, r, r * 0.8, soft=0.06)
        x = x + rng.uniform(5, 45) * both
    if rng.random() < 0.1:  # an opaque or a clear patch
        patch = ellipse(
            *rng.uniform(-0.6, 0.6, 2), *rng.uniform(0.1, 0.6, 2), rng.uniform(0, 3), soft=rng.uniform(0.03, 0.2)
        )
        x = x + rng.uniform(-50, 80) * patch
    if rng.random() < 0.15:
        x = _wires(rng, x)
    if rng.random() < 0.25:
        x = marker(rng, x, None if rng.random() < 0.8 else 0)
    if rng.random() < 0.3:
        x = _border(rng, x)
    return film(rng, x)


def _wires(rng, x) -> np.ndarray:
    def paint(d):
        for _ in range(rng.integers(1, 5)):
            p = np.cumsum(np.vstack([rng.uniform(0, SIZE, (1, 2)), rng.normal(0, 16, (6, 2))]), axis=0)
            d.line([tuple(q) for q in p], fill=int(rng.integers(160, 256)), width=int(rng.integers(1, 3)))
        if rng.random() < 0.4:
            cx, cy, r = *rng.uniform(25, 100, 2), rng.uniform(4, 11)
            d.ellipse([cx - r, cy - r * 0.8, cx + r, cy + r * 0.8], fill=int(rng.integers(190, 256)))

    return draw(x, paint)


def _border(rng, x) -> np.ndarray:
    x = x.copy()
    grey = float(rng.choice([0, 0, 0, 255, rng.uniform(0, 255)]))
    for side in range(4):
        if rng.random() < 0.6:
            w = int(rng.integers(1, 15))
            np.rot90(x, side)[:w] = grey
    return x


def _crop(x, keep, rng) -> np.ndarray:
    n = x.shape[0]
    w, h = (max(2, round(k * n)) for k in keep)
    left, top = rng.integers(0, n - w + 1), rng.integers(0, n - h + 1)
    return x[top : top + h, left : left + w]


# Chests made wrong: what of (rng, chest uint8 [n][n], another) to floats [128][128]


def _inverted(rng, x, _):
    return 255.0 - chest(rng, x)


def _rotated(rng, x, _):
    how = rng.random()
    if how < 0.4:
        degrees = rng.choice([90, 180, 180, 270]) + rng.normal(0, 4)
    elif how < 0.65:
        degrees = rng.choice([-1, 1]) * rng.uniform(25, 50)
    elif how < 0.85:
        degrees = rng.uniform(26, 334)
    else:
        x, degrees = x[::-1], rng.normal(0, 6)  # upside down
    a = np.deg2rad(degrees)
    whole = abs(np.cos(a)) + abs(np.sin(a)) if rng.random() < 0.4 else 1  # nothing cut off the corners
    out = turn(
        x,
        rng,
        degrees,
        np.exp(rng.normal(0, 0.08, 2)) / whole,
        np.clip(rng.normal(0, 0.04, 2), -0.1, 0.1),
        flip=rng.random() < 0.5,
    )
    return marker(rng, out) if rng.random() < 0.2 else out


def _cropped(rng, x, _):
    keep = rng.uniform(0.15, 0.54, 2) if rng.random() < 0.5 else np.full(2, rng.uniform(0.4, 0.54))
    if rng.random() < 0.2:  # one lung, or the upper or lower half
        keep[rng.integers(2)], keep[rng.integers(2)] = 1, rng.uniform(0.3, 0.5)
    out = resize(_crop(x, keep, rng), SIZE).astype(np.float32)
    return out[:, ::-1] if rng.random() < 0.5 else out


def _tiles(rng, x, _):
    k = int(rng.choice([2, 2, 3, 4, 8]))
    x = resize(x, SIZE // k * k)
    n = x.shape[0] // k
    tiles = x.reshape(k, n, k, n).swapaxes(1, 2).reshape(k * k, n, n)
    order = rng.permutation(k * k)
    while np.mean(order == np.arange(k * k)) > 0.3:
        order = rng.permutation(k * k)
    return resize(
        np.ascontiguousarray(tiles[order].reshape(k, k, n, n).swapaxes(1, 2).reshape(k * n, k * n)), SIZE
    ).astype(np.float32)


def _halves(rng, x, _):
    x = np.roll(resize(x, SIZE), SIZE // 2 + int(rng.integers(-20, 21)), int(rng.integers(2)))
    return x.astype(np.float32)


def _bent(rng, x, _):
    return turn(x, rng, rng.uniform(-15, 15), np.exp(rng.normal(0, 0.1, 2)), bend=rng.uniform(0.25, 0.6))


def _swirled(rng, x, _):
    r, a = np.hypot(X, Y), np.arctan2(Y, X)
    if rng.random() < 0.4:  # polar
        u, v = a / np.pi, r * 2 / 1.42 - 1
        return sample(x, *((u, v) if rng.random() < 0.5 else (v, u)))
    a = a + rng.choice([-1, 1]) * rng.uniform(1, 4) * np.exp(-r * rng.uniform(0.5, 1.5))
    return sample(x, r * np.cos(a), r * np.sin(a))


def _page(rng, x, other):
    """Several films on a page, or one small on it."""
    out = np.full((SIZE, SIZE), rng.choice([0, 255, rng.uniform(0, 255)]), np.float32)
    if rng.random() < 0.5:
        w, h = rng.integers(25, 56, 2)
        left, top = rng.integers(0, SIZE - w), rng.integers(0, SIZE - h)
        out[top : top + h, left : left + w] = resize(x, int(w), int(h))
        return out
    rows, columns = [(1, 2), (2, 1), (2, 2), (1, 3), (2, 3)][rng.integers(5)]
    gap = int(rng.integers(0, 6))
    for i in range(rows):
        for j in range(columns):
            w, h = SIZE // columns - gap, SIZE // rows - gap
            out[i * SIZE // rows :, j * SIZE // columns :][:h, :w] = resize(x if (i + j) % 2 else other, w, h)
    return out


def _scrambled(rng, x, _):
    """The spectrum of a chest with the phases of noise: its texture and nothing of its anatomy."""
    f = np.fft.rfft2(resize(x, SIZE))
    phase = np.fft.rfft2(rng.standard_normal((SIZE, SIZE)))
    return levels(rng, np.fft.irfft2(np.abs(f) * phase / np.abs(phase), (SIZE, SIZE)))


def _piece(rng, x, other):
    """A rod or a lump cut out of a turned close-up of a film, on black: an X-ray's texture with another outline."""
    close = turn(
        x, rng, rng.uniform(0, 360), np.exp(rng.uniform(0.3, 1.4, 2)), rng.uniform(-0.9, 0.9, 2), fill="reflect"
    )
    mask = np.zeros_like(X)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.6:
            a, r = rng.uniform(0, np.pi), rng.uniform(0.12, 0.5, 2)
            cx, cy, n = *rng.uniform(-0.3, 0.3, 2), rng.uniform(0.6, 1.5)
            part = capsule(
                cx - n * np.cos(a),
                cy - n * np.sin(a),
                cx + n * np.cos(a),
                cy + n * np.sin(a),
                *r,
                rng.uniform(0.01, 0.06),
            )[0]
        else:
            part = ellipse(
                *rng.uniform(-0.4, 0.4, 2), *rng.uniform(0.3, 0.9, 2), rng.uniform(0, np.pi), rng.uniform(0.01, 0.06)
            )
        mask = np.maximum(mask, part)
    ground = rng.uniform(0, 60) + rng.uniform(0, 20) * noise(rng, 3)
    out = close * mask + ground * (1 - mask)
    return marker(rng, out) if rng.random() < 0.4 else out


def _joined(rng, x, other):
    """Half a chest and half of something else."""
    kinds = [k for k in _DRAWN if k not in ("flat", "gradient")]  # half a chest on plain grey is a white lung
    y = _DRAWN[kinds[rng.integers(len(kinds))]](rng)
    d = X * np.cos(a := rng.uniform(0, 2 * np.pi)) + Y * np.sin(a) + rng.uniform(-0.2, 0.2)
    mask = edge(d, rng.choice([0.005, 0.1, 0.3]))
    return chest(rng, x) * mask + y * (1 - mask)


_WRONG = {
    "inverted": _inverted,
    "rotated": _rotated,
    "cropped": _cropped,
    "tiles": _tiles,
    "halves": _halves,
    "bent": _bent,
    "swirled": _swirled,
    "page": _page,
    "scrambled": _scrambled,
    "piece": _piece,
    "joined": _joined,
}
_DRAWN = DRAWINGS | PHANTOMS
KINDS = (*_WRONG, "eigen", *_DRAWN)
# How many times as often as the rest.
OFTEN = {"rotated": 5, "cropped": 5, "inverted": 2, "limb": 2, "skeleton": 2, "slice": 2, "lateral": 2, "photo": 2}


class Eigenchests:
    """Principal components of chests at 32x32. A draw far out along them is no chest, but nearer to one than anything
    else here."""

    def __init__(self, chests):
        """chests: uint8, square."""
        x = np.stack([resize(p, 32) for p in chests]).reshape(len(chests), -1).astype(np.float32)
        self.mean = x.mean(0)
        _, s, v = np.linalg.svd(x - self.mean, full_matrices=False)
        self.deviations = v[:80] * s[:80, None] / np.sqrt(len(x))

    def draw(self, rng) -> np.ndarray:
        weights = rng.standard_normal(len(self.deviations)) * rng.uniform(2.5, 5)
        x = (self.mean * rng.uniform(0, 1) + weights @ self.deviations).reshape(32, 32).astype(np.float32)
        x = np.asarray(Image.fromarray(x).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        return levels(rng, x + rng.uniform(0, 6) * noise(rng, rng.uniform(0, 2)))


def negative(rng, kind, x, other, eigen) -> tuple[np.ndarray, int]:
    """(picture, label index) of one of KINDS; x and other are chests, uint8 and square; eigen is of many."""
    if kind in _WRONG:
        y = _WRONG[kind](rng, x, other)
    else:
        y = eigen.draw(rng) if kind == "eigen" else _DRAWN[kind](rng)
        if rng.random() < 0.12:
            y = 255 - y
    label = LABELS.index(kind) if kind in LABELS else 1
    return film(rng, y) if kind in _WRONG or rng.random() < 0.5 else u8(y), label
