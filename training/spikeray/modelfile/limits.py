"""The limits of docs/MODEL_FILE.md."""

import numpy as np

MAX_FILE = 64 << 20
MAX_HEADER = 1 << 20
MAX_TENSORS = 512
MAX_TRAINING = 64 << 10
MAX_AGE = 150
MAX_TEXT = 1024  # bytes of a line for people
MAX_LAYERS = 256
MAX_LABELS = 64
MAX_GATE_LABELS = 16
MAX_POINTS = 8
MAX_SIDE = 1024
MAX_KERNEL = 31
MAX_CHANNELS = 4096
MAX_DENSE_INPUT = 1 << 20
MAX_WEIGHTS = 1 << 24
MAX_MAP = 1 << 24
MAX_OPERATIONS = 1 << 36
MAX_STEPS = 64
MAX_TRAIN = 1 << 26
MAX_DEPTH = 64  # of objects and arrays in one another, in `training`
MAX_VALUE = 2.0**100  # that a network may be able to reach
MAX_COUNT = 255  # spikes that one neuron can hand on in one step
MAX_NUMBER = float(np.finfo(np.float32).max)
