"""Rough phantoms of other medical pictures: limbs, skulls, chests from the side, sections, ultrasound, endoscopy,
angiography.

Each of PHANTOMS makes floats [128][128] of greys from a generator. They are drawn from no picture.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .canvas import SIZE, X, Y, capsule, edge, ellipse, marker, noise, turn


def _bone(rng, x0, y0, x1, y1, r, knob=1.4):
    """(inside, brightness) of a long bone: knobs at its ends, a cortex brighter than the marrow."""
    inside, depth = capsule(x0, y0, x1, y1, r, r * rng.uniform(0.8, 1.2), 0.01)
    grey = 1.15 - rng.uniform(0.2, 0.6) * np.sqrt(depth)
    for x, y in ((x0, y0), (x1, y1)):
        end = ellipse(x, y, r * knob, r * knob * rng.uniform(0.7, 1.1), np.arctan2(y1 - y0, x1 - x0), 0.01)
        inside, grey = np.maximum(inside, end), np.where(end > 0.5, rng.uniform(0.7, 0.95), grey)
    return inside, grey


def _radiograph(rng, flesh, bones):
    """Flesh and bones (lists of masks and of (mask, brightness)) as a film: dark ground, soft parts, bright bones."""
    ground = rng.uniform(0, 70) + rng.normal(0, 12) * X + rng.normal(0, 12) * Y
    x, soft, hard = ground, rng.uniform(20, 90), rng.uniform(50, 130)
    mask = np.clip(functools.reduce(np.maximum, flesh), 0, 1)
    x = x + soft * mask * (0.6 + 0.4 * np.clip(ndimage.gaussian_filter(mask, 6), 0, 1)) + 4 * mask * noise(rng, 2.5)
    total = np.zeros_like(X)
    for inside, grey in bones:
        total = np.maximum(total, inside * grey) + 0.35 * np.minimum(total, inside * grey)
    x = x + hard * total * (1 + 0.08 * noise(rng, 2))
    if rng.random() < 0.3:  # cast, plate or screws
        x = x + rng.uniform(20, 120) * capsule(*rng.uniform(-0.8, 0.8, 4), *rng.uniform(0.01, 0.25, 2))[0]
    if rng.random() < 0.35:  # collimated
        a, half = rng.normal(0, 0.3), rng.uniform(0.5, 1.0, 2)
        u, v = X * np.cos(a) + Y * np.sin(a), Y * np.cos(a) - X * np.sin(a)
        shut = edge(np.maximum(np.abs(u) - half[0], np.abs(v) - half[1]), 0.01)
        x = x * shut + rng.choice([0, 0, 255, rng.uniform(0, 40)]) * (1 - shut)
    for _ in range(rng.integers(0, 3)):
        x = marker(rng, x)
    return x


def _limb(rng):
    """A forearm with its wrist, a lower leg, a knee, an upper arm."""
    a = rng.choice([0, 0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.12)
    c, s, off = np.cos(a), np.sin(a), rng.normal(0, 0.15, 2)

    def at(x, y):  # along the limb is y
        return x * c - y * s + off[0], x * s + y * c + off[1]

    width, joint = rng.uniform(0.2, 0.6), rng.uniform(-0.6, 0.6)
    flesh = [
        capsule(*at(0, -1.6), *at(0, joint), width * rng.uniform(0.7, 1.2), width, 0.03)[0],
        capsule(*at(0, joint), *at(rng.normal(0, 0.15), 1.6), width, width * rng.uniform(0.7, 1.3), 0.03)[0],
    ]
    bones, gap = [], width * rng.uniform(0.3, 0.5)
    for end, sign in ((-1.6, -1), (1.6, 1)):
        n = rng.integers(1, 3)
        for k in range(n):
            x = 0 if n == 1 else (gap if k else -gap)
            bones.append(
                _bone(
                    rng,
                    *at(x, joint + sign * 0.08),
                    *at(x * 0.8, end),
                    width * rng.uniform(0.18, 0.45) * (1.4 if n == 1 else 1),
                )
            )
    if rng.random() < 0.5:  # carpals, a kneecap, growth plates
        for _ in range(rng.integers(1, 9)):
            x, y = at(rng.normal(0, width * 0.4), joint + rng.normal(0, 0.1))
            bones.append((ellipse(x, y, *rng.uniform(0.04, 0.12, 2), rng.uniform(0, 3), 0.015), rng.uniform(0.6, 1)))
    return _radiograph(rng, flesh, bones)


def _hand(rng):
    """A hand or a foot: a palm and its rays."""
    a = rng.choice([0, 0, 0, np.pi]) + rng.normal(0, 0.25)
    c, s, k, off = np.cos(a), np.sin(a), rng.uniform(0.7, 1.3), rng.normal(0, 0.15, 2)

    def at(x, y):
        return k * (x * c - y * s) + off[0], k * (x * s + y * c) + off[1]

    flesh = [
        capsule(*at(0, 0.9), *at(0, 1.8), k * 0.25, k * 0.28, 0.03)[0],
        ellipse(*at(0, 0.35), k * 0.42, k * 0.45, a, 0.03),
    ]
    bones = [
        _bone(rng, *at(-0.12, 0.85), *at(-0.14, 1.9), k * 0.1),
        _bone(rng, *at(0.13, 0.85), *at(0.14, 1.9), k * 0.08),
    ]
    spread = rng.uniform(0.1, 0.3)
    for f in range(5):
        t = (f - 2) * spread * (1.6 if f == 0 else 1)
        p, n = np.array([(f - 2) * 0.14, 0.5]), rng.uniform(0.24, 0.34)
        for _ in range(4 if f else 3):
            q = p + n * np.array([np.sin(t), -np.cos(t)])
            bones.append(_bone(rng, *at(*p), *at(*q), k * 0.035 * rng.uniform(0.8, 1.3), 1.5))
            flesh.append(capsule(*at(*p), *at(*q), k * 0.075, k * 0.07)[0])
            p, n = q + 0.02 * np.array([np.sin(t), -np.cos(t)]), n * 0.72
    for _ in range(rng.integers(4, 9)):
        bones.append(
            (
                ellipse(*at(rng.normal(0, 0.13), 0.7 + rng.normal(0, 0.09)), k * 0.06, k * 0.055, 0, 0.012),
                rng.uniform(0.7, 1),
            )
        )
    return _radiograph(rng, flesh, bones)


def _skeleton(rng):
    """A skull, a pelvis, an abdomen or a spine, roughly."""
    kind = rng.integers(4)
    if kind == 0:
        cx, cy, r = *rng.normal(0, 0.12, 2), rng.uniform(0.5, 0.85)
        outer, inner = ellipse(cx, cy - 0.1, r, r * 1.1), ellipse(cx, cy - 0.1, r * 0.9, r)
        bones = [
            (outer - 0.6 * inner, 1.0),
            (ellipse(cx, cy + r * 0.8, r * 0.5, r * 0.4, 0, 0.05), rng.uniform(0.5, 1)),
        ]
        bones += [(capsule(cx, cy + r, cx + rng.normal(0, 0.2), 1.6, 0.2, 0.22)[0], 0.6)]
        for side in (-1, 1):
            bones.append(
                (ellipse(cx + side * 0.35 * r, cy + 0.25 * r, r * 0.22, r * 0.2) * rng.uniform(-0.5, -0.2), 1.0)
            )
        return _radiograph(rng, [outer, capsule(cx, cy, cx, 1.6, r * 0.6, r * 0.7, 0.04)[0]], bones)
    flesh = [ellipse(0, rng.normal(0, 0.2), rng.uniform(0.8, 1.4), rng.uniform(1.0, 2.0), 0, 0.05)]
    bones, x = [], rng.normal(0, 0.1 if kind < 3 else 0.4)
    step = rng.uniform(0.2, 0.4)
    for y in np.arange(-1.1, 0.3 if kind == 1 else 1.2, step):
        bones.append(
            (
                ellipse(x + 0.1 * rng.normal() * (kind == 3), y, step * rng.uniform(0.5, 0.8), step * 0.4, 0, 0.02),
                rng.uniform(0.5, 0.8),
            )
        )
    if kind == 1:  # pelvis: wings, a ring, thigh bones
        for side in (-1, 1):
            bones.append(
                (
                    ellipse(side * 0.52, -0.15, 0.38, 0.45, side * 0.5)
                    - 0.5 * ellipse(side * 0.5, -0.2, 0.25, 0.32, side * 0.5),
                    1.0,
                )
            )
            bones.append((ellipse(side * 0.22, 0.52, 0.24, 0.2) - ellipse(side * 0.22, 0.54, 0.13, 0.1), 0.9))
            bones.append((ellipse(side * 0.68, 0.32, 0.16, 0.16), 1.0))
            bones.append(_bone(rng, side * 0.8, 0.45, side * 0.72, 1.6, 0.13))
    for _ in range(rng.integers(0, 10)):  # gas
        bones.append(
            (
                ellipse(*rng.uniform(-0.7, 0.7, 2), *rng.uniform(0.04, 0.2, 2), rng.uniform(0, 3), 0.04),
                -rng.uniform(0.1, 0.5),
            )
        )
    return _radiograph(rng, flesh, bones)


def _lateral(rng):
    """A chest from the side, roughly: a curved spine behind, the breastbone before, the heart low in front."""
    lean = rng.normal(0, 0.08)
    front, back = rng.uniform(-0.85, -0.5) + 0.25 * (-Y) * rng.uniform(0, 1), rng.uniform(0.4, 0.75)
    back = back + rng.uniform(0.05, 0.2) * np.cos(Y * 1.5) + lean * Y
    dome = rng.uniform(0.35, 0.7) + rng.uniform(-0.2, 0.3) * (X + rng.uniform(-0.2, 0.2)) ** 2 + 0.1 * rng.normal() * X
    body = np.minimum(edge(front - rng.uniform(0.05, 0.2) - X, 0.02), edge(X - back - rng.uniform(0.15, 0.35), 0.02))
    lung = (
        edge(front + 0.08 - X, 0.04)
        * edge(X - back, 0.05)
        * edge(Y - dome, 0.03)
        * edge(-Y - rng.uniform(0.5, 0.9), 0.1)
    )
    x = rng.uniform(0, 60) + rng.uniform(90, 150) * body - rng.uniform(40, 100) * lung
    heart = ellipse(
        rng.uniform(-0.45, -0.15),
        dome.mean() - rng.uniform(0.15, 0.35),
        rng.uniform(0.25, 0.4),
        rng.uniform(0.2, 0.35),
        rng.uniform(-0.8, 0),
        0.05,
    )
    x = x + rng.uniform(20, 70) * heart + rng.uniform(10, 60) * edge(Y + rng.uniform(0.45, 0.8), 0.15) * body
    step = rng.uniform(0.13, 0.2)
    for y in np.arange(-1, 1.1, step):
        row = int(np.clip((y + 1) * SIZE / 2, 0, SIZE - 1))
        x = x + rng.uniform(15, 45) * (1 - 0.5 * (y + 1) / 2) * ellipse(
            back[row, 0] - 0.02, y, 0.12, step * 0.42, 0, 0.015
        )
        if rng.random() < 0.9:  # ribs run down to the front
            x = (
                x
                + rng.uniform(5, 22)
                * body
                * capsule(back[row, 0], y, front[row, 0], y + rng.uniform(0.25, 0.5), 0.03, 0.02)[0]
            )
    x = x + rng.uniform(2, 10) * noise(rng, rng.uniform(1.5, 3))
    x = turn(x, rng, rng.normal(0, 5), np.exp(rng.normal(0, 0.1, 2)), rng.normal(0, 0.06, 2), flip=rng.random() < 0.5)
    return marker(rng, x) if rng.random() < 0.4 else x


def _slice(rng):
    """A section by CT or MR: an outline, its rim, organs, air; of a head, a chest, a belly or a leg."""
    rx, ry = rng.uniform(0.5, 0.98), rng.uniform(0.45, 0.95)
    cx, cy, a = *rng.normal(0, 0.06, 2), rng.normal(0, 0.06)
    air, flesh, bone = rng.uniform(0, 25), rng.uniform(70, 150), rng.uniform(170, 255)
    body = ellipse(cx, cy, rx, ry, a)
    inner = ellipse(cx, cy, rx * (k := rng.uniform(0.78, 0.97)), ry * k, a)
    x = air + (rng.choice([bone, flesh * 0.5, flesh * 1.3]) - air) * body
    x = x * (1 - inner) + inner * (flesh + rng.uniform(2, 14) * noise(rng, rng.uniform(1, 3)))
    if rng.random() < 0.5:  # lungs, heart, spine
        for side in (-1, 1):
            lung = ellipse(
                cx + side * rx * rng.uniform(0.4, 0.5),
                cy + rng.normal(0, 0.05),
                rx * rng.uniform(0.25, 0.4),
                ry * rng.uniform(0.45, 0.72),
                -side * 0.2,
            )
            x = x * (1 - lung) + lung * (air + rng.uniform(5, 60) + 5 * np.abs(noise(rng, 1.5)))
        heart = ellipse(
            cx + rng.uniform(-0.05, 0.2), cy - 0.1 * ry, rx * rng.uniform(0.2, 0.38), ry * rng.uniform(0.2, 0.4), 0.5
        )
        x = x * (1 - heart) + heart * flesh * rng.uniform(1, 1.5)
    for _ in range(rng.integers(0, 12)):
        organ = inner * ellipse(
            cx + rng.uniform(-0.7, 0.7) * rx,
            cy + rng.uniform(-0.7, 0.7) * ry,
            *rng.uniform(0.03, 0.35, 2),
            rng.uniform(0, 3),
        )
        x = x * (1 - organ) + organ * rng.choice([flesh * rng.uniform(0.6, 1.5), air, bone])
    if rng.random() < 0.6:
        for rib in np.linspace(0, 2 * np.pi, rng.integers(6, 20)):
            x = np.maximum(
                x, bone * ellipse(cx + rx * 0.87 * np.cos(rib), cy + ry * 0.87 * np.sin(rib), 0.07, 0.03, rib + 1.57)
            )
        x = np.maximum(
            x, bone * ellipse(cx, cy + 0.6 * ry, 0.13, 0.13) * (1 - 0.5 * ellipse(cx, cy + 0.68 * ry, 0.06, 0.05))
        )
    if rng.random() < 0.4:  # the table
        x = np.maximum(
            x, rng.uniform(40, 150) * edge(np.abs(Y - cy - ry - 0.06 - rng.uniform(-0.1, 0.1) * X**2) - 0.015, 0.01)
        )
    x = x + rng.uniform(0, 10) * rng.standard_normal(x.shape)
    return turn(x, rng, rng.choice([0, 0, 0, 90, 180]), fill="nearest")


def _fan(rng):
    """Ultrasound: a sector or a block of speckle, structures and their shadows, letters around it."""
    depth, half = rng.uniform(1.3, 2.0), rng.uniform(0.4, 0.9)
    top = rng.uniform(-1.2, -0.8)
    r, a = np.hypot(X, Y - top), np.arctan2(X, Y - top)
    if rng.random() < 0.75:
        mask = edge(np.maximum(np.abs(a) - half, np.maximum(r - depth, rng.uniform(0, 0.3) - r)), 0.01)
    else:
        mask = edge(np.maximum(np.abs(X) - half, np.abs(Y) - 0.85), 0.01)
    gain = np.exp(-rng.uniform(0, 1.2) * r) * (1 + 0.5 * noise(rng, 3))
    for _ in range(rng.integers(1, 7)):
        lump = ellipse(*rng.uniform(-0.6, 0.6, 2), *rng.uniform(0.05, 0.5, 2), rng.uniform(0, 3), 0.03)
        gain = gain * (1 + lump * rng.uniform(-1, 1.5))
    speckle = np.abs(noise(rng, rng.uniform(0, 1)) + 1j * noise(rng, rng.uniform(0, 1)))
    x = np.clip(rng.uniform(40, 120) * np.maximum(gain, 0) * speckle, 0, 255) * mask
    for _ in range(rng.integers(0, 4)):
        x = marker(rng, x)
    return x


def _endoscopy(rng):
    """A round or eight-cornered picture on black: folds, a dark lumen, wet highlights."""
    u, v = np.abs(X), np.abs(Y)
    r = rng.uniform(0.75, 1.1)
    mask = (
        edge(np.hypot(u, v) - r, 0.01)
        if rng.random() < 0.6
        else edge(np.maximum(np.maximum(u, v), (u + v) * 0.72) - r, 0.01)
    )
    cx, cy = rng.normal(0, 0.3, 2)
    d = np.hypot(X - cx, Y - cy) + 0.15 * noise(rng, 3)
    x = (
        rng.uniform(60, 200) * (1 - np.exp(-d * rng.uniform(1, 4)))
        + rng.uniform(0, 25) * np.sin(d * rng.uniform(5, 25))
        + 10 * noise(rng, 2)
    )
    for _ in range(rng.integers(0, 12)):
        x = np.maximum(x, 255 * ellipse(*rng.normal(0, 0.5, 2), *rng.uniform(0.01, 0.08, 2), rng.uniform(0, 3)))
    return x * mask + rng.uniform(0, 20) * (1 - mask)


def _vessels(rng):
    """Angiography: a branching tree, dark or bright, on a smooth ground, perhaps behind a round shutter."""
    ground = rng.uniform(80, 200) + rng.uniform(5, 35) * noise(rng, 3.5)
    im = Image.new("L", (SIZE, SIZE))
    d = ImageDraw.Draw(im)
    tips = [(*rng.uniform(30, 98, 1), *rng.choice([0.0, 127.0], 1), rng.uniform(0, 2 * np.pi), rng.uniform(3, 7))]
    for _ in range(rng.integers(20, 90)):
        x, y, a, w = tips.pop(rng.integers(len(tips)))
        for _ in range(rng.integers(1, 3)):
            b = a + rng.normal(0, 0.5)
            n = rng.uniform(5, 22)
            p = (x + n * np.cos(b), y + n * np.sin(b))
            d.line([(x, y), p], fill=255, width=max(1, round(w)))
            tips.append((*p, b, max(1, w * rng.uniform(0.7, 0.98))))
    tree = ndimage.gaussian_filter(np.asarray(im, np.float32) / 255, rng.uniform(0.4, 1.5))
    x = ground + rng.choice([-1, -1, 1]) * rng.uniform(30, 110) * tree
    if rng.random() < 0.4:
        x = x * edge(np.hypot(X, Y) - rng.uniform(0.85, 1.1), 0.01)
    return x


PHANTOMS = {
    "limb": _limb,
    "hand": _hand,
    "skeleton": _skeleton,
    "lateral": _lateral,
    "slice": _slice,
    "fan": _fan,
    "endoscopy": _endoscopy,
    "vessels": _vessels,
}
