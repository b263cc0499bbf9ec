"""Every call of Triton's HTTP client: it works, or is refused in words that the client shows."""

import asyncio
import base64
import json

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

from peers import PICTURES, URL, check, predict

MODEL = "spikeray"
client = http.InferenceServerClient(URL)


def refused(what, status, says, call):
    """The call is answered with this status and these words."""
    try:
        answer = call()
    except InferenceServerException as e:
        check(f"{what} is refused", e.status() == str(status) and says in e.message(), str(e))
        return
    check(f"{what} is refused", False, answer)


def image(*pictures, binary=True):
    elements = list(pictures) if binary else [base64.b64encode(p).decode() for p in pictures]
    i = http.InferInput("image", [len(pictures), 1], "BYTES")
    i.set_data_from_numpy(np.array(elements, dtype=object).reshape(-1, 1), binary_data=binary)
    return [i]


def pixels(array, datatype, binary=True):
    i = http.InferInput("pixels", list(array.shape), datatype)
    i.set_data_from_numpy(array, binary_data=binary)
    return [i]


want = [predict(p) for p in PICTURES]
meta = client.get_model_metadata(MODEL)
version = meta["versions"][0]

check("server live and ready", client.is_server_live() and client.is_server_ready())
check("model ready, by version too", client.is_model_ready(MODEL) and client.is_model_ready(MODEL, version))
check("no other version and model are", not client.is_model_ready(MODEL, "0.0.1") and not client.is_model_ready("none"))
server = client.get_server_metadata()
check("server metadata", server["name"] == "spikeray" and "binary_tensor_data" in server["extensions"], server)
check("model metadata", [i["name"] for i in meta["inputs"]] == ["image", "pixels"] and meta == client.get_model_metadata(MODEL, version), meta)
config = client.get_model_config(MODEL)
check("model config", config["max_batch_size"] == 16 and len(config["output"]) == len(meta["outputs"]) and config == client.get_model_config(MODEL, version), config)
index = client.get_model_repository_index()
check("repository index", {"name": MODEL, "version": version, "state": "READY", "reason": ""} in index, index)


def same(answer, pictures):
    return (answer.as_numpy("probability").ravel().tolist() == [w["probability"] for w in pictures]
            and [l.decode() if isinstance(l, bytes) else l for l in answer.as_numpy("label").ravel()] == [w["label"] for w in pictures]
            and answer.as_numpy("spikes").ravel().tolist() == [w["spikes"]["total"] for w in pictures])


for request in (None, "gzip", "deflate"):
    for response in (None, "gzip", "deflate"):
        answer = client.infer(MODEL, image(*PICTURES), request_id="42", request_compression_algorithm=request, response_compression_algorithm=response)
        check(f"infer, request {request}, response {response}", same(answer, want) and answer.get_response()["id"] == "42", answer.get_response())
check("infer by version", same(client.infer(MODEL, image(PICTURES[0]), model_version=version), want[:1]))
outputs = [http.InferRequestedOutput(n, binary_data=b) for n, b in (("label", False), ("probability", False), ("spikes", True))]
answer = client.infer(MODEL, image(*PICTURES), outputs=outputs)
check("outputs asked for, JSON and binary", same(answer, want) and [o["name"] for o in answer.get_response()["outputs"]] == ["label", "probability", "spikes"])
check("image as base64 in JSON", same(client.infer(MODEL, image(*PICTURES, binary=False), outputs=outputs), want))
flat = np.frombuffer(PICTURES[0], dtype=np.uint8).reshape(1, -1)
encoded = http.InferInput("image", list(flat.shape), "UINT8")
encoded.set_data_from_numpy(flat)
check("a file as UINT8", same(client.infer(MODEL, [encoded]), want[:1]))
answer = client.infer(MODEL, image(PICTURES[0]))
document = json.loads(answer.as_numpy("answer")[0][0])
check("output answer", {k: v for k, v in document.items() if k not in ("id", "timing_ms")} == {k: v for k, v in want[0].items() if k not in ("id", "timing_ms")})
parameters = answer.get_response()["parameters"]
check("notice and gate", parameters["notice"] == want[0]["notice"] and parameters["gate_accepted"] == want[0]["gate"]["accepted"], parameters)
screening = client.infer(MODEL, image(PICTURES[0]), parameters={"operating_point": "screening"})
check("parameter operating_point", screening.as_numpy("threshold")[0][0] == predict(PICTURES[0], "?operating_point=screening")["threshold"])
early = client.infer(MODEL, image(PICTURES[0]), parameters={"steps": 1})
check("parameter steps", early.as_numpy("steps")[0][0] == 1 and early.as_numpy("raw_probability")[0][0] == predict(PICTURES[0], "?steps=1")["raw_probability"])
check("priority and timeout", same(client.infer(MODEL, image(PICTURES[0]), priority=2, timeout=20_000_000, parameters={"deadline_ms": 20_000}), want[:1]))
refused("a timeout of a microsecond", 504, "deadline", lambda: client.infer(MODEL, image(PICTURES[0]), timeout=1))

height, width = meta["inputs"][1]["shape"][1:]
grey = np.random.default_rng(1).integers(0, 256, (2, height, width), dtype=np.uint8)
answers = [client.infer(MODEL, pixels(a, d, b)).as_numpy("probability").tolist()
           for a, d in ((grey, "UINT8"), (grey.astype(np.float32), "FP32"), (grey[:, None], "UINT8")) for b in (True, False)]
check("prepared pixels, UINT8 and FP32, binary and JSON", all(a == answers[0] for a in answers) and len(answers[0]) == 2, answers)
refused("prepared pixels of another scale", 400, "0 to 255", lambda: client.infer(MODEL, pixels((grey / 255).astype(np.float32), "FP32")))
refused("prepared pixels of another size", 400, f"{height}", lambda: client.infer(MODEL, pixels(grey[:, 1:].copy(), "UINT8")))

handles = [client.async_infer(MODEL, image(p)) for p in PICTURES]
check("async_infer", all(same(h.get_result(), [w]) for h, w in zip(handles, want)))


async def awaited():
    async with aio.InferenceServerClient(URL) as a:
        return await a.is_model_ready(MODEL), await a.infer(MODEL, image(*PICTURES))

ready, answer = asyncio.run(awaited())
check("asyncio", ready and same(answer, want))

stats = client.get_inference_statistics(MODEL)["model_stats"][0]
check("statistics", stats["inference_count"] > 20 and stats["inference_stats"]["compute_infer"]["ns"] > 0 and len(client.get_inference_statistics()["model_stats"]) == len(index), stats)

refused("an unknown model", 404, "no model", lambda: client.infer("none", image(PICTURES[0])))
refused("an unknown version", 404, version, lambda: client.infer(MODEL, image(PICTURES[0]), model_version="1"))
refused("an unknown output", 400, "raw_probability", lambda: client.infer(MODEL, image(PICTURES[0]), outputs=[http.InferRequestedOutput("heat")]))
refused("an unknown parameter", 400, "operating_point", lambda: client.infer(MODEL, image(PICTURES[0]), parameters={"colour": 1}))
refused("what is no picture", 400, "not a picture", lambda: client.infer(MODEL, image(b"hello")))
refused("classification", 400, "classification extension", lambda: client.infer(MODEL, image(PICTURES[0]), outputs=[http.InferRequestedOutput("logits", class_count=2)]))
refused("a sequence", 400, "sequences", lambda: client.infer(MODEL, image(PICTURES[0]), sequence_id=7, sequence_start=True))
for name, call in {
        "system shared memory, status": client.get_system_shared_memory_status,
        "system shared memory, register": lambda: client.register_system_shared_memory("a", "/a", 16),
        "system shared memory, unregister": client.unregister_system_shared_memory,
        "CUDA shared memory, status": client.get_cuda_shared_memory_status,
        "CUDA shared memory, register": lambda: client.register_cuda_shared_memory("a", "aGk=", 0, 16),
        "CUDA shared memory, unregister": client.unregister_cuda_shared_memory}.items():
    refused(name, 404, "shared memory is not supported", call)
shared = http.InferInput("image", [1, 1], "BYTES")
shared.set_shared_memory("region", 16)
refused("an input in shared memory", 400, "shared memory is not supported", lambda: client.infer(MODEL, [shared]))
out = http.InferRequestedOutput("label")
out.set_shared_memory("region", 16)
refused("an output in shared memory", 400, "shared memory is not supported", lambda: client.infer(MODEL, image(PICTURES[0]), outputs=[out]))
refused("load", 403, "not loaded", lambda: client.load_model(MODEL))
refused("unload", 403, "not unloaded", lambda: client.unload_model(MODEL))
refused("trace settings", 404, "traces", client.get_trace_settings)
refused("log settings", 404, "--log-level", client.get_log_settings)
client.close()
