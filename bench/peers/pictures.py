"""A picture's bytes as the network's input, the way the networks were trained: Pillow and numpy."""

import io

import numpy as np
from PIL import Image

from .modelfile import grey_window


def grey(data: bytes, size: int, draft=False) -> np.ndarray:
    """[size][size], 8 bits. With `draft`, libjpeg scales by 1/2, 1/4 or 1/8 in the DCT domain first."""
    picture = Image.open(io.BytesIO(data))
    if draft:
        picture.draft("L", (size, size))
    return np.asarray(picture.convert("L").resize((size, size), Image.Resampling.BILINEAR))


def window(greys: np.ndarray) -> np.ndarray:
    """Pictures [n][size][size] seen through the default model's grey window."""
    return grey_window.apply(greys)


def prepare(data: bytes, size: int, scale: float, draft=False, windowed=False) -> np.ndarray:
    """[1][1][size][size], float32."""
    seen = grey(data, size, draft)[None]
    return (window(seen) if windowed else seen)[None].astype(np.float32) / np.float32(scale)
