"""Figures of merit, tables and cards, on small runs made here."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import brier_score_loss, classification_report, roc_auc_score

from spikeray import data, modelfile
from spikeray.article import report, runs, ship
from spikeray.article.spiking import SpikingActivation
from spikeray.report import metrics


def test_figures_are_scikit_learns():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 300)
    probability = np.clip(0.3 * label + rng.uniform(0, 0.7, 300), 0, 1)
    got = metrics.metrics(label, probability, 0.4)
    want = classification_report(label, probability >= 0.4, output_dict=True)
    assert got["accuracy"] == pytest.approx(want["accuracy"])
    assert got["sensitivity"] == pytest.approx(want["1"]["recall"])
    assert got["specificity"] == pytest.approx(want["0"]["recall"])
    assert got["f1_pneumonia"] == pytest.approx(want["1"]["f1-score"])
    assert got["f1_weighted"] == pytest.approx(want["weighted avg"]["f1-score"])
    assert got["auc"] == pytest.approx(roc_auc_score(label, probability))
    ties = np.round(probability, 1)
    assert metrics.auc(label, ties) == pytest.approx(roc_auc_score(label, ties))
    assert np.isnan(metrics.auc(label, np.where(label == 1, np.nan, probability)))
    weight = rng.uniform(size=300)
    assert metrics.auc(label, ties, weight) == pytest.approx(roc_auc_score(label, ties, sample_weight=weight))
    assert got["brier"] == pytest.approx(brier_score_loss(label, probability))


def test_calibration_error_by_hand():
    # two bins: |0.2 - 0.5| for two pictures, |1.0 - 0.5| for two
    assert metrics.ece(
        np.array([0, 1, 1, 0]), np.array([0.19, 0.21, 1.0, 1.0]) - np.array([0, 0.01, 0, 0])
    ) == pytest.approx((abs(0.39 - 1) + abs(2 - 1)) / 4)
    assert metrics.ece(np.array([1, 0]), np.array([1.0, 0.0])) == 0


def test_figures_of_one_class_alone():
    got = metrics.metrics(np.ones(4, int), np.array([0.9, 0.2, 0.6, 0.5]))
    assert got["sensitivity"] == got["accuracy"] == 0.75 and np.isnan(got["specificity"]) and np.isnan(got["auc"])


def test_bootstrap_keeps_patients_whole():
    label = np.array([1] * 10 + [0] * 10)
    probability = np.array([0.9] * 5 + [0.1] * 5 + [0.2] * 10)
    alone = metrics.bootstrap(label, probability, list(range(20)), draws=500)
    together = metrics.bootstrap(label, probability, ["a"] * 5 + ["b"] * 5 + list(range(10)), draws=500)
    assert alone == metrics.bootstrap(label, probability, list(range(20)), draws=500)
    width = {name: np.subtract(*b["sensitivity"][::-1]) for name, b in (("alone", alone), ("together", together))}
    assert width["together"] == 1.0 and width["alone"] < 0.8
    assert alone["sensitivity"][0] < 0.5 < alone["sensitivity"][1]


@pytest.fixture
def root_of_runs(root, tmp_path):
    """Runs of seeds 0 to 2, seed 0 of the spiking network collapsed, over the small data set's validation fold."""
    training, validation = data.split(root)
    label = np.array([p.label for p in validation])
    rng = np.random.default_rng(0)
    for recipe in ("snnxray", "cnnxray"):
        for seed in range(3):
            folder = tmp_path / "runs" / f"{recipe}-{seed}"
            folder.mkdir(parents=True)
            spread = rng.uniform(0, 1, len(label))
            probability = (0.4 * label + 0.6 * spread) if (recipe, seed) != ("snnxray", 0) else np.ones(len(label))
            np.savez(
                folder / "validation.npz", probability=probability, label=label, name=[p.path.name for p in validation]
            )
            spiking = [SpikingActivation(2.0, seed=seed)] if recipe == "snnxray" else [layers.ReLU()]
            keras.Sequential(
                [keras.Input((8, 8, 1)), layers.Conv2D(2, 3), *spiking, layers.Flatten(), layers.Dense(2, "softmax")]
            ).save(folder / "best.keras")
            (folder / "run.json").write_text(
                json.dumps(
                    {
                        "recipe": recipe,
                        "seed": seed,
                        "dt": 2.0 if recipe == "snnxray" else None,
                        "fold": 0,
                        "batch": 16,
                        "time_axis": "rows" if recipe == "snnxray" else None,
                        "epochs_run": 9,
                        "epochs_asked": 20,
                        "seconds": 61,
                        "training": {"pictures": len(training), "digest": data.digest(training)},
                        "validation": {"pictures": len(validation), "digest": data.digest(validation)},
                        "versions": {"keras": "3", "backend": "tensorflow 2"},
                    }
                )
            )
    (tmp_path / "runs" / "snnxray-3").mkdir()  # still running
    return tmp_path / "runs"


def test_the_report_replaces_its_own_part_alone(root_of_runs, root, tmp_path):
    out = tmp_path / "RESULTS.md"
    out.write_text(f"# Results\n\nBefore.\n\n{report.SECTION.begin}\nstale\n{report.SECTION.end}\n\nAfter.\n")
    text = report.tables(root_of_runs, root)
    for _ in range(2):
        report.SECTION.put(out, text)
    whole = out.read_text()
    assert whole.startswith("# Results\n\nBefore.\n\n") and whole.endswith("\n\nAfter.\n") and "stale" not in whole
    assert whole.count("## Both networks") == 1
    assert (
        "snnxray, 3 seeds" in whole
        and "snnxray, without 1 collapsed" in whole
        and "snnxray, seed 0, collapsed" in whole
    )
    assert "3 pairs" in whole and "without 1 of a collapsed run" in whole
    found = runs.finished(root_of_runs, "cnnxray")
    auc = [r.metrics["auc"] for r in found]
    assert f"{np.mean(auc):.4f} ± {np.std(auc, ddof=1):.4f} ({min(auc):.4f} to {max(auc):.4f})" in whole


def test_paired_interval_by_hand():
    assert report._difference([0.1, 0.3]) == "+0.2000 (-1.0706 to +1.4706)"  # t(1, .975) = 12.706


def test_other_data_is_noticed(root_of_runs, root):
    (root / "train/PNEUMONIA/person0_bacteria_0.jpeg").unlink()
    with pytest.raises(ValueError, match="not the data"):
        report.tables(root_of_runs, root)


def test_the_best_run_is_shipped_with_its_card(root_of_runs, tmp_path):
    out = tmp_path / "models"
    out.mkdir()
    assert [p.name for p in ship.ship(root_of_runs, out, "1.2.3")] == ["snnxray.safetensors", "cnnxray.safetensors"]
    for name in ("snnxray", "cnnxray"):
        found = runs.finished(root_of_runs, name)
        best = max(found, key=lambda r: r.metrics["auc"])
        description, _ = modelfile.read(out / f"{name}.safetensors")
        card = (out / f"{name}.md").read_text()
        assert description.training["seed"] == best.seed and description.version == "1.2.3"
        assert f"# {name} 1.2.3" in card and f"Seed {best.seed} has the highest" in card
        assert f"| AUC | {best.metrics['auc']:.4f} |" in card and "bacterial pneumonia" in card and "CC BY 4.0" in card
        assert ("collapsed" in card) == (name == "snnxray")


def test_nothing_to_ship(tmp_path):
    with pytest.raises(ValueError, match="no finished run"):
        ship.ship(tmp_path, tmp_path, "1.0.0")
