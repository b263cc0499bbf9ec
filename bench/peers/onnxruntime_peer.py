"""ONNX Runtime on the CPU, all graph optimisations."""

import onnxruntime


def load(args):
    return session(args.network, args.threads)


def session(path, threads):
    """A function from [batch][1][H][W] float32 to probabilities by label."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    run = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run
    return lambda shown: run(None, {"picture": shown})[0]
