"""Patients, folds, duplicates and preparation, on a small data set made here."""

import hashlib
import sys

import numpy as np
import pytest
from PIL import Image

from spikeray import data


@pytest.mark.parametrize(
    "name, label, patient",
    [
        ("person63_bacteria_306.jpeg", 1, "bacteria/person63"),
        ("person63_virus_7.jpeg", 1, "virus/person63"),
        ("person0063_virus_7.jpeg", 1, "virus/person63"),
        ("NORMAL2-IM-1345-0001.jpeg", 0, "NORMAL2/1345"),
        ("NORMAL2-IM-1345-0001-0002.jpeg", 0, "NORMAL2/1345"),
        ("IM-0115-0001.jpeg", 0, "IM/0115"),
        ("child.jpeg", 0, "NORMAL/child"),
        ("person_of_interest.jpeg", 1, "PNEUMONIA/person_of_interest"),
    ],
)
def test_patient(name, label, patient):
    assert data.patient_of(name, label) == patient


def test_folds_keep_patients_whole(root):
    pictures = data.scan(root, "train")
    assert len({p.sha256 for p in pictures}) == len(pictures)
    assert {p.path.name for p in pictures} == (
        {f.name for d in (root / "train").iterdir() for f in d.iterdir()} - {"IM-9999-0001.jpeg", "Thumbs.db"}
    )
    seen = []
    for fold in range(data.FOLDS):
        training, validation = data.split(root, fold)
        assert not {p.patient for p in training} & {p.patient for p in validation}
        assert {p.label for p in training} == {p.label for p in validation} == {0, 1}
        assert sorted(map(str, training + validation)) == sorted(map(str, pictures))
        seen += validation
    assert sorted(map(str, seen)) == sorted(map(str, pictures))  # each validates exactly once
    counts = np.bincount(data.folds(pictures))
    assert counts.max() - counts.min() <= 8  # no patient has more than 4 pictures of a class


def test_the_split_depends_on_nothing_but_the_data(root):
    a, b = data.split(root), data.split(root)
    assert data.digest(a[0]) == data.digest(b[0]) != data.digest(data.split(root, 1)[0])
    relabelled = [data.Picture(p.path, 1 - p.label, p.patient, p.sha256) for p in a[0]]
    assert data.digest(a[0]) != data.digest(relabelled)


WATCH = {"on": False, "paths": []}


def test_test_is_never_opened(root):
    if "hook" not in WATCH:  # a hook cannot be taken off again, so it has a switch
        WATCH["hook"] = lambda event, args: (
            WATCH["on"] and event in ("open", "os.listdir", "os.scandir") and WATCH["paths"].append(str(args[0]))
        )
        sys.addaudithook(WATCH["hook"])
    WATCH["on"] = True
    training, validation = data.split(root)
    data.prepare_all(training + validation, 8)
    WATCH["on"] = False
    assert any(str(root / "train") in p for p in WATCH["paths"])
    assert not any(str(root / "test") in p for p in WATCH["paths"])


def test_a_file_under_both_labels_is_an_error(root):
    (root / "train/PNEUMONIA/person77_virus_1.jpeg").write_bytes(
        (root / "train/NORMAL/IM-0003-0001.jpeg").read_bytes()
    )
    with pytest.raises(ValueError, match="two labels"):
        data.scan(root, "train")


def test_a_folder_of_another_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match="NORMAL"):
        data.scan(tmp_path, "train")


def test_preparation_is_pillows(root):
    path = root / "train/NORMAL/IM-0003-0001.jpeg"
    x, y = data.prepare_all([data.Picture(path, 1, "", hashlib.sha256().hexdigest())], 5)
    assert x.dtype == np.float32 and x.shape == (1, 5, 5, 1) and list(y) == [1]
    with Image.open(path) as im:
        want = np.asarray(im.convert("L").resize((5, 5), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(x[0, ..., 0] * 255, want)
