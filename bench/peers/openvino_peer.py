"""OpenVINO on the CPU, tuned for latency."""

import openvino


def load(args):
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(args.network), "CPU", {
        "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": args.precision,
    })
    request = compiled.create_infer_request()
    return lambda shown: request.infer({0: shown}, share_inputs=True, share_outputs=True)[0]
