"""Writes JSON schemas of Kubernetes' kinds, as kubeconform reads them, from the definitions that its projects publish.

    python3 schemas.py OUT SWAGGER.json CRD.yaml…

Each object allows only what its definition has, so that a misspelt field is an error.
"""

import json
import sys
from pathlib import Path

import yaml

# Fields that are a number or a text, and that the definitions describe by a format alone.
EITHER = {"int-or-string": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def strict(schema: object) -> object:
    """Returns a schema whose objects allow nothing that they do not name."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") in EITHER:
        return EITHER["int-or-string"]
    out = {keyword: strict(value) for keyword, value in schema.items() if keyword not in ("description", "properties")}
    if "properties" in schema:  # names of fields, which may be those of keywords
        out["properties"] = {field: strict(value) for field, value in schema["properties"].items()}
        if "additionalProperties" not in out and not schema.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    return out


def main() -> None:
    out, swagger, *crds = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    definitions = {name: strict(d) for name, d in json.loads(swagger.read_text())["definitions"].items()}
    definitions[QUANTITY] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    (out / "definitions.json").write_text(json.dumps({"definitions": definitions}).replace('"#/definitions/', '"definitions.json#/definitions/'))
    kinds = json.loads(swagger.read_text())["definitions"]
    for name, definition in kinds.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if len(definition["x-kubernetes-group-version-kind"]) > 1:
                continue  # lists of options, which every group has
            file = "-".join(filter(None, [kind["kind"], kind["group"].split(".")[0], kind["version"]])).lower()
            (out / f"{file}.json").write_text(json.dumps({"$ref": f"definitions.json#/definitions/{name}"}))
    for path in crds:
        for crd in yaml.safe_load_all(path.read_text()):
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
                file = "-".join([crd["spec"]["names"]["kind"], crd["spec"]["group"].split(".")[0], version["name"]]).lower()
                (out / f"{file}.json").write_text(json.dumps(schema))


main()
