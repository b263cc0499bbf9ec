"""Takes OTLP in JSON from a collector, and appends each span to a file as a line.

    python3 sink.py HOST:PORT FILE
"""

import http.server
import json
import sys

ADDRESS, FILE = sys.argv[1:]


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(FILE, "a") as out:
            for resource in request["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        span["resource"], span["scope"] = resource["resource"], scope["scope"]
                        out.write(json.dumps(span) + "\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


host, port = ADDRESS.rsplit(":", 1)
http.server.ThreadingHTTPServer((host, int(port)), Sink).serve_forever()
