"""Everyday pictures for the gate to learn what is no X-ray from: noise, patterns, scenes, faces, pages, and windows of
the three photographs that scikit-learn and matplotlib bring along. Each of DRAWINGS makes floats [128][128] of greys
from a generator.
"""

import functools
import pathlib

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .canvas import SIZE, WORDS, X, Y, capsule, draw, ellipse, font, levels, noise, resize, sample, turned


def _gradient(rng):
    a = rng.uniform(0, 2 * np.pi)
    x = (
        X * np.cos(a) + Y * np.sin(a)
        if rng.random() < 0.5
        else np.hypot(X - rng.uniform(-1, 1), Y - rng.uniform(-1, 1))
    )
    if rng.random() < 0.3:
        x = np.abs(X * rng.normal() + rng.normal()) + np.abs(Y * rng.normal() + rng.normal())
    return levels(rng, x + rng.choice([0, 0.05, 0.2]) * noise(rng))


def _flat(rng):
    x = np.full((SIZE, SIZE), rng.choice([0, 255, rng.uniform(0, 255)]), np.float32)
    return x + rng.choice([0, 0, 2, 8]) * rng.standard_normal(x.shape)


def _texture(rng):
    x = noise(rng)
    how = rng.integers(5)
    if how == 1:
        x = np.abs(x)
    elif how == 2:
        x = np.sin(x * rng.uniform(1, 6))
    elif how == 3:
        x = (x > rng.uniform(-1, 1)) + rng.uniform(0, 0.3) * noise(rng)
    elif how == 4:
        x = np.maximum(x, noise(rng)) * np.exp(rng.uniform(0, 0.5) * noise(rng, 3))
    return levels(rng, x)


def _waves(rng):
    x = np.zeros_like(X)
    for _ in range(rng.integers(1, 4)):
        a, f = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 3.5))
        wave = np.sin((X * np.cos(a) + Y * np.sin(a)) * f * np.pi + rng.uniform(0, 6))
        x = x + (np.sign(wave) if rng.random() < 0.4 else wave)
    return levels(rng, x)


def _board(rng):
    n, m = rng.integers(2, 17, 2)
    x = (np.floor((X + 1) / 2 * n + rng.uniform()) + np.floor((Y + 1) / 2 * m + rng.uniform())) % 2
    if rng.random() < 0.3:
        x = rng.random((n, m)).repeat(SIZE // n + 1, 0).repeat(SIZE // m + 1, 1)[:SIZE, :SIZE]
    return levels(rng, sample(x, *turned(rng)) if rng.random() < 0.5 else x)


def _leaves(rng):
    """Dead leaves: shapes of every size over one another, with the statistics of photographs."""
    power, textured = rng.uniform(1, 3), rng.random() < 0.6
    im = Image.new("L", (SIZE, SIZE), int(rng.integers(256)))
    d = ImageDraw.Draw(im)
    for _ in range(rng.integers(20, 250)):
        r = min(4 * rng.pareto(power) + 3, 90)
        cx, cy, grey = (
            *rng.uniform(-10, SIZE + 10, 2),
            int(np.clip(rng.normal(rng.choice([80, 120, 160]), 60), 0, 255)),
        )
        kind = rng.integers(3)
        if kind == 0:
            d.ellipse([cx - r, cy - r * (k := rng.uniform(0.3, 1)), cx + r, cy + r * k], fill=grey)
        else:
            n = int(rng.integers(3, 9)) if kind == 1 else 4
            a = np.sort(rng.uniform(0, 2 * np.pi, n))
            d.polygon([(cx + r * np.cos(t), cy + r * np.sin(t)) for t in a], fill=grey)
    x = np.asarray(im).astype(np.float32)
    if textured:
        x = x + rng.uniform(5, 30) * noise(rng, rng.uniform(0.5, 2.5))
    if rng.random() < 0.4:
        x = x * (0.6 + 0.4 * sample(np.asarray(im, np.float32), *turned(rng)) / 255) + 40 * Y * rng.normal()
    return ndimage.gaussian_filter(x, rng.uniform(0, 1.5))


def _figure(rng):
    """A figure on a ground: a coin, a shape, a silhouette of blobs."""
    ground = rng.uniform(0, 255) + rng.choice([0, 10, 30]) * noise(rng, rng.uniform(1, 3)) + rng.normal(0, 30) * X
    mask = np.zeros_like(X)
    for _ in range(rng.integers(1, 9)):
        mask = np.maximum(
            mask, ellipse(*rng.uniform(-0.7, 0.7, 2), *np.exp(rng.uniform(-2.5, 0, 2)), rng.uniform(0, 3))
        )
    fill = rng.uniform(0, 255) + rng.choice([0, 10, 30]) * noise(rng, rng.uniform(1, 3)) + rng.normal(0, 30) * Y
    if rng.random() < 0.3:  # lit as a relief
        fill = fill + 300 * (
            ndimage.gaussian_filter(mask, 3, order=(0, 1)) + ndimage.gaussian_filter(mask, 3, order=(1, 0))
        )
    return ground * (1 - mask) + fill * mask


def _face(rng):
    """A head and shoulders before a background."""
    background = DRAWINGS[str(rng.choice(["gradient", "texture", "leaves", "flat"]))](rng)
    cx, cy, r = rng.uniform(-0.25, 0.25), rng.uniform(-0.4, 0.1), rng.uniform(0.25, 0.55)
    skin, hair, cloth = rng.uniform(90, 220), rng.uniform(10, 200), rng.uniform(10, 240)
    body = np.maximum(
        ellipse(cx + rng.normal(0, 0.05), cy + 2.3 * r, rng.uniform(1.3, 2.2) * r, r * 1.3),
        capsule(cx, cy, cx, cy + 1.5 * r, r * 0.45, r * 0.45)[0],
    )
    x = background * (1 - body) + (cloth + rng.uniform(0, 20) * noise(rng, 2)) * body
    for mask, grey in (
        (ellipse(cx, cy - 0.15 * r, r * rng.uniform(0.85, 1.1), r * 1.2), hair),
        (ellipse(cx, cy + 0.1 * r, r * 0.75, r), skin),
    ):
        x = x * (1 - mask) + (grey + 25 * (X - cx) * rng.normal() + 4 * noise(rng, 2)) * mask
    for side in (-1, 1):
        x = x - rng.uniform(30, 90) * ellipse(cx + side * 0.3 * r, cy, r * 0.13, r * 0.07)
    x = x - rng.uniform(20, 70) * (
        ellipse(cx, cy + 0.6 * r, r * 0.28, r * 0.07) + 0.6 * ellipse(cx, cy + 0.3 * r, r * 0.09, r * 0.14)
    )
    return x


def _scene(rng):
    """Sky, ground and buildings or hills."""
    horizon = rng.uniform(-0.5, 0.5)
    x = rng.uniform(120, 255) - 50 * Y * rng.random() + rng.uniform(0, 20) * noise(rng, 3)
    for _ in range(rng.integers(1, 4)):
        profile = horizon + rng.uniform(0.05, 0.3) * noise(rng, 3)[0]
        x = np.where(
            Y > profile[None], rng.uniform(20, 180) + rng.uniform(5, 30) * noise(rng, rng.uniform(0.5, 2.5)), x
        )
        horizon += rng.uniform(0, 0.3)

    def paint(d):
        for _ in range(rng.integers(0, 9)):
            w, top, left = rng.integers(8, 40), rng.integers(10, 90), rng.integers(-5, 120)
            d.rectangle([left, top, left + w, 110], fill=int(rng.integers(20, 230)))
            for y in range(top + 3, 105, int(rng.integers(5, 12))):
                d.line([left + 2, y, left + w - 2, y], fill=int(rng.integers(20, 230)))

    return draw(x, paint)


def _document(rng):
    paper, ink = int(rng.integers(200, 256)), int(rng.integers(0, 90))
    size, margin = int(rng.integers(4, 20)), int(rng.integers(0, 25))

    def paint(d):
        y = margin
        while y < SIZE - margin:
            if rng.random() < 0.12:
                h = int(rng.integers(8, 40))
                d.rectangle([margin, y, SIZE - margin, y + h], fill=int(rng.integers(0, 256)))
                y += h + 4
                continue
            text = "".join(
                rng.choice(list("abcdefghijklmnopqrstuvwxyz    ABC0123,.")) for _ in range(rng.integers(3, 40))
            )
            d.text((margin, y), text, fill=ink, font=font(size))
            y += int(size * rng.uniform(1, 2)) + 1

    x = draw(np.full((SIZE, SIZE), float(paper)), paint)
    if rng.random() < 0.4:
        x = sample(x, *turned(rng)) * (1 + 0.15 * X * rng.normal())
    return 255 - x if rng.random() < 0.2 else x


def _screen(rng):
    """Windows, buttons, charts."""

    def paint(d):
        for _ in range(rng.integers(2, 14)):
            left, top, w, h = *rng.integers(-10, 110, 2), *rng.integers(6, 100, 2)
            d.rectangle([left, top, left + w, top + h], fill=int(rng.integers(256)), outline=int(rng.integers(256)))
            if rng.random() < 0.5:
                d.text(
                    (left + 2, top + 1),
                    str(rng.choice(WORDS)),
                    fill=int(rng.integers(256)),
                    font=font(int(rng.integers(5, 14))),
                )
        if rng.random() < 0.5:
            p = np.column_stack([np.linspace(0, SIZE, 30), 64 + np.cumsum(rng.normal(0, 8, 30))])
            d.line([tuple(q) for q in p], fill=int(rng.integers(256)), width=int(rng.integers(1, 4)))

    return draw(np.full((SIZE, SIZE), rng.uniform(0, 255)), paint)


def _lines(rng):
    """A line drawing, a logo, a diagram."""
    ground, ink = (255, 0) if rng.random() < 0.6 else rng.integers(0, 256, 2)

    def paint(d):
        for _ in range(rng.integers(1, 25)):
            p, w = rng.uniform(0, SIZE, 4), int(rng.integers(1, 6))
            box = [min(p[0], p[2]), min(p[1], p[3]), max(p[0], p[2]), max(p[1], p[3])]
            match rng.integers(5):
                case 0:
                    d.line(list(p), fill=int(ink), width=w)
                case 1:
                    d.ellipse(box, outline=int(ink), width=w)
                case 2:
                    d.rectangle(box, outline=int(ink), width=w)
                case 3:
                    d.arc(box, *sorted(rng.uniform(0, 360, 2)), fill=int(ink), width=w)
                case 4:
                    d.text(p[:2], str(rng.choice(WORDS)), fill=int(ink), font=font(int(rng.integers(8, 50))))

    return draw(np.full((SIZE, SIZE), float(ground)), paint)


@functools.cache
def _photographs():
    import matplotlib
    import sklearn

    folder = pathlib.Path(sklearn.__file__).parent / "datasets/images"
    files = (
        folder / "china.jpg",
        folder / "flower.jpg",
        pathlib.Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg",
    )
    return [np.asarray(Image.open(f).convert("L")) for f in files]


def _photo(rng):
    """A window of a photograph, of any size and aspect, perhaps turned."""
    x = _photographs()[rng.integers(len(_photographs()))]
    keep = np.clip(np.exp(rng.uniform(-2.3, 0.1)) * np.exp(rng.normal(0, 0.2, 2)), 0.06, 1)
    h, w = (max(8, int(k * n)) for k, n in zip(keep, x.shape))
    top, left = rng.integers(0, x.shape[0] - h + 1), rng.integers(0, x.shape[1] - w + 1)
    x = resize(np.ascontiguousarray(np.rot90(x[top : top + h, left : left + w], rng.choice([0, 0, 1, 2, 3]))), SIZE)
    return (255 - x if rng.random() < 0.1 else x[:, ::-1] if rng.random() < 0.5 else x).astype(np.float32)


DRAWINGS = {
    "gradient": _gradient,
    "flat": _flat,
    "texture": _texture,
    "waves": _waves,
    "board": _board,
    "leaves": _leaves,
    "figure": _figure,
    "face": _face,
    "scene": _scene,
    "document": _document,
    "screen": _screen,
    "lines": _lines,
    "photo": _photo,
}
