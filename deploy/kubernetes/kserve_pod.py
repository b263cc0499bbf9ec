"""Prints the pod that KServe makes of a ServingRuntime and an InferenceService, with a folder of this machine as the volume of models.

    python3 kserve_pod.py MANIFESTS.yaml FOLDER HOST:PORT IMAGE

KServe mounts a claim (pvc://NAME) at /mnt/models, for reading, into the container kserve-container. The pod shares the network of
this machine, so it listens on HOST:PORT.
"""

import sys

import yaml


def main() -> None:
    manifests, folder, address, image = sys.argv[1:]
    runtime, service = yaml.safe_load_all(open(manifests))
    spec, predictor = runtime["spec"], service["spec"]["predictor"]
    model = predictor["model"]
    # What schemas cannot tell: the service finds its runtime.
    if model["runtime"] != runtime["metadata"]["name"]:
        sys.exit(f"the service wants the runtime {model['runtime']}, which is not here")
    if model["modelFormat"]["name"] not in [f["name"] for f in spec["supportedModelFormats"]]:
        sys.exit(f"the runtime does not support {model['modelFormat']}")
    if model["protocolVersion"] not in spec["protocolVersions"]:
        sys.exit(f"the runtime does not speak {model['protocolVersion']}")
    if not model["storageUri"].startswith("pvc://"):
        sys.exit(f"the models come from {model['storageUri']}, not from a claim")
    [container] = [c for c in spec["containers"] if c["name"] == "kserve-container"]
    env = {e["name"]: e["value"] for e in container["env"]}
    [port] = [p["containerPort"] for p in container.pop("ports")]
    if not env["SPIKERAY_ADDR"].endswith(f":{port}"):
        sys.exit(f"port {port} is not that of {env['SPIKERAY_ADDR']}")
    for probe in ("readinessProbe", "livenessProbe"):
        if container[probe]["httpGet"]["port"] != port:
            sys.exit(f"{probe} asks another port")
        container[probe]["httpGet"]["port"] = int(address.rsplit(":", 1)[1])
    env["SPIKERAY_ADDR"] = address
    container |= {
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": n, "value": v} for n, v in env.items()],
        "volumeMounts": [{"name": "kserve-pvc-source", "mountPath": "/mnt/models", "readOnly": True}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": service["metadata"]["name"] + "-predictor"},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "kserve-pvc-source", "hostPath": {"path": folder, "type": "Directory"}}],
        },
    }
    yaml.safe_dump(pod, sys.stdout, sort_keys=False)


main()
