"""A run of the article's recipe on a small data set: what it leaves behind, and that one stopped goes on as it was."""

import csv
import json

import keras
import numpy as np
import pytest

from spikeray import data, modelfile
from spikeray.article import export, train
from spikeray.keras_files import convert
from spikeray.modelfile import simulator

SIZE = 32  # three convolutions and poolings leave 2 x 2 of it


def curves(out):
    with (out / "curves.csv").open() as f:
        return list(csv.DictReader(f))


def test_a_run_leaves_its_best_checkpoint_and_its_log(root, tmp_path, capsys):
    out = tmp_path / "run"
    train.train("snnxray", root, out, seed=3, dt=1.5, epochs=2, size=SIZE, verbose=2)
    run = json.loads((out / "run.json").read_text())
    training, validation = data.split(root)
    assert (run["seed"], run["dt"], run["epochs_run"], run["optimizer"], run["loss"]) == (
        3,
        1.5,
        2,
        "adam",
        "mean_squared_error",
    )
    assert run["training"] == {"pictures": len(training), "digest": data.digest(training)}
    assert run["validation"]["digest"] == data.digest(validation) and 0 <= run["validation"]["auc"] <= 1
    assert run["versions"]["keras"] == keras.__version__
    assert [row["epoch"] for row in curves(out)] == ["0", "1"] and {"loss", "val_auc"} <= set(curves(out)[0])
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")

    x, _ = data.prepare_all(validation, SIZE)
    saved = np.load(out / "validation.npz")
    assert list(saved["name"]) == [p.path.name for p in validation]
    for name in ("best.keras", "best.h5"):
        p = keras.models.load_model(out / name).predict(x, batch_size=32, verbose=0)[:, 1]
        np.testing.assert_allclose(saved["probability"], p, atol=1e-6)
    convert.convert(out / "best.h5", tmp_path / "h5.safetensors")
    export.export(out / "best.keras", tmp_path / "keras.safetensors", "mine", "1.0.0")
    picture = np.rint(x[0, ..., 0] * 255).astype(np.uint8)
    for name in ("h5", "keras"):
        answer = simulator.run(*modelfile.read(tmp_path / f"{name}.safetensors"), picture)
        np.testing.assert_allclose(answer.probabilities[1], saved["probability"][0], atol=1e-5)

    before = (out / "best.keras").stat().st_mtime_ns
    train.train("snnxray", root, out, seed=3, epochs=3, size=SIZE)
    assert "finished before" in capsys.readouterr().out and (out / "best.keras").stat().st_mtime_ns == before


class Cut(Exception):
    pass


def test_a_stopped_run_keeps_its_best_and_its_patience(root, tmp_path, monkeypatch):
    out = tmp_path / "run"
    made = train.NETWORKS["cnnxray"]

    def stopped(**options):
        """The network, with a run that breaks off after its first epoch."""
        model = made(**options)
        fit = model.fit

        def cut(*args, callbacks, **kwargs):
            def stop(epoch, logs):
                if epoch == 1:
                    raise Cut

            return fit(*args, callbacks=[*callbacks, keras.callbacks.LambdaCallback(on_epoch_begin=stop)], **kwargs)

        model.fit = cut
        return model

    monkeypatch.setitem(train.NETWORKS, "cnnxray", stopped)
    with pytest.raises(Cut):
        train.train("cnnxray", root, out, epochs=9, size=SIZE, verbose=0)
    assert len(curves(out)) == 1 and not (out / "run.json").exists()
    # As if that epoch had been better than any after it.
    loss = curves(out)[0]["loss"]
    (out / "curves.csv").write_text((out / "curves.csv").read_text().replace(loss, "1e-9"))
    best = (out / "best.keras").read_bytes()

    monkeypatch.setitem(train.NETWORKS, "cnnxray", made)
    train.train("cnnxray", root, out, epochs=9, size=SIZE, verbose=0)
    assert (out / "best.keras").read_bytes() == best
    assert [int(row["epoch"]) for row in curves(out)] == [0, 1, 2, 3, 4, 5]  # five without a better one
