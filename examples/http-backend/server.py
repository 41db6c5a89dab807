"""A plain web server behind a WebSocket API: it runs jobs and tells when they are done."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import boto3

# The endpoint is in the environment: AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.
api = boto3.client("apigatewaymanagementapi")

people = {}  # connection id -> {"user": ..., "running": [...]}


def finish(connection_id, job):
    """Tells the client that its job is done."""
    person = people.get(connection_id)
    if person is None:
        return
    person["running"].remove(job)
    done = json.dumps({"type": "done", "job": job})
    try:
        api.post_to_connection(ConnectionId=connection_id, Data=done.encode())
    except api.exceptions.GoneException:
        people.pop(connection_id, None)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        url = urlsplit(self.path)
        connection_id = self.headers["Connection-Id"]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))

        if url.path == "/connect":
            user = parse_qs(url.query).get("user", [""])[0]
            if not user:
                return self.answer(403, "Say who you are: connect with ?user=NAME.")
            people[connection_id] = {"user": user, "running": []}
            return self.answer(200)

        if url.path == "/disconnect":
            people.pop(connection_id, None)
            return self.answer(200)

        person = people.get(connection_id)
        if person is None:
            return self.answer(404, json.dumps({"type": "error", "text": "Connect again."}))

        if url.path == "/start":
            job = self.headers.get("Job", "unnamed")
            person["running"].append(job)
            threading.Timer(2.0, finish, [connection_id, job]).start()
            return self.answer(202)

        if url.path == "/status":
            return self.answer(200, json.dumps({"type": "status", **person}))

        self.answer(404)

    def answer(self, status, body=""):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body[:1] == "{" else "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    ThreadingHTTPServer(("localhost", port), Handler).serve_forever()
