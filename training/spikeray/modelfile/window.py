"""The grey window of a picture, from its own darkest and brightest pixels, in whole numbers: the model file's
`preparation.window`.

The window runs from the grey that a share `low` of the pixels lies below to the one that a share `high` lies below.
Quantiles are taken within a grey level as if its pixels were spread evenly over it, in 256ths of a level, so that one
pixel or one level of noise moves them little. docs/MODEL_FILE.md defines it; Go computes the same.
"""

import numpy as np
import numpy.typing as npt

LOW, HIGH, LEAST = 1311, 64225, 16  # shares in 65536ths: 2 % and 98 %; the least width in grey levels


def quantile(histogram: npt.ArrayLike, share: int) -> int:
    """The grey, in 256ths of a level from -128 to 255*256+128, below which `share` (in 65536ths) of a histogram [256]
    lies."""
    counts = np.asarray(histogram, np.int64)
    upto, target = np.cumsum(counts), share * int(counts.sum())  # target in 65536ths of a pixel
    grey = int(np.argmax((upto * 65536 >= target) & (counts > 0)))
    n = int(counts[grey])
    return grey * 256 - 128 + (target - (int(upto[grey]) - n) * 65536) * 256 // (n * 65536)


def table(histogram: npt.ArrayLike, low: int = LOW, high: int = HIGH, least: int = LEAST) -> np.ndarray:
    """What each grey becomes, uint8 [256]: the window stretched to 0..255; it is at least `least` levels wide."""
    bottom, top = quantile(histogram, low), quantile(histogram, high)
    width = max(top - bottom, least * 256)
    grey = np.arange(256, dtype=np.int64) * 256
    return np.clip(((grey - bottom) * 255 + width // 2) // width, 0, 255).astype(np.uint8)


def apply(x: np.ndarray, low: int = LOW, high: int = HIGH, least: int = LEAST) -> np.ndarray:
    """Pictures uint8 [...][h][w], each through its own window."""
    flat = x.reshape(-1, *x.shape[-2:])
    return np.stack([table(np.bincount(p.ravel(), minlength=256), low, high, least)[p] for p in flat]).reshape(x.shape)
