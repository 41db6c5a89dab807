"""A private server behind a VPC link: it knows its clients by the headers that the API maps."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3

# The endpoint is in the environment: AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.
api = boto3.client("apigatewaymanagementapi")

TOKENS = {"ann-1": "Ann", "ben-2": "Ben"}

connections = {}  # connection id -> name


def tell_others(sender, notice):
    """Posts a notice to every connection but the sender's."""
    for connection_id in list(connections):
        if connection_id == sender:
            continue
        try:
            api.post_to_connection(ConnectionId=connection_id, Data=json.dumps(notice))
        except api.exceptions.GoneException:
            connections.pop(connection_id, None)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        path = urlsplit(self.path).path
        connection_id = self.headers["ConnectionId"]
        name = TOKENS.get(self.headers.get("Token"))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))

        if path == "/disconnect":
            connections.pop(connection_id, None)
            return self.answer(200)

        if name is None:
            return self.answer(403, {"error": "Show a token that I know."})

        if path == "/connect":
            connections[connection_id] = name
            return self.answer(200)

        if path == "/notice":
            text = json.loads(body)["text"]
            tell_others(connection_id, {"from": name, "text": text})
            return self.answer(200, {"sent": text, "host": self.headers["Host"]})

        self.answer(404)

    def answer(self, status, document=None):
        data = json.dumps(document).encode() if document else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    ThreadingHTTPServer(("localhost", port), Handler).serve_forever()
