"""The command line: `python -m spikeray COMMAND`, or `spikeray-train` once the package is installed.

A sub-command's module is imported when that command runs and no sooner: TensorFlow and PyTorch do not live in one
process, and each takes seconds to load.
"""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """words: what is typed. module: below this package; its `main(arguments, prog)` does the work. help: one line."""

    words: str
    module: str
    help: str
    function: str = "main"


COMMANDS = (
    Command("article train", "article.train", "train one of the article's networks"),
    Command("article export", "article.export", "write the model file of one checkpoint"),
    Command("article ship", "article.ship", "write the model files of the best seeds, with their cards"),
    Command("article report", "article.report", "write the article's networks' tables into docs/RESULTS.md"),
    Command("hybrid train", "hybrid.train", "train one network of spikeray"),
    Command("hybrid train-all", "hybrid.recipes", "train a group of them: main, board, ablation"),
    Command("hybrid ship", "hybrid.ship", "write the model files of the finished runs"),
    Command("hybrid report", "hybrid.report", "write spikeray's tables, figures and card"),
    Command("gate train", "gate.train", "train the gate"),
    Command("gate settle", "gate.train", "set the threshold of a gate anew", "settle_main"),
    Command("gate measure", "gate.measure", "measure the gate on chests and on other pictures"),
    Command("nir export", "nir.export", "write a model's spiking body as a NIR graph"),
    Command("nir import", "nir.importing", "put a NIR graph into a model in place of its body"),
    Command("convert", "keras_files.convert", "make a model file of a Keras file from elsewhere"),
    Command("quantise", "modelfile.quantise", "make a model's weights whole numbers"),
    Command("reseal", "modelfile.reseal", "write model files of versions before 1.3 anew"),
    Command("drift", "drift", "write a model file's reference for drift"),
    Command("held-out", "data", "lay out the pictures that a run has not seen, for `spikeray evaluate`"),
    Command("examples", "examples", "draw the synthetic radiographs of examples/"),
)


def usage(prefix: str = "") -> str:
    """All commands that begin with some words, one a line."""
    some = [c for c in COMMANDS if c.words.startswith(prefix)]
    width = max(len(c.words) for c in some)
    lines = [f"  {c.words:{width}}  {c.help}" for c in some]
    return "\n".join(
        ["usage: python -m spikeray COMMAND ...", "", *lines, "", "COMMAND --help tells a command's arguments."]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    for command in COMMANDS:
        words = command.words.split()
        if given[: len(words)] == words:
            run = getattr(importlib.import_module(f"{__package__}.{command.module}"), command.function)
            return run(given[len(words) :], f"python -m spikeray {command.words}") or 0
    words = [word for word in given if word not in ("-h", "--help")]
    group = f"{words[0]} " if words else ""
    if not any(command.words.startswith(group) for command in COMMANDS):
        print(f"spikeray: there is no command {words[0]!r}", file=sys.stderr)
        group = ""
    asked = not words or len(words) < len(given)
    print(usage(group), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2
