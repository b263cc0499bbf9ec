"""What a team would write in Python: FastAPI, Pillow and ONNX Runtime, one worker a core.

The answer is calculated on the event loop: with a worker a core and one thread each, handing it to a thread pool would
only add to it. Started by harness/service.py, which sets the variables.
"""

import os

from fastapi import FastAPI, HTTPException, Request
from PIL import UnidentifiedImageError

from peers import pictures
from peers.onnxruntime_peer import session

SIZE, SCALE = int(os.environ["PEER_SIZE"]), float(os.environ["PEER_SCALE"])
LABELS = os.environ["PEER_LABELS"].split(",")
POSITIVE, WINDOWED = int(os.environ["PEER_POSITIVE"]), bool(os.environ["PEER_WINDOWED"])

app = FastAPI()
predict = session(os.environ["PEER_NETWORK"], threads=1)


@app.get("/readyz")
async def ready():
    return {"status": "ok"}


@app.post("/v1/predictions")
async def predictions(request: Request):
    try:
        shown = pictures.prepare(await request.body(), SIZE, SCALE, windowed=WINDOWED)
    except (UnidentifiedImageError, OSError) as e:
        raise HTTPException(400, str(e)) from e
    found = predict(shown)[0]
    return {"probability": float(found[POSITIVE]), "probabilities": dict(zip(LABELS, map(float, found)))}
