"""A model file without neurons as an ONNX file, in float32 or quantised to int8, for the runtimes that read those."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import chain

OPSET = 21


def write(path, description, tensors, batch):
    """The network for a fixed batch, [batch][1][H][W] to [batch][labels]: fixed shapes are what runtimes optimise best."""
    side = description["preparation"]
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    value = "picture"
    for layer in chain.layers(description, tensors):
        name, inputs, out = layer.name, [value], layer.name
        if layer.weights is not None:
            inputs.append(constant(f"{name}.weights", layer.weights))
            inputs.append(constant(f"{name}.bias", layer.bias))
        match layer.kind:
            case "conv2d":
                nodes.append(helper.make_node("Conv", inputs, [out], name, kernel_shape=layer.size, strides=layer.stride, pads=layer.pads))
            case "global_average_pool2d":
                nodes.append(helper.make_node("GlobalAveragePool", inputs, [f"{out}.map"], f"{name}.map"))
                nodes.append(helper.make_node("Flatten", [f"{out}.map"], [out], name, axis=1))
            case "dense":
                nodes.append(helper.make_node("Gemm", inputs, [out], name, transB=1))
            case "max_pool2d":
                nodes.append(helper.make_node("MaxPool", inputs, [out], name, kernel_shape=layer.size, strides=layer.stride))
            case "relu":
                nodes.append(helper.make_node("Relu", inputs, [out], name))
            case "flatten":
                nodes.append(helper.make_node("Flatten", inputs, [out], name, axis=1))
            case "softmax":
                nodes.append(helper.make_node("Softmax", inputs, [out], name, axis=1))
        value = out
    graph = helper.make_graph(
        nodes, description["name"],
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 1, side["height"], side["width"]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [batch, len(description["labels"])])],
        constants)
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(network, full_check=True)
    onnx.save(network, path)


def quantise(path, to, pictures):
    """Static quantisation as ONNX Runtime advises for x86: QDQ, weights int8 by channel, activations uint8.

    `pictures` are the calibration's, [n][1][H][W] float32; the network's batch must divide n.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static, shape_inference

    batch = onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures.reshape(-1, batch, *pictures.shape[1:]))

        def get_next(self):
            shown = next(self.left, None)
            return None if shown is None else {"picture": shown}

    ready = f"{to}.pre"
    shape_inference.quant_pre_process(path, ready)
    quantize_static(ready, to, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
