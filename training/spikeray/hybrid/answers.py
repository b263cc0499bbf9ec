"""What a network says of pictures, and what that costs. PyTorch."""

import numpy as np
import torch

from ..modelfile import window
from .network import Spiking


@torch.no_grad()
def answers(model, sets, windowed=True, batch=32) -> dict[str, np.ndarray]:
    """Logit of PNEUMONIA (the difference of the two) for each set of uint8 pictures, in float32; of a network over T
    steps also after each earlier step t, under the set's name and "@t"."""
    model.eval()
    out: dict[str, np.ndarray] = {}
    for kind, x in sets.items():
        x = window.apply(x) if windowed else x
        parts = []
        for i in range(0, len(x), batch):
            y = torch.from_numpy(x[i : i + batch]).float()[:, None].contiguous(memory_format=torch.channels_last)
            y = model.by_step(y) if isinstance(model, Spiking) else model(y)[None]
            parts.append((y[..., 1] - y[..., 0]).double().numpy())
        z = np.concatenate(parts, axis=1)
        out |= {kind: z[-1], **{f"{kind}@{t + 1}": z[t] for t in range(len(z) - 1)}}
    return out


@torch.no_grad()
def operations(model, x) -> float:
    """Millions of synaptic operations a picture."""
    found = []
    for part in x.split(32):
        model.eval()(part.contiguous(memory_format=torch.channels_last))
        found.append(float(model.operations))
    return float(np.mean(found))
