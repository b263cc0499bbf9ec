"""Writes golden.json: small pictures resized by Pillow, for resample_test.go.

Run with Pillow installed: python golden.py
The pictures are not stored: both sides draw them from the same generator.
"""
import base64
import json
import pathlib

import PIL
from PIL import Image

# (source width, source height, target width, target height)
SIZES = [
    (1, 1, 1, 1), (1, 1, 5, 4), (2, 1, 1, 1), (1, 3, 1, 2), (3, 1, 7, 1), (5, 5, 5, 5),
    (7, 3, 7, 9), (7, 9, 7, 3), (3, 7, 9, 7), (9, 7, 3, 7), (13, 11, 12, 10), (12, 10, 13, 11),
    (31, 17, 10, 5), (10, 5, 31, 17), (17, 31, 23, 9), (31, 17, 9, 23), (64, 64, 32, 32),
    (65, 63, 32, 21), (97, 89, 1, 1), (101, 1, 10, 1), (1, 101, 1, 10), (100, 100, 99, 101),
    (224, 224, 28, 28), (255, 129, 50, 40), (333, 211, 37, 41), (1500, 1201, 24, 20), (2, 2, 40, 40),
    (1999, 3, 7, 2), (3, 1999, 2, 7), (40, 40, 39, 39),
]
# (source width, source height, target width, target height, reduction): the source stands for a picture that many
# times as large whose size is one less than a multiple, so the last column and row are only partly its own.
REDUCED = [(31, 17, 10, 5, 2), (17, 31, 23, 9, 4), (64, 64, 32, 32, 8), (224, 200, 100, 100, 4), (40, 30, 40, 30, 2), (10, 9, 20, 30, 4), (1, 1, 1, 1, 8)]


def draw(count, seed):
    """Numbers of 16 bits from a linear congruential generator; runs of black and white are mixed in,
    because rounding and clipping show there."""
    state, out = seed, []
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        value = state >> 16
        if (i >> 5) % 3 == 1:
            value = 0xFFFF if value & 0x300 else 0
        out.append(value)
    return out


cases = []
for index, (w, h, dw, dh, reduction) in enumerate([(*size, 1) for size in SIZES] + REDUCED):
    lost = (reduction - 1) / reduction
    extent = (w - lost, h - lost)
    box = (0, 0, *extent)
    values = draw(w * h, index + 1)
    eight = Image.frombytes("L", (w, h), bytes(v >> 8 for v in values))
    sixteen = Image.frombytes("I;16", (w, h), b"".join(v.to_bytes(2, "little") for v in values))
    size = (dw, dh)
    cases.append({
        "from": [w, h], "to": [dw, dh], "extent": extent, "seed": index + 1,
        "gray8": base64.b64encode(eight.resize(size, Image.Resampling.BILINEAR, box=box).tobytes()).decode(),
        "gray16_little_endian": base64.b64encode(sixteen.resize(size, Image.Resampling.BILINEAR, box=box).tobytes()).decode(),
    })
golden = {"pillow": PIL.__version__, "cases": cases}
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")
