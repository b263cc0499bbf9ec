"""Asks a server, and holds the spans that came out of a collector to what was asked and answered.

    python3 arrived.py spans|ask|late|counted

ask asks while the collector is away, late looks for the spans of that, and counted compares with what the server counts.
"""

import base64
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["TRACES_URL"]
SPANS = pathlib.Path(os.environ["TRACES_SPANS"])
LOG = pathlib.Path(os.environ["TRACES_LOG"])
PICTURE = pathlib.Path(os.environ["SPIKERAY_PICTURE"]).read_bytes()
CALLER, AWAY = "5b8aa5a2d2c872e8321cf37308d69df2", "5b8aa5a2d2c872e8321cf37308d69df3"
UNKEPT, CALLERS_SPAN = "11111111111111111111111111111111", "051581bf3cb55c13"
# All that spans may say. What is not here could be of a picture or of a patient.
SAID = {
    "http.request.method", "http.response.status_code", "http.route", "error.type", "spikeray.request_id", "spikeray.model.name",
    "spikeray.model.version", "spikeray.backend", "spikeray.steps", "spikeray.spikes", "spikeray.synaptic_operations",
}  # fmt: skip


def check(what, good, seen=""):
    """Tells whether something is as it must be, and ends where it is not."""
    if not good:
        print(f"  FAIL  {what}: {seen!r}", file=sys.stderr)
        sys.exit(1)
    print(f"  ok    {what}")


def ask(path, body, trace=None, kept="01", **headers):
    """Asks the server, in a caller's trace if there is one. Gives the status and the answer."""
    if trace:
        headers["traceparent"] = f"00-{trace}-{CALLERS_SPAN}-{kept}"
    request = urllib.request.Request(URL + path, data=body, headers={"Content-Type": "application/octet-stream"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def said(span):
    """A span's attributes."""
    return {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}


def spans(trace, roots=1, seconds=70):
    """A trace's spans, once its root has arrived so many times."""
    end = time.monotonic() + seconds
    while True:
        lines = SPANS.read_text().splitlines() if SPANS.exists() else []
        found = [s for s in map(json.loads, lines) if s["traceId"] == trace]
        if sum(s["kind"] == 2 for s in found) >= roots or time.monotonic() > end:
            return found
        time.sleep(0.2)


def logged(request):
    """The trace that the log names for a request."""
    for line in LOG.read_text().splitlines():
        line = json.loads(line)
        if line.get("request_id") == request:
            return line["trace_id"], line["span_id"]
    sys.exit(f"the log has no {request}")


def whole(found, pictures):
    """Holds a request's spans to one another. Gives its root and the spans of its pictures."""
    by_id = {s["spanId"]: s for s in found}
    [root] = [s for s in found if s["kind"] == 2]
    of = [s for s in found if s["name"] == "picture"]
    names = [s["name"] for s in found if s.get("parentSpanId") == root["spanId"]]
    check(f"{root['name']}: receive and {pictures} of picture below it", sorted(names) == ["picture"] * pictures + ["receive"], names)
    check("each span has an identifier of its own", len(by_id) == len(found), len(by_id))
    for s in found:
        above = by_id.get(s.get("parentSpanId"))
        begin, end = int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"])
        good = begin <= end and (above is None or int(above["startTimeUnixNano"]) <= begin and end <= int(above["endTimeUnixNano"]))
        if not good or above is None and s is not root:
            check("a span is within the one above it", False, s)
    check("spans are within those above them", True)
    for p in of:
        stages = {s["name"] for s in found if s.get("parentSpanId") == p["spanId"]}
        check("a picture has its stages", {"decode", "prepare", "infer"} <= stages <= {"queue", "decode", "prepare", "infer"}, stages)
    return root, of


def arrive():
    status, answer = ask("/v1/predictions", PICTURE, CALLER)
    check("a request in a caller's trace is answered", status == 200, answer)
    root, [picture] = whole(spans(CALLER), 1)
    check("its root is below the caller's span", root["parentSpanId"] == CALLERS_SPAN, root)
    resource = said(root["resource"])
    check("the service is described by OTEL_…", (resource["service.name"], resource["deployment.environment.name"]) == ("xray", "test bed"), resource)
    tells = said(root)
    want = ("POST", "/v1/predictions", "200")
    check("it tells method, route and status", (tells["http.request.method"], tells["http.route"], str(tells["http.response.status_code"])) == want, tells)
    check("the log names its trace and span", logged(tells["spikeray.request_id"]) == (CALLER, root["spanId"]), tells)
    tells = said(picture)
    model = answer["model"]
    check("the picture's span tells the model", (tells["spikeray.model.name"], tells["spikeray.model.version"]) == (model["name"], model["version"]), tells)
    seen = [int(tells[f"spikeray.{n}"]) for n in ("steps", "spikes", "synaptic_operations")]
    check("and steps, spikes and synaptic operations", seen[0] > 0 and seen[1] == answer["spikes"]["total"] and seen[2] == answer["spikes"]["synaptic_operations"], seen)

    file = base64.b64encode(PICTURE).decode()
    infer = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2, 1], "data": [file, file]}]}).encode()
    status, _ = ask("/v2/models/spikeray/infer", infer, CALLER[::-1])
    found = spans(CALLER[::-1])
    root, pictures = whole(found, 2)
    check("a request by the Open Inference Protocol, two pictures", status == 200 and root["name"] == "POST /v2/models/{model}/infer", root)

    status, _ = ask("/v1/predictions?deadline_ms=1", PICTURE, "2" * 32)
    [root] = [s for s in spans("2" * 32) if s["kind"] == 2]
    check("a deadline that is missed is an error", status == 504 and root["status"].get("code") == 2 and "error.type" in said(root), root)
    status, _ = ask("/v1/predictions", b"no picture", "3" * 32)
    found = spans("3" * 32)
    [root] = [s for s in found if s["kind"] == 2]
    check("a client's mistake is none of the server's", status == 400 and root.get("status", {}).get("code", 0) != 2, root)

    ask("/v1/predictions", PICTURE, UNKEPT, kept="00")
    ask("/v1/predictions", PICTURE, "not a trace", kept="zz")
    own = [json.loads(line) for line in LOG.read_text().splitlines()][-1]["trace_id"]
    whole(spans(own), 1)
    check("a request without a trace begins one, which the log names", own not in (CALLER, UNKEPT))
    check("a trace that its caller does not keep is not recorded", not spans(UNKEPT, seconds=3))
    keys = {k for line in SPANS.read_text().splitlines() for k in said(json.loads(line))}
    check(f"spans say nothing else: {len(keys)} attributes", keys <= SAID, keys - SAID)


def ask_away():
    began = time.monotonic()
    for _ in range(5):
        status, _ = ask("/v1/predictions", PICTURE, AWAY)
        check("answered without a collector", status == 200)
    check("and not later", time.monotonic() - began < 20, time.monotonic() - began)


def late():
    found = spans(AWAY, roots=5)
    check("spans of that time arrive once it is back", sum(s["kind"] == 2 for s in found) == 5, len(found))
    check("each once", len({s["spanId"] for s in found}) == len(found), len(found))


def counted():
    want = len(SPANS.read_text().splitlines())
    lines = urllib.request.urlopen(f"{URL}/metrics").read().decode().splitlines()
    of = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("spikeray_trace_spans_total")}
    good = of.get('spikeray_trace_spans_total{outcome="exported"}') == want and sum(of.values()) == want
    check(f"the server counts the {want} spans that arrived, and none lost", good, of)


{"spans": arrive, "ask": ask_away, "late": late, "counted": counted}[sys.argv[1]]()
