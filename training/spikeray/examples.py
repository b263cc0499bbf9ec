"""Two synthetic radiographs, one a class: `python -m spikeray examples --data DATA`.

No downloaded X-ray may be committed, so the examples are drawn from a statistical model of them: for each class the
principal components of the training fold's pictures. A draw is the class's mean plus each component times a normal
number, cut off at one standard deviation, and grain as a film has. It shows nobody.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, PngImagePlugin

from . import data, modelfile
from .modelfile import simulator

SIZE = 224
SAMPLE = 1000  # pictures of a class that its components are found from, evenly chosen
COMPONENTS = 150
SPREAD = 1.0  # standard deviations at which a component's weight is cut off
GRAIN = 2.5  # grey levels, standard deviation
TRIES = 100

README = pathlib.Path(__file__).with_suffix(".md")


class Class:
    """The mean and principal components of one class of pictures."""

    def __init__(self, pictures: np.ndarray):
        """pictures: float32 [n][height][width], grey levels."""
        n, *self.shape = pictures.shape
        x = pictures.reshape(n, -1)
        self.mean = x.mean(0)
        x = x - self.mean
        # n is far below the number of pixels: the small eigenproblem has the same components.
        values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
        k = min(COMPONENTS, int((values > 1e-6 * values[-1]).sum()))  # the rest is rounding
        values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
        components = vectors.T.astype(np.float32) @ x / np.sqrt(values)[:, None]
        # An eigenvector's sign is the library's whim.
        components *= np.sign(components[np.arange(k), np.abs(components).argmax(1)])[:, None]
        self.deviations = components * np.sqrt(values / (n - 1))[:, None]

    def draw(self, seed: int) -> np.ndarray:
        """A picture, uint8 [height][width]."""
        rng = np.random.default_rng(seed)
        weights = np.clip(rng.standard_normal(len(self.deviations)), -SPREAD, SPREAD)
        picture = (self.mean + weights @ self.deviations).reshape(self.shape)
        return np.clip(np.rint(picture + rng.normal(0, GRAIN, self.shape)), 0, 255).astype(np.uint8)


def drawn_from(root, label: int) -> Class:
    """The statistical model of a class, from the training fold alone."""
    pictures = [p for p in data.split(root)[0] if p.label == label]
    n = min(SAMPLE, len(pictures))
    chosen = [pictures[i * len(pictures) // n] for i in range(n)]
    return Class(data.prepare_all(chosen, SIZE)[0][..., 0] * np.float32(255))


def choose(found: Class, label: int, models) -> tuple[int, np.ndarray, list[float]]:
    """The first draw that every model (as modelfile.read gives it) calls by its class: (seed, picture,
    probabilities)."""
    for seed in range(TRIES):
        picture = found.draw(seed)
        p = [_probability(model, picture) for model in models]
        if all((q >= modelfile.default_threshold(model[0])) == bool(label) for q, model in zip(p, models)):
            return seed, picture, p
    raise ValueError(f"none of {TRIES} draws of {data.LABELS[label]} is called so by every model")


def _probability(model, picture) -> float:
    description, tensors = model
    p = description.preparation
    prepared = Image.fromarray(picture).resize((p.width, p.height), Image.Resampling.BILINEAR)
    answer = simulator.run(description, tensors, np.asarray(prepared))
    return float(answer.probabilities[description.labels.index(description.positive)])


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Draw a synthetic radiograph of each class.")
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("examples"))
    a = ap.parse_args(arguments)
    files = sorted(a.models.glob("*.safetensors"))
    models = [modelfile.read(f) for f in files]
    a.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for label, name in enumerate(data.LABELS):
        seed, picture, p = choose(drawn_from(a.data, label), label, models)
        path = a.out / f"synthetic-{name.lower()}.png"
        text = PngImagePlugin.PngInfo()
        text.add_text("Title", f"Synthetic chest radiograph, {name}")
        text.add_text(
            "Comment", "Synthetic: drawn from principal components of a class of chest X-rays. Shows no patient."
        )
        text.add_text("Source", "Kermany et al. 2018, doi 10.17632/rscbjbr9sj.2, CC BY 4.0")
        Image.fromarray(picture).save(path, pnginfo=text, optimize=True)
        rows.append(f"| `{path.name}` | {name} | {seed} | " + " | ".join(f"{q:.3f}" for q in p) + " |")
        print(rows[-1])
    (a.out / "README.md").write_text(
        README.read_text().format(
            sample=SAMPLE,
            size=SIZE,
            components=COMPONENTS,
            spread=SPREAD,
            grain=GRAIN,
            columns=" | ".join(f.stem for f in files),
            rules="---|" * len(files),
            rows="\n".join(rows),
        )
    )
