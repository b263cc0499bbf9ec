"""Writes metrics.json: what Prometheus itself reads from texts in its format, and its quantiles of histograms.

    python3 api/web/test/metrics.py

Needs Debian's prometheus. It scrapes each text from a server on loopback; a text that it cannot read gives no samples.
"""

import http.server
import json
import math
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

# Those that Prometheus reads, and those that it does not: which is which is its own verdict.
TEXTS = [
    "a 1\n",
    "# HELP a What a is.\n# TYPE a counter\na 1\n",
    "a{} 2\n",
    'a{b="c"} 3\n',
    'a{b="c",} 3\n',
    'a{b="c",d="e"} 4\na{b="f",d="e"} 5\n',
    'a { b = "c" , d = "e" } 6\n',
    'a{b="q\\"u\\\\o\\nte"} 7\n',
    'a{b="}{,=\\"# "} 8\n',
    'a{b="\\u00fcber \\u4e2d"} 9\n'.encode().decode("unicode_escape"),
    "a +Inf\nb -Inf\nc NaN\n",
    "a 1e3\nb -2.5E-7\nc .5\nd 5.\ne +3\nf 0\n",
    "a 1\n\n\n# only a comment\n#\nb 2\n",
    "a\t1\n",
    "a:b_9 1\n",
    "",
    "a\n",
    "a one\n",
    'a{b="c} 1\n',
    'a{b=c} 1\n',
    "a{b} 1\n",
    'a{b="c" d="e"} 1\n',
    'a{9b="c"} 1\n',
    "9a 1\n",
    "a-b 1\n",
    "a 1 2 3\n",
    "a 1 x\n",
    'a{b="c"\n',
    "a 1.2.3\n",
    "a 1e\n",
    'a{b="c",b="d"} 1\n',
    "a 1",
]

# Bounds, and how many observations are up to each.
HISTOGRAMS = [
    ([0.1, 0.25, 0.5, 1, math.inf], [0, 10, 30, 40, 40]),
    ([0.1, 0.25, 0.5, 1, math.inf], [7, 7, 7, 7, 7]),
    ([0.1, 0.25, 0.5, 1, math.inf], [0, 0, 0, 0, 9]),
    ([0.1, 0.25, 0.5, 1, math.inf], [0, 0, 0, 0, 0]),
    ([0.1, 0.25, 0.5, 1, math.inf], [1, 2, 3, 4, 5]),
    ([0.001, 0.01, 0.1, math.inf], [3, 1003, 1010, 1013]),
    ([-1, 0, 1, math.inf], [5, 10, 20, 20]),
    ([-1, math.inf], [5, 10]),
    ([1, math.inf], [3, 4]),
    ([math.inf], [4]),
    ([0.1, 0.2, 0.3, 0.4, math.inf], [5, 12, 9, 20, 20]),  # read while it was counted
]
QUANTILES = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1]


def exposition(i, bounds, counts):
    lines = [f'h_bucket{{n="{i}",le="{"+Inf" if math.isinf(b) else b}"}} {n}' for b, n in zip(bounds, counts, strict=True)]
    return "".join(line + "\n" for line in lines)


PAGES = [*TEXTS, "".join(exposition(i, *h) for i, h in enumerate(HISTOGRAMS))]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGES[int(self.path[1:])].encode())

    def log_message(self, *args):
        pass


def number(text):
    """As JSON has it: a number, or the name of what is none."""
    return text if text in ("NaN", "+Inf", "-Inf") else float(text)


def main():
    here = pathlib.Path(__file__).parent
    targets = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=targets.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": str(i), "metrics_path": f"/{i}", "static_configs": [{"targets": [f"127.0.0.1:{targets.server_port}"]}]}
                for i in range(len(PAGES))
            ],
        }
        (pathlib.Path(scratch) / "config.yml").write_text(json.dumps(config))
        address = f"127.0.0.1:{targets.server_port + 1 if targets.server_port < 65000 else 9099}"
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={scratch}/config.yml", f"--storage.tsdb.path={scratch}/data", f"--web.listen-address={address}"],
            stderr=subprocess.DEVNULL,
        )
        try:

            def query(expression):
                url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
                with urllib.request.urlopen(url) as answer:
                    return json.load(answer)["data"]["result"]

            deadline = time.monotonic() + 60
            while True:
                try:
                    up = {r["metric"]["job"]: r["value"][1] for r in query("up")}
                    if len(up) == len(PAGES):
                        break
                except OSError:
                    pass
                if time.monotonic() > deadline:
                    raise TimeoutError("Prometheus does not scrape")
                time.sleep(0.5)
            time.sleep(3)
            texts = []
            for i, text in enumerate(TEXTS):
                read = None
                if query(f'up{{job="{i}"}}')[0]["value"][1] == "1":
                    read = []
                    for r in query(f'{{job="{i}",__name__!~"up|scrape_.*"}}'):
                        name = r["metric"].pop("__name__")
                        labels = {k: v for k, v in r["metric"].items() if k not in ("job", "instance")}
                        read.append([name, labels, number(r["value"][1])])
                    read.sort(key=lambda s: json.dumps(s))
                texts.append({"text": text, "samples": read})
            histograms = []
            for i, (bounds, counts) in enumerate(HISTOGRAMS):
                values = []
                for q in QUANTILES:
                    found = query(f'histogram_quantile({q}, h_bucket{{n="{i}"}})')
                    values.append(number(found[0]["value"][1]) if found else "NaN")
                bounds = ["+Inf" if math.isinf(b) else b for b in bounds]
                histograms.append({"bounds": bounds, "counts": counts, "quantiles": values})
        finally:
            prometheus.terminate()
            prometheus.wait()
    golden = {"texts": texts, "shares": QUANTILES, "histograms": histograms}
    with open(here / "metrics.json", "w", encoding="utf-8") as f:
        f.write("{\n")
        parts = []
        for key, value in golden.items():
            rows = ",\n".join(json.dumps(v, ensure_ascii=False) for v in value)
            parts.append(f'"{key}": {value}' if key == "shares" else f'"{key}": [\n{rows}\n]')
        f.write(",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
