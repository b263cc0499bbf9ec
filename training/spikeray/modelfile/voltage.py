"""Starting voltages that Python and Go draw alike, number for number.

Counter-based SplitMix64 (Steele, Lea, Flood 2014): the i-th voltage of a seed is

    z = seed + (i + 1) * 0x9E3779B97F4A7C15                  all modulo 2^64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    v = ((z ^ (z >> 31)) >> 40) / 2^24                       a float32 in [0, 1), exact

so that any part of the sequence can be drawn without the rest.
"""

import numpy as np


def uniform(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """float32 voltages in [0, 1), shape `shape`, C order. `seed` is an unsigned 64-bit number."""
    i = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return (z.astype(np.float32) / np.float32(1 << 24)).reshape(shape)
