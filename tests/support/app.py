"""A running `gatepost dev`: its process, what it says, and clients for it."""

import functools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from support.environment import BINARY
from support.poll import until

START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0
#: Where an app's recording handler writes, beside its template.
EVENTS = "events.jsonl"
#: Gatepost gets none of these from the machine the tests run on.
FOREIGN = ("AWS_", "GATEPOST_", "PYTHON", "NODE_")


class StartFailed(AssertionError):
    """`gatepost dev` ended before it was ready."""

    def __init__(self, app):
        super().__init__(f"gatepost dev ended with {app.process.returncode}\n{app.transcript()}")
        self.status = app.process.returncode
        self.stdout = app.stdout
        self.stderr = app.stderr


class App:
    """`gatepost dev TEMPLATE --port 0 --json` and its JSON events."""

    def __init__(self, template, arguments=(), env=None):
        self.template = Path(template)
        self.folder = self.template.parent
        self.events_file = self.folder / EVENTS
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        # Python functions run on the interpreter of the tests, which has boto3.
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        # Nor is it an EC2 instance that would be asked for credentials.
        kept["AWS_EC2_METADATA_DISABLED"] = "true"
        self.env = {**kept, **{k: str(v) for k, v in (env or {}).items()}}
        self.command = [str(BINARY), "dev", str(self.template), "--json", *map(str, arguments)]
        self._lines = {"stdout": [], "stderr": []}
        self._events = []
        self._news = threading.Condition()
        self._start()

    def _start(self):
        # Counted before there is anybody to say it again.
        seen = len(self.events("ready"))
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines
        ]
        for reader in self._readers:
            reader.start()
        try:
            self._await(lambda: len(self.events("ready")) > seen or self._ended(), START_TIMEOUT)
        except TimeoutError:
            self.stop()
            raise StartFailed(self) from None
        if len(self.events("ready")) == seen:
            raise StartFailed(self)
        self.ready = self.events("ready")[-1]

    def _ended(self):
        return self.process.poll() is not None and not any(r.is_alive() for r in self._readers)

    def _read(self, name):
        for line in getattr(self.process, name):
            with self._news:
                self._lines[name].append(line.rstrip("\n"))
                if name == "stdout":
                    try:
                        self._events.append(json.loads(line))
                    except ValueError:
                        self._events.append({"event": "not-json", "line": line})
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _await(self, probe, timeout):
        """The first truthy `probe()`, looked at whenever something was said."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                value = probe()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                # The end of the process is no line: look again soon.
                self._news.wait(min(left, 0.1))

    @property
    def stdout(self):
        """Everything said on stdout so far."""
        return "\n".join(self._lines["stdout"])

    @property
    def stderr(self):
        """Everything said on stderr so far."""
        return "\n".join(self._lines["stderr"])

    def transcript(self):
        """Both streams, for a failed test."""
        return f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    def events(self, kind=None):
        """The JSON events so far, of one kind or all."""
        return [e for e in list(self._events) if kind is None or e.get("event") == kind]

    def wait_event(self, kind, predicate=lambda event: True, timeout=10.0):
        """The first event of this kind that the predicate accepts."""

        def found():
            return next((event for event in self.events(kind) if predicate(event)), None)

        try:
            return self._await(found, timeout)
        except TimeoutError:
            raise AssertionError(
                f"no such {kind!r} event in {timeout} s; there were {self.events(kind)}"
            ) from None

    @property
    def port(self):
        """The port Gatepost listens on."""
        return self.ready["port"]

    def api(self, api=None):
        """An API of the ready event by its id, name or logical id; the only one by default."""
        found = [
            candidate
            for candidate in self.ready["apis"]
            if api is None or api in (candidate["apiId"], candidate["name"], candidate["logicalId"])
        ]
        assert len(found) == 1, f"{len(found)} APIs are called {api!r}: {self.ready['apis']}"
        return found[0]

    def stage(self, stage=None, api=None):
        """A stage of the ready event; the only one by default."""
        stages = self.api(api)["stages"]
        found = [s for s in stages if stage is None or s["stage"] == stage]
        assert len(found) == 1, f"{len(found)} stages are called {stage!r}: {stages}"
        return found[0]

    def url(self, stage=None, api=None):
        """Where clients connect: `ws://…`."""
        return self.stage(stage, api)["url"]

    def callback_url(self, stage=None, api=None):
        """Where backends post: `http://…`."""
        return self.stage(stage, api)["callbackUrl"]

    def path(self, stage=None, api=None):
        """The path of the stage on Gatepost's port."""
        return urlsplit(self.url(stage, api)).path

    def function(self, logical_id):
        """The name of a function by its logical id."""
        return next(f["name"] for f in self.ready["functions"] if f["logicalId"] == logical_id)

    def client(self, stage=None, api=None, **options):
        """A boto3 client for `@connections`."""
        return self.aws("apigatewaymanagementapi", self.callback_url(stage, api), **options)

    def aws(self, service, endpoint=None, **options):
        """A boto3 client for any AWS API that Gatepost serves."""
        return aws_client(service, endpoint or self.ready["httpUrl"], **options)

    def seen(self, kind=None, **context):
        """What the app's recording handlers saw so far: events of an `eventType` (`AUTHORIZE` for
        an authorizer's) with these members of `requestContext`, e.g. `connectionId="…"`."""
        lines = self.events_file.read_text().splitlines() if self.events_file.exists() else []
        return [
            event
            for event in map(json.loads, lines)
            if kind in (None, "AUTHORIZE" if "type" in event else _event_type(event))
            and all(event["requestContext"].get(k) == v for k, v in context.items())
        ]

    def recorded(self, kind=None, count=1, timeout=10.0, **context):
        """`seen`, once there are at least `count`."""

        def found():
            events = self.seen(kind, **context)
            return events if len(events) >= count else None

        return until(found, f"{count} {kind} events {context}", timeout)

    def restart(self):
        """Stops Gatepost and starts it again on the same folder."""
        self.stop()
        self._start()

    def stop(self, kill=False):
        """Ends Gatepost, and waits for its end: SIGTERM, or SIGKILL when `kill`."""
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"gatepost ignored SIGTERM for {STOP_TIMEOUT} s") from None
        finally:
            for reader in self._readers:
                reader.join(2.0)


def _event_type(event):
    return event["requestContext"]["eventType"]


@functools.lru_cache(maxsize=64)
def aws_client(service, endpoint, verify=None, read_timeout=15, key=("test", "test"), region=None):
    """A boto3 client that fails fast and never tries again by itself; `key` is its access key: id
    and secret, perhaps a session token."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region or "us-east-1",
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        aws_session_token=key[2] if len(key) > 2 else None,
        verify=verify,
        config=Config(
            retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=read_timeout
        ),
    )
