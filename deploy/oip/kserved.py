"""Every call of KServe's REST client."""

import asyncio
import base64

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from peers import PICTURES, URL, check, predict

MODEL, BASE = "spikeray", f"http://{URL}"
want = [predict(p) for p in PICTURES]


def outputs(answer):
    return {o.name: o.as_numpy().ravel().tolist() for o in answer.outputs}


def same(answer, pictures):
    got = outputs(answer)
    return got["probability"] == [w["probability"] for w in pictures] and [
        l.decode() if isinstance(l, bytes) else l for l in got["label"]] == [w["label"] for w in pictures]


def image(*pictures):
    i = InferInput("image", [len(pictures), 1], "BYTES")
    i.set_data_from_numpy(np.array(pictures, dtype=object).reshape(-1, 1), binary_data=True)
    return i


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    check("server live and ready", await client.is_server_live(BASE) and await client.is_server_ready(BASE))
    check("model ready", await client.is_model_ready(BASE, MODEL) and not await client.is_model_ready(BASE, "none"))
    answer = await client.infer(BASE, InferRequest(model_name=MODEL, infer_inputs=[image(*PICTURES)], request_id="7"), model_name=MODEL)
    check("infer, binary", same(answer, want) and answer.id == "7" and answer.parameters["notice"] == want[0]["notice"], answer)
    encoded = InferInput("image", [len(PICTURES)], "BYTES", data=[base64.b64encode(p).decode() for p in PICTURES])
    answer = await client.infer(BASE, InferRequest(model_name=MODEL, infer_inputs=[encoded]), model_name=MODEL)
    check("infer, JSON", same(answer, want), answer)
    wanted = [RequestedOutput("label", parameters={"binary_data": True}), RequestedOutput("probability")]
    answer = await client.infer(BASE, InferRequest(model_name=MODEL, infer_inputs=[image(PICTURES[0])], request_outputs=wanted,
                                                   parameters={"operating_point": "screening"}), model_name=MODEL)
    check("outputs and parameters asked for", list(outputs(answer)) == ["label", "probability"] and answer.parameters["operating_point"] == "screening")
    try:
        await client.infer(BASE, InferRequest(model_name=MODEL, infer_inputs=[image(b"hello")]), model_name=MODEL)
        check("what is no picture is refused", False)
    except httpx.HTTPStatusError as e:
        check("what is no picture is refused", e.response.status_code == 400 and "not a picture" in e.response.json()["error"], e)
    await client.close()


asyncio.run(main())
