"""Training, conversion and experiments for spikeray's models. The server never needs this package."""

import os

# TensorFlow trained the article's network four times faster than JAX and PyTorch on two CPU cores
# (docs/RATIONALE.md), and runs unchanged on a GPU.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
