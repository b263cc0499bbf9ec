import random
import unittest

import numpy as np

from boardhost import network
from boardhost.boards.simulator import Board

from .files import file, neurons, small


class Files(unittest.TestCase):
    def test_damaged_file_is_refused(self):
        """Whatever becomes of a file, it is read or refused, and nothing else."""
        whole, rng, refused = small(), random.Random(1), 0
        for i in range(3000):
            broken = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(broken))
                if rng.random() < 0.3:
                    del broken[at:at + rng.randint(1, 40)]
                else:
                    broken[at:at + 1] = rng.choice((b"", b"9", b"-", b"}", b"[", b"null", bytes([rng.randrange(256)])))
                if not broken:
                    break
            try:
                network.read(bytes(broken))
            except network.NetworkError:
                refused += 1
        self.assertGreater(refused, 1000)

    def test_limits(self):
        weights = {"w": np.zeros(2, np.int8), "s": np.ones(1, np.float32)}
        dense = {"type": "dense", "name": "dense", "units": 1, "weights": "w", "scale": "s"}
        conv = {"type": "conv2d", "name": "conv", "kernel": [1, 1], "stride": [1, 1], "padding": "same", "channels": 1, "weights": "w", "scale": "s"}
        fine = [dense, neurons("a")]
        network.read(file(fine, weights))
        network.read(file([conv, neurons("a")], weights))
        wide = {**conv, "kernel": [31, 31]}
        many = {**weights, "w": np.zeros(31 * 31 * 2, np.int8)}
        network.read(file([wide, neurons("a")], many, input=(128, 256, 2)))
        for what, data in {
            "steps": file(fine, weights, steps=65),
            "no steps": file(fine, weights, steps=0),
            "steps of rows": file(fine, weights, axis="rows"),
            "axis": file(fine, weights, axis="time"),
            "format": file(fine, weights, format=2),
            "map": file([conv, neurons("a")], weights, input=(1 << 20, 1 << 20, 2)),
            "kernel": file([{**conv, "kernel": [32, 1]}, neurons("a")], weights),
            "window": file([{**conv, "kernel": [2, 1], "padding": "valid"}, neurons("a")], weights),
            "windows": file([wide, neurons("a")], many, input=(256, 256, 2)),
            "stride": file([{**conv, "stride": [0, 1]}, neurons("a")], weights),
            "a stride of a half": file([{**conv, "stride": [0.5, 1]}, neurons("a")], weights),
            "units": file([{**dense, "units": 2}, neurons("a")], weights),
            "type": file([{**dense, "type": "lstm"}, neurons("a")], weights),
            "no neurons": file([dense], weights),
            "neurons alone": file([neurons("a")], weights),
            "names": file([dense, neurons("dense")], weights),
            "threshold": file([dense, neurons("a", threshold=0)], weights),
            "no number": file([dense, neurons("a", threshold=float("nan"))], weights),
            "decay": file([dense, neurons("a", model="leaky_integrate_and_fire", decay=1)], weights),
            "dt": file([dense, neurons("a", model="spiking_relu")], weights),
            "most": file([dense, neurons("a")], weights, source=neurons("source", most=256)),
            "most of a spiking_relu": file([dense, neurons("a")], weights, source=neurons("source", model="spiking_relu", dt=1, most=2)),
            "graded spikes": file([dense, neurons("a", most=2)], weights),
            "seed": file([dense, neurons("a", start={"kind": "uniform", "seed": -1})], weights),
            "no tensor": file(fine, {"s": weights["s"]}),
            "no layers": file([], weights),
        }.items():
            with self.subTest(what), self.assertRaises(network.NetworkError):
                network.read(data)

    def test_a_graded_message_is_one_operation(self):
        dense = {"type": "dense", "name": "dense", "units": 3, "weights": "w"}
        n = network.read(file([dense, neurons("spike")], {"w": np.ones((2, 3), np.float32)}, source=neurons("source", reset="subtract", most=15)))
        stage = n.stages()[0]
        self.assertEqual(stage.max_count, 15)
        self.assertEqual(stage.operations(np.array([0, 15, 1, 1, 0, 0, 7, 0], np.uint8).reshape(4, 1, 1, 2)), 4 * 3)

    def test_voltages(self):
        """The first two of SplitMix64 with seed 1234567, as its authors' program prints them: 6457827717110365317 and 3203168211198807973."""
        n = network.neurons(neurons("a", start={"kind": "uniform", "seed": 1234567}))
        want = [np.float32(x >> 40) / np.float32(1 << 24) for x in (6457827717110365317, 3203168211198807973)]
        self.assertEqual(n.voltages(2).tolist(), want)


class Simulator(unittest.TestCase):
    def spikes(self, train, **more):
        net = network.read(small(**more))
        run = Board().place(net).run(np.array(train, np.uint8).reshape(-1, 1, 1, 2))
        return run.layers["spike"].ravel().tolist(), net.count(np.array(train, np.uint8).reshape(-1, 1, 1, 2), run)

    def test_by_hand(self):
        train = [[1, 0], [1, 0], [1, 1], [0, 1]]  # currents 0.5, 0.5, 1.5, 1
        out, (_, spikes, operations) = self.spikes(train)
        self.assertEqual(out, [0, 1, 1, 1])
        self.assertEqual((spikes, operations), (3, {"spike": 5}))
        self.assertEqual(self.spikes(train, threshold=2)[0], [0, 0, 1, 0])
        self.assertEqual(self.spikes(train, threshold=1.25, reset="subtract")[0], [0, 0, 1, 1])  # 0.5 1 2.5-1.25 2.25
        self.assertEqual(self.spikes(train, model="leaky_integrate_and_fire", decay=0.5)[0], [0, 0, 1, 1])  # 0.5 0.75 1.875 1
        self.assertEqual(self.spikes(train, model="spiking_relu", dt=2)[0], [1, 1, 3, 2])
