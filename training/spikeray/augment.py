"""Random augmentation for training: every picture of a batch gets its own, drawn anew each time it is shown.

Each step is aimed at something that tells the classes apart and is no finding (aspect, sharpness, compression, borders,
exposure) or at what differs between hospitals and ages (position, scale, tone).
"""

import math

import tensorflow as tf

# What a training run may leave out, for ablation.
KINDS = ("geometry", "tone", "sharpness", "cover")


def augment(x, size: int, seed, kinds=KINDS, mildest=1.0):
    """Pictures uint8 [n][s][s][1] as float32 [n][size][size][1] in 0..1, s >= size; seed: int32 [2].

    Every picture has a strength of its own, drawn from `mildest` to 1, that the sizes of what follows are scaled by: at 0 a picture is
    only brought to size, and mirrored half of the time.

    geometry: rotation to 15 degrees, scale .76 to 1.28 along each axis by itself, shift to 8 %, mirrored half of the time.
    tone: gamma, contrast, brightness, and a smooth field of exposure.
    sharpness: blurred or sharpened, then noise, fine or coarse.
    cover: a border of one grey on some sides; a rectangle of one grey.
    """
    draws = _Draws(seed, tf.shape(x)[0], mildest)
    x = tf.cast(x, tf.float32) / 255
    x = _geometry(x, size, draws) if "geometry" in kinds else tf.image.resize(x, (size, size), antialias=True)
    if "sharpness" in kinds:
        x = _sharpness(x, draws)
    if "tone" in kinds:
        x = _tone(x, draws)
    if "sharpness" in kinds:
        x = _noise(x, draws)
    if "cover" in kinds:
        x = _cover(x, draws)
    return tf.clip_by_value(x, 0, 1)


class _Draws:
    """Uniform numbers for every picture, a new stream at each call."""

    def __init__(self, seed, n, mildest):
        self.seed, self.n, self.calls = tf.cast(seed, tf.int32), n, -1
        self.strength = self.uniform(mildest, 1, ())

    def stream(self):
        self.calls += 1
        return tf.stack([self.seed[0] + 7919 * self.calls, self.seed[1]])

    def uniform(self, low, high, shape=(1, 1, 1)):
        return tf.random.stateless_uniform((self.n, *shape), self.stream(), low, high)

    def harm(self, low, high, shape=(1, 1, 1)):
        """As uniform, times the picture's strength."""
        return self.uniform(low, high, shape) * tf.reshape(self.strength, (-1, *(1 for _ in shape)))

    def some(self, share):
        """1 for about `share` of the pictures, 0 for the others."""
        return tf.cast(self.uniform(0, 1) < share, tf.float32)


def _geometry(x, size, draws):
    source = tf.cast(tf.shape(x)[1], tf.float32)

    def one(low, high):
        return draws.harm(low, high, ())

    angle = one(-15.0, 15.0) * math.pi / 180
    unit = source / size  # pixels of the source to one of the result
    sx = unit * tf.exp(one(math.log(0.76), math.log(1.28)))
    sy = unit * tf.exp(one(math.log(0.76), math.log(1.28)))
    sx = sx * tf.sign(draws.uniform(-1.0, 1.0, ()))  # mirrored
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b, d, e = sx * cos, -sy * sin, sx * sin, sy * cos
    middle, half = source / 2 - 0.5, size / 2 - 0.5
    c = middle + one(-0.08, 0.08) * source - (a + b) * half
    f = middle + one(-0.08, 0.08) * source - (d + e) * half
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1), output_shape=(size, size),
        fill_value=0.0, interpolation="BILINEAR", fill_mode="CONSTANT")


def _blur(x):
    """Twice a 1-2-1 filter along both axes: about a pixel of standard deviation."""
    for axis in (1, 2, 1, 2):
        paddings = [[0, 0]] * 4
        paddings[axis] = [1, 1]
        y = tf.pad(x, paddings, "SYMMETRIC")
        n = tf.shape(x)[axis]
        before, after = (y[:, :n], y[:, 2:]) if axis == 1 else (y[:, :, :n], y[:, :, 2:])
        x = (before + after) / 4 + x / 2
    return x


def _sharpness(x, draws):
    once = _blur(x)
    twice = _blur(_blur(once))
    amount = draws.harm(-0.7, 1.0)  # below 0: unsharp masking
    strong = draws.some(0.25) * draws.harm(0, 1)
    return x + amount * (once - x) + strong * (twice - once)


def _tone(x, draws):
    x = tf.clip_by_value(x, 0, 1)
    field = tf.image.resize(draws.harm(-0.25, 0.25, (3, 3, 1)), tf.shape(x)[1:3], "bicubic")
    x = x * tf.exp(draws.some(0.5) * field)
    x = tf.pow(tf.clip_by_value(x, 1e-4, 1), tf.exp(draws.harm(-0.5, 0.5)))
    middle = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
    return (x - middle) * tf.exp(draws.harm(-0.45, 0.4)) + middle + draws.harm(-0.14, 0.14)


def _noise(x, draws):
    shape = tf.shape(x)
    fine = tf.random.stateless_normal(shape, draws.stream())
    coarse = tf.image.resize(tf.random.stateless_normal((shape[0], shape[1] // 2, shape[2] // 2, 1), draws.stream()), shape[1:3])
    pick = draws.some(0.5)
    sigma = draws.some(0.6) * tf.square(draws.harm(0, 1)) * 0.07
    return x + sigma * (pick * fine + (1 - pick) * coarse)


def _cover(x, draws):
    shape = tf.shape(x)
    ys = tf.cast(tf.range(shape[1]), tf.float32)[None, :, None, None] / tf.cast(shape[1], tf.float32)
    xs = tf.cast(tf.range(shape[2]), tf.float32)[None, None, :, None] / tf.cast(shape[2], tf.float32)
    grey = draws.some(0.5) * draws.uniform(0, 1)
    for at in (ys, 1 - ys, xs, 1 - xs):
        width = draws.some(0.2) * draws.harm(0, 0.1)
        x = tf.where(at < width, grey, x)
    left, top = draws.uniform(0, 0.9), draws.uniform(0, 0.9)
    wide, high = draws.harm(0.05, 0.25), draws.harm(0.05, 0.25)
    inside = (xs >= left) & (xs < left + wide) & (ys >= top) & (ys < top + high) & (draws.some(0.3) > 0)
    return tf.where(inside, draws.uniform(0, 1), x)
