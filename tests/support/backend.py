"""A plain web server that records what reaches it and answers as the test says."""

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from support.poll import until


@dataclass
class Received:
    """A request that reached the backend."""

    method: str
    path: str
    query: dict
    #: Names in lower case; every value in order.
    headers: dict
    raw: bytes
    #: Path and query as they were sent.
    target: str
    #: When, on the monotonic clock.
    at: float

    @property
    def body(self):
        """The body as text."""
        return self.raw.decode()


@dataclass
class Answer:
    """What the backend answers."""

    status: int = 200
    body: str | bytes = ""
    headers: tuple = ()
    delay: threading.Event | None = None


class HttpBackend:
    """`url` to call; `answer(path, …)` to programme it; `received(path)` to look."""

    def __init__(self, port=0):
        self._received = []
        self._answers = {}
        self._answer = Answer()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self):
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                headers = {}
                for name, value in self.headers.items():
                    headers.setdefault(name.lower(), []).append(value)
                query = parse_qs(parts.query, keep_blank_values=True)
                backend._received.append(
                    Received(
                        self.command,
                        parts.path,
                        query,
                        headers,
                        raw,
                        self.path,
                        time.monotonic(),
                    )
                )
                answer = backend._answers.get(parts.path, backend._answer)
                if answer.delay:
                    answer.delay.wait(30)
                body = answer.body
                payload = body if isinstance(body, bytes) else body.encode()
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path, status=200, body="", headers=(), delay=None):
        """What requests to `path` are answered from now on."""
        self._answers[path] = Answer(status, body, tuple(headers), delay)

    def answer_all(self, body):
        """What all other requests are answered."""
        self._answer = Answer(body=body)

    def last(self):
        """The last request."""
        return self._received[-1]

    def count(self):
        """How many requests came so far."""
        return len(self._received)

    def received(self, path, count=1, timeout=10.0):
        """At least `count` requests to `path`."""

        def found():
            requests = [request for request in self._received if request.path == path]
            return requests if len(requests) >= count else None

        return until(found, f"request to {path}", timeout)

    def seen(self, path):
        """The requests to `path` so far."""
        return [request for request in self._received if request.path == path]

    def stop(self):
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
