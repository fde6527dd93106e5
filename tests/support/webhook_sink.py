#!/usr/bin/env python3
"""Takes what Alertmanager sends: webhook_sink.py FILE. Each request becomes a line of FILE, its path, a blank and its JSON; the
first line is the port, which the system chooses."""
import http.server
import json
import sys

log = open(sys.argv[1], "a", buffering=1)


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        log.write(f"{self.path} {json.dumps(body)}\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
log.write(f"{server.server_port}\n")
server.serve_forever()
