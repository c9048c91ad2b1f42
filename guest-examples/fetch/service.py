"""The widget service of the `fetch` example: a small JSON API on 127.0.0.1 behind a key.

It takes its key from WIDGETS_KEY, wants it in the header `x-api-key`, and would delete a widget if
it were asked to. Usage: service.py [PORT], 8080 without.
"""

import hmac
import http.server
import json
import os
import sys

KEY = os.environ["WIDGETS_KEY"]
WIDGETS = {"w-1": "left-handed screw", "w-2": "sky hook"}


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/v1/widgets":
            self.answer(200, {"widgets": [{"id": id, "name": name} for id, name in WIDGETS.items()]})
        else:
            self.answer(404, {"error": "no such thing"})

    def do_POST(self) -> None:
        self.read_body()
        self.answer(201, {"id": "n-1"})

    def do_DELETE(self) -> None:
        WIDGETS.pop(self.path.rpartition("/")[2], None)
        self.answer(200, {})

    def read_body(self) -> bytes:
        """Reads a body of either framing: a program need not know how long its own is."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, body: dict) -> None:
        if not hmac.compare_digest(self.headers.get("x-api-key", ""), KEY):
            status, body = 401, {"error": "no such key"}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
http.server.ThreadingHTTPServer(("127.0.0.1", port), Service).serve_forever()
