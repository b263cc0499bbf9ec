"""What the sections share: the models, the pictures, and the commands that start each contender."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np

from peers import modelfile, onnx_network

from . import machine, steps_model
from .contender import Contender
from .pictures import Pictures, write_list
from .twin import Twin

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and a factor on the tasks in one."""

    rounds: int
    share: float

    def tasks(self, n: int) -> int:
        return max(1, round(n * self.share))


class Workplace:
    """Builds the programs and the peers' networks in `room`, a folder that goes away afterwards."""

    def __init__(self, room: pathlib.Path, data: pathlib.Path, spiking: pathlib.Path, relu: pathlib.Path, effort: Effort,
                 most_pictures: int | None):
        self.room, self.effort, self.data = room, effort, data
        self.models = {"spiking": Model(spiking), "relu": Model(relu)}
        self.cores = machine.cores()
        self.description, self.tensors = modelfile.read(relu)
        p = self.description["preparation"]
        same = all(self.models["spiking"].description["preparation"][k] == p[k] for k in ("width", "height", "resize", "scale"))
        if p["width"] != p["height"] or not same:
            raise ValueError("the two models want the same preparation, to a square")
        self.size, self.scale = p["width"], p["scale"]
        self.positive = self.description["labels"].index(self.description["positive"])
        self.pictures = Pictures(data, room, self.size, most_pictures)
        self.prepared = room / "prepared.u8"
        self.pictures.prepared.tofile(self.prepared)
        self.lists = {"small": write_list(room / "small.txt", self.pictures.small)}
        if self.pictures.originals:
            self.lists["originals"] = write_list(room / "originals.txt", self.pictures.originals)
        self.ours, self.load = self._go("./bench/ours"), self._go("./bench/load")
        self.default = ROOT / "models" / "spikeray.safetensors"
        self._networks = {}
        self._steps = self._twin = None

    def server(self) -> pathlib.Path:
        """The server as the container image has it."""
        return self._go("./cmd/server", "-trimpath", "-ldflags=-s -w")

    def kinds(self):
        """(title, the list of files or None, the files, short name) of each kind of picture file."""
        yield ("Originals, 1000 to 2900 pixels wide", self.lists.get("originals"), self.pictures.originals, "originals")
        yield ("Pictures of 224 pixels", self.lists["small"], self.pictures.small, "small")

    def one_core(self) -> list[int]:
        """The last processor: interrupts tend to go to the first."""
        return self.cores[-1:]

    def spikeray(self, name, model, cores, source=None, prepared=None, batch=1, steps=0) -> Contender:
        """Ours; `source` is a list of files, without one it is prepared pictures, those of all unless given."""
        pictures = ["-files", source] if source else ["-prepared", prepared or self.prepared]
        return self._contender(name, [self.ours, "-model", model, *pictures, "-batch", batch, "-steps", steps], cores)

    def peer(self, name, runtime, network, cores, source=None, batch=1, extra=(), twin=None) -> Contender:
        """A peer; `twin` is the network that is not the article's, with the pictures for it."""
        of = twin or self
        pictures = ["--files", source] if source else ["--prepared", of.prepared]
        return self._contender(name, [
            sys.executable, ROOT / "bench" / "peer.py", runtime, "--network", network, *pictures, "--size", of.size,
            "--scale", of.scale, "--positive", of.positive, "--batch", batch, "--threads", len(cores), *extra], cores)

    def onnx(self, batch: int, int8=False) -> pathlib.Path:
        """The ReLU network as an ONNX file, made once."""
        if (batch, int8) not in self._networks:
            path = self.room / f"batch{batch}{'-int8' if int8 else ''}.onnx"
            if int8:
                shown = self.pictures.calibration[:, None].astype(np.float32) / np.float32(self.scale)
                onnx_network.quantise(self.onnx(batch), path, shown)
            else:
                onnx_network.write(path, self.description, self.tensors, batch)
            self._networks[batch, int8] = path
        return self._networks[batch, int8]

    def over_steps(self) -> dict[str, pathlib.Path]:
        """The ReLU network with integrate-and-fire neurons as model files over steps, `float32` and `int8`, made once."""
        if self._steps is None:
            self._steps = steps_model.write(self.room, self.models["relu"].path, self.pictures.calibration)
        return self._steps

    def twin(self) -> Twin:
        """The default model's ReLU twin, opened once."""
        if self._twin is None:
            self._twin = Twin(ROOT / "bench" / "twin" / "spikeray-relu.safetensors", self, self.data)
        return self._twin

    def _contender(self, name, command, cores):
        return Contender(name, [str(word) for word in command], cores)

    def _go(self, package, *flags):
        out = self.room / pathlib.Path(package).name
        subprocess.run(["go", "build", *flags, "-o", out, package], cwd=ROOT, check=True,
                       env={**os.environ, "CGO_ENABLED": "0"})
        return out


class Model:
    """A model file by its header alone, because its weights are for spikeray to read."""

    def __init__(self, path: pathlib.Path):
        if not path.exists():
            raise FileNotFoundError(f"there is no model file {path}")
        self.path = path
        self.description, self.tensors = modelfile.header(path)

    @property
    def title(self) -> str:
        """Name and arithmetic, as `snnxray int8`."""
        return f"{self.description['name']} {'int8' if 'I8' in self.tensors.values() else 'float32'}"
