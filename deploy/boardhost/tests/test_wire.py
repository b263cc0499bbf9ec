import json
import unittest

import numpy as np

from boardhost import wire


def request(**tensor):
    return json.dumps({"inputs": [{"name": "x", "shape": [2], "datatype": "UINT8", **tensor}]}).encode()


class Wire(unittest.TestCase):
    def test_documented_example(self):
        """A request as in the text of the binary tensor extension."""
        head = json.dumps({"model_name": "mymodel", "inputs": [
            {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "parameters": {"binary_data_size": 16}},
            {"name": "input1", "shape": [3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}}],
            "outputs": [{"name": "output0", "parameters": {"binary_data": True}}]}).encode()
        r = wire.decode(head + np.array([1, 2, 3, 4], "<u4").tobytes() + b"\1\0\1", str(len(head)))
        self.assertEqual(r.inputs["input0"].tolist(), [[1, 2], [3, 4]])
        self.assertEqual(r.inputs["input1"].tolist(), [True, False, True])
        self.assertEqual(r.outputs, [("output0", True)])

    def test_numbers_in_json(self):
        self.assertEqual(wire.decode(request(data=[[1], [255]])).inputs["x"].tolist(), [1, 255])
        self.assertEqual(wire.decode(request(datatype="FP32", data=[0.5, 2])).inputs["x"].tolist(), [0.5, 2])

    def test_malformed(self):
        for what, body, header in (
            ("no JSON", b"spikes", None), ("nothing", b"", None), ("a list", b"[]", None), ("header", b"{}", "3"), ("no number", b"{}", "-1"),
            ("a sign", b"{}", "+2"), ("other digits", b"{}", "²"),
            ("behind the end", b'{"inputs":[]}x', "13"), ("type", request(datatype="BYTES", data=["a"]), None), ("no data", request(), None),
            ("twice", request(data=[1, 2], parameters={"binary_data_size": 2}), None), ("out of range", request(data=[1, 256]), None),
            ("fraction", request(data=[1, 0.5]), None), ("words", request(data=["1", "2"]), None), ("ragged", request(data=[[1], [1, 2]]), None),
            ("few", request(data=[1]), None), ("shape", request(shape=[-2], data=[]), None), ("enormous", request(shape=[1 << 30, 1 << 30], data=[]), None),
            ("another size", request(parameters={"binary_data_size": 3}), None), ("half sent", request(parameters={"binary_data_size": 2}), None),
            ("deep", b"[" * 100000, None), ("long", b" " * (wire.MAX_JSON + 1), None),
        ):
            with self.subTest(what), self.assertRaises(wire.WireError):
                wire.decode(body, header)

    def test_answer(self):
        counts = np.arange(6, dtype=np.uint8).reshape(2, 3)
        body, length = wire.encode("m", [("out", counts, {"a": 1}, True), ("json", counts[0], {}, False)], "7", {"spikes": 15})
        head = json.loads(body[:int(length)])
        self.assertEqual(body[int(length):], counts.tobytes())
        self.assertEqual(head["outputs"][0], {"name": "out", "shape": [2, 3], "datatype": "UINT8", "parameters": {"a": 1, "binary_data_size": 6}})
        self.assertEqual(head["outputs"][1]["data"], [0, 1, 2])
        self.assertEqual((head["model_name"], head["id"], head["parameters"]), ("m", "7", {"spikes": 15}))
