import os
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: threads would only wait for each other
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))


@pytest.fixture
def root(tmp_path):
    """A small data set in the official layout; its second copy of a file is IM-9999-0001.jpeg."""
    rng = np.random.default_rng(0)

    def picture(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 7), dtype=np.uint8)).save(path, format="PNG")

    for split in ("train", "test"):
        for patient in range(30):
            for i in range(1 + patient % 4):
                picture(
                    tmp_path
                    / split
                    / "PNEUMONIA"
                    / f"person{patient}_{'virus' if patient % 3 else 'bacteria'}_{i}.jpeg"
                )
            picture(tmp_path / split / "NORMAL" / f"IM-{patient:04}-0001.jpeg")
            picture(tmp_path / split / "NORMAL" / f"IM-{patient:04}-0001-0002.jpeg")
    (tmp_path / "train/NORMAL/IM-9999-0001.jpeg").write_bytes(
        (tmp_path / "train/NORMAL/IM-0000-0001.jpeg").read_bytes()
    )
    (tmp_path / "train/NORMAL/Thumbs.db").write_bytes(b"not a picture")
    return tmp_path
