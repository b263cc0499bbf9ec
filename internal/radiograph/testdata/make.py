"""Makes the fixtures that Go's standard library cannot write, and golden.json: what Pillow's convert("L") gives for each.

Run with Pillow installed: python make.py
"""
import base64
import json
import math
import pathlib

import PIL
from PIL import Image

here = pathlib.Path(__file__).parent
W, H = 45, 37  # no multiples of 8 or 16


def pixel(x, y):
    grey = 128 + 90 * math.sin(x / 5.0) * math.cos(y / 7.0)
    return int(grey + 25 * math.sin(x / 9.0)), int(grey), int(grey - 25 * math.sin(y / 8.0))


colour = Image.new("RGB", (W, H))
colour.putdata([pixel(x, y) for y in range(H) for x in range(W)])
grey = colour.convert("L")
alpha = colour.convert("RGBA")
alpha.putalpha(Image.linear_gradient("L").resize((W, H)))

fixtures = {
    "grey.jpg": (grey, {"quality": 90}),
    "grey_progressive.jpg": (grey, {"quality": 90, "progressive": True}),
    "colour_444.jpg": (colour, {"quality": 90, "subsampling": 0}),
    "colour_422.jpg": (colour, {"quality": 90, "subsampling": 1}),
    "colour_420.jpg": (colour, {"quality": 90, "subsampling": 2}),
    "colour_progressive.jpg": (colour, {"quality": 90, "progressive": True}),
    "restart.jpg": (colour, {"quality": 90, "restart_marker_blocks": 2}),
    "cmyk.jpg": (colour.convert("CMYK"), {"quality": 90}),
    "rgb.jpg": (colour, {"quality": 90, "keep_rgb": True}),
    "lossless.webp": (colour, {"lossless": True}),
    "lossy.webp": (colour, {"quality": 90}),
    "alpha.webp": (alpha, {"quality": 90}),
}
golden = {"pillow": PIL.__version__, "width": W, "height": H, "grey": {}}
for name, (picture, options) in fixtures.items():
    picture.save(here / name, **options)
    loaded = Image.open(here / name)
    if loaded.mode == "RGBA":
        loaded = Image.alpha_composite(Image.new("RGBA", loaded.size, "black"), loaded)
    golden["grey"][name] = base64.b64encode(loaded.convert("L").tobytes()).decode()
(here / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
