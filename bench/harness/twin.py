"""The default model's ReLU twin, and the pictures as that network takes them."""

import pathlib

import numpy as np

from peers import modelfile, onnx_network, pictures


class Twin:
    """`prepared` and `elsewhere` are files of pictures seen through the grey window, as the peers take them; `raw` and `raw_elsewhere` the same
    before it, as ours does. `elsewhere` is a part of the official test, with its `labels`, where it is at hand, and otherwise None."""

    def __init__(self, path: pathlib.Path, w, data: pathlib.Path):
        self.path, self.room = path, w.room
        self.description, self.tensors = modelfile.read(path)
        p = self.description["preparation"]
        self.size, self.scale, self.positive = p["width"], p["scale"], self.description["labels"].index(self.description["positive"])
        self._networks = {}
        shown, calibration = w.pictures.small, w.pictures.rest
        self.raw, self.prepared = self._files("twin", shown)
        self.calibration = pictures.window(np.stack([pictures.grey(f.read_bytes(), self.size) for f in calibration]))
        found = [(f, c) for c, name in enumerate(("NORMAL", "PNEUMONIA")) for f in sorted((data / "kermany" / "shifted" / name).glob("*"))]
        self.labels = np.array([c for _, c in found]) if found else None
        self.raw_elsewhere, self.elsewhere = self._files("elsewhere", [f for f, _ in found]) if found else (None, None)

    def onnx(self, batch: int, int8=False) -> pathlib.Path:
        """The twin as an ONNX file, made once."""
        if (batch, int8) not in self._networks:
            path = self.room / f"twin{batch}{'-int8' if int8 else ''}.onnx"
            if int8:
                onnx_network.quantise(self.onnx(batch), path, self.calibration[:, None].astype(np.float32) / np.float32(self.scale))
            else:
                onnx_network.write(path, self.description, self.tensors, batch)
            self._networks[batch, int8] = path
        return self._networks[batch, int8]

    def _files(self, name, files):
        grey = np.stack([pictures.grey(f.read_bytes(), self.size) for f in files])
        out = self.room / f"{name}-raw.u8", self.room / f"{name}.u8"
        grey.tofile(out[0])
        pictures.window(grey).tofile(out[1])
        return out
