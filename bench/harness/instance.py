"""A Gatepost that may be killed and started again, and the backend that counts what it is told."""

import asyncio
import collections
import json
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from . import subjects
from .machine import GATEPOST, LOAD_CORE, SERVER_CORE, start

#: What backends are told, by headers.
TOLD = {
    "integration.request.header.Told-Id": "context.connectionId",
    "integration.request.header.Told-Request": "context.requestId",
    "integration.request.header.Told-Code": "context.disconnectStatusCode",
}


def http(logical_id, key, url):
    """A route whose backend is told whose event it is."""
    integration = {
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "POST",
        "IntegrationUri": url,
        "RequestParameters": TOLD if key == "$disconnect" else dict(list(TOLD.items())[:1]),
    }
    return subjects.route(logical_id, key, integration)


class Instance:
    """`gatepost dev` on a folder that outlives it."""

    def __init__(self, resources=None, config="", folder=None):
        self._kept = tempfile.TemporaryDirectory(dir=folder)
        self.folder = Path(self._kept.name)
        template = subjects.template(resources or subjects.PLAIN)
        (self.folder / "template.json").write_text(json.dumps(template))
        (self.folder / "gatepost.toml").write_text(config)
        self.said = open(self.folder / "said", "ab")
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thaw()
        subjects.stop(self.process)
        self.said.close()
        self._kept.cleanup()

    def start(self):
        """Starts it; waits until it is ready. Gives how many seconds that took."""
        began = time.monotonic()
        self.process = start(
            [GATEPOST, "dev", "template.json", "--port", "0", "--json", "--quiet"],
            SERVER_CORE,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=subjects._environment(),
        )
        self.ready = subjects._ready(self.process, subprocess.PIPE)
        # Nobody reads on: its lines must not make it wait.
        threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True).start()
        self.port = self.ready["port"]
        return time.monotonic() - began

    def _drain(self, lines):
        for line in lines:
            self.said.write(line.encode())

    def kill(self):
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    @property
    def ws(self):
        return f"ws://127.0.0.1:{self.port}/prod"

    @property
    def post(self):
        return f"http://127.0.0.1:{self.port}/prod/@connections/{{id}}"

    @property
    def pid(self):
        return ("--pid", str(self.process.pid))

    def panics(self):
        """How often something of it panicked."""
        return (self.folder / "said").read_text(errors="replace").count("panicked at")

    def metric(self, name):
        """The sum of a metric's series."""
        url = f"http://localhost:{self.port}/_gatepost/metrics"
        text = urllib.request.urlopen(url, timeout=10).read().decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+-]+)$", text, re.M)
        return sum(map(float, found))


class CountingBackend:
    """Answers 200 to everything, and counts for which connection it came."""

    def __init__(self, port=0):
        self.told = collections.defaultdict(list)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self.port = port
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError(f"port {port} cannot be listened on")
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=4096)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *lines = head.split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                await reader.readexactly(int(headers.get("content-length", 0)))
                path = line.split(" ")[1]
                self.told[path].append(
                    (
                        headers.get("told-id"),
                        headers.get("told-request"),
                        headers.get("told-code"),
                        time.monotonic(),
                    )
                )
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def wait(self, path, count, seconds):
        """Waits until so many came, or it took too long; gives what came."""
        until = time.monotonic() + seconds
        while len(self.told[path]) < count and time.monotonic() < until:
            time.sleep(0.05)
        return list(self.told[path])
