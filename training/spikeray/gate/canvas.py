"""A square canvas of 128x128 and what is drawn on it with: noise of a spectrum, soft masks, letters, resampling.

X and Y are the coordinates of its pixels, -1 to 1, to the right and down. Greys are floats of 0 to 255 until they are
stored.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

SIZE = 128
Y, X = (np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) + 0.5) * 2 / SIZE - 1
WORDS = "L R AP PA ERECT SUPINE PORTABLE SITTING 12:40 R.L. #4 KV MAS 2016".split()


def u8(x) -> np.ndarray:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def resize(x, width, height=None) -> np.ndarray:
    return np.asarray(Image.fromarray(x).resize((width, height or width), Image.Resampling.BILINEAR))


def noise(rng, beta=None) -> np.ndarray:
    """Noise of spectrum 1/f^beta, perhaps drawn out in one direction; mean 0, deviation 1."""
    beta = rng.uniform(0, 4) if beta is None else beta
    fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    a, s = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 1.5)) if rng.random() < 0.3 else 1
    f = np.hypot((fx * np.cos(a) + fy * np.sin(a)) * s, fy * np.cos(a) - fx * np.sin(a))
    f[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * f ** (-beta / 2)
    x = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return (x / (x.std() + 1e-9)).astype(np.float32)


def swell(rng, n) -> np.ndarray:
    """A smooth field through n x n normal numbers."""
    field = Image.fromarray(rng.standard_normal((n, n)).astype(np.float32))
    return np.asarray(field.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def edge(d, soft=0.02) -> np.ndarray:
    """1 inside (d < 0), 0 outside, over a width of `soft`."""
    return 0.5 - 0.5 * np.tanh(d * (0.5 / soft))


def ellipse(cx, cy, rx, ry, angle=0.0, soft=0.02) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    x, y = (X - cx) * c + (Y - cy) * s, (Y - cy) * c - (X - cx) * s
    return edge((np.hypot(x / rx, y / ry) - 1) * min(rx, ry), soft)


def capsule(x0, y0, x1, y1, r0, r1, soft=0.015):
    """(inside, depth): a rod with round ends, and how deep within it a point lies, 1 on its axis."""
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((X - x0) * dx + (Y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    d, r = np.hypot(X - x0 - t * dx, Y - y0 - t * dy), r0 + t * (r1 - r0)
    return edge(d - r, soft), np.clip(1 - d / r, 0, 1)


def levels(rng, x) -> np.ndarray:
    """Any values to greys, between a black and a white that are drawn."""
    lo, hi = np.percentile(x, (0.5, 99.5))
    black = rng.uniform(0, 90) if rng.random() < 0.7 else 0
    white = rng.uniform(black + 60, 255)
    return np.clip((x - lo) / (hi - lo + 1e-6), 0, 1) * (white - black) + black


def draw(x, paint) -> np.ndarray:
    """Calls paint(ImageDraw) on a picture."""
    im = Image.fromarray(u8(x))
    paint(ImageDraw.Draw(im))
    return np.asarray(im).astype(np.float32)


@functools.cache
def font(size):
    return ImageFont.load_default(size)


def marker(rng, x, grey=None) -> np.ndarray:
    """A letter or a few, as a technician puts them in a corner."""
    word, size = str(rng.choice(WORDS)), int(rng.integers(7, 17))
    at = [int(rng.choice([rng.integers(2, 28), rng.integers(90, 118)])), int(rng.integers(0, 112))]
    grey = int(rng.integers(170, 256)) if grey is None else grey
    return draw(x, lambda d: d.text(at, word, fill=grey, font=font(size)))


def turn(x, rng, degrees, scale=(1.0, 1.0), shift=(0.0, 0.0), bend=0.0, fill=None, flip=False) -> np.ndarray:
    """Samples a square picture anew at 128x128: turned, scaled (above 1 is larger), shifted, bent by a smooth
    field."""
    a = np.deg2rad(degrees)
    px, py = X - shift[0], Y - shift[1]
    u = (np.cos(a) * px + np.sin(a) * py) / scale[0]
    v = (np.cos(a) * py - np.sin(a) * px) / scale[1]
    if bend:
        u, v = u + bend * swell(rng, 5), v + bend * swell(rng, 5)
    if flip:
        u = -u
    return sample(x, u, v, rng.choice(["nearest", "constant", "constant", "reflect"]) if fill is None else fill)


def sample(x, u, v, fill="nearest") -> np.ndarray:
    n = x.shape[0]
    return ndimage.map_coordinates(
        x, [(v + 1) * n / 2 - 0.5, (u + 1) * n / 2 - 0.5], output=np.float32, order=1, mode=fill
    )


def turned(rng):
    a, s = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.2)
    return s * (X * np.cos(a) + Y * np.sin(a)), s * (Y * np.cos(a) - X * np.sin(a))
