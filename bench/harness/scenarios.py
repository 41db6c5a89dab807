"""What is measured of whom, and what must come of it."""

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from typing import Callable

from . import subjects
from .machine import SERVER_CORE, load, pinned
from .subjects import MESSAGE



@dataclass
class Subject:
    """Somebody who is measured, and how."""

    name: str
    #: A context manager that starts it.
    serve: Callable
    #: What is measured while it serves.
    measure: Callable
    #: Whether each round starts it anew.
    fresh: bool = False


@dataclass
class Goal:
    """A bound that a figure keeps."""

    text: str
    #: The figure, from the medians of each subject.
    figure: Callable
    bound: float
    at_least: bool = True

    def holds(self, value):
        """Whether the bound is kept."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass
class Scenario:
    """One comparison."""

    name: str
    title: str
    subjects: list
    #: Figures shown: name of the figure → heading.
    columns: dict
    goals: list
    rounds: int = 5
    #: Only when it is named.
    on_demand: bool = False


RATE = {"rate": "per second", "cpu_us": "CPU µs", "user_us": "user", "system_us": "system"}
LATENCY = {"p50_us": "p50 µs", "p99_us": "p99", "p999_us": "p99.9"}


def echo(message=MESSAGE, connections=100, depth=1, seconds=3.0, tls=False, at_once=64):
    """Round trips."""

    def measure(running):
        where = ["--url", running.wss, "--ca", running.ca] if tls else ["--url", running.ws]
        return load(
            "echo", *where, "--message", message, "--connections", connections,
            "--at-once", at_once, "--depth", depth, "--seconds", seconds, *running.pid_flags,
        )  # fmt: skip

    return measure


def posts(fanout=False, connections=1000, callers=64, seconds=3.0, at_once=64):
    """Posts to connections."""

    def measure(running):
        ask = running.extra.get("ask", '{"action":"id"}')
        body = ["--body", running.extra["body"]] if "body" in running.extra else []
        question = ["--ask", ask] if ask else []
        return load(
            "posts", "--url", running.ws, "--post", running.post, *question, *body,
            *(["--fanout"] if fanout else []), "--connections", connections,
            "--at-once", at_once, "--callers", callers, "--seconds", seconds, *running.pid_flags,
        )  # fmt: skip

    return measure


def connects(connections=4000, at_once=64, times=1):
    """Connects, then all close at once."""

    def measure(running):
        return load(
            "connects", "--url", running.ws, "--connections", connections,
            "--at-once", at_once, "--times", times, *running.pid_flags,
        )  # fmt: skip

    return measure


def hold(steps="1000,5000,10000,19000", tls=False, burst=None):
    """Memory of held connections."""

    def measure(running):
        where = ["--url", running.wss, "--ca", running.ca] if tls else ["--url", running.ws]
        after = ["--burst", burst] if burst else []
        flags = [word for pid in running.pids for word in ("--pid", pid)]
        return load("hold", *where, "--steps", steps, *after, *flags)

    return measure


def requests(running, connections=64, seconds=3.0):
    """Plain POSTs."""
    url = f"http://{running.extra['address']}/"
    return load(
        "requests", "--url", url, "--connections", connections, "--seconds", seconds,
        *running.pid_flags,
    )  # fmt: skip


def ratio(figure, above, below):
    """One subject's figure over another's."""
    return lambda medians: medians[above][figure] / medians[below][figure]


def added(figure, with_it, without):
    """What one subject's figure is above another's."""
    return lambda medians: medians[with_it][figure] - medians[without][figure]


def of(subject, figure):
    """A subject's figure."""
    return lambda medians: medians[subject][figure]


def logging(level):
    """Gatepost that logs at this level."""
    return lambda: subjects.gatepost(logging_level=level)


def many_routes(count):
    """Gatepost with so many routes besides."""
    # All have one integration: a template may name 500 resources.
    more = {
        f"Route{number}": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": f"route{number}",
                "Target": {"Fn::Sub": "integrations/${SinkIntegration}"},
            },
        }
        for number in range(count)
    }
    return lambda: subjects.gatepost({**subjects.PLAIN, **more})


def event(message):
    """A MESSAGE event as a function gets it."""
    return json.dumps(
        {
            "requestContext": {
                "routeKey": "function",
                "messageId": "AbCdEfGhIjKlMnOpQr==",
                "eventType": "MESSAGE",
                "extendedRequestId": "AbCdEfGhIjKlMnO=",
                "requestTime": "23/Nov/2026:00:00:00 +0000",
                "messageDirection": "IN",
                "stage": "prod",
                "connectedAt": 1763856000000,
                "requestTimeEpoch": 1763856000000,
                "identity": {"sourceIp": "127.0.0.1"},
                "requestId": "AbCdEfGhIjKlMnO=",
                "domainName": "localhost:4100",
                "connectionId": "AbCdEfGhIjKlMnOpQr==",
                "apiId": "a1b2c3d4e5",
            },
            "body": message,
            "isBase64Encoded": False,
        },
        separators=(",", ":"),
    )


def bare_loop(kind, processes, seconds=3):
    """The rate of a bare Runtime API loop with the same handler."""

    def measure(_):
        message = '{"action":"function","n":1}'
        command, environment = subjects.bare_loop(kind, processes, seconds, event(message))
        done = subprocess.run(
            pinned(SERVER_CORE, command),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout.splitlines()[-1])

    return measure


def nothing():
    """Nobody serves: the measurement starts what it needs."""
    return contextlib.nullcontext()


def functions(kind, connections=10):
    """Round trips through a local function, beside a bare loop that feeds the same handler."""
    message = '{"action":"function","n":1}'
    return Scenario(
        f"function-{kind}",
        f"Round trips through a local function, `{kind}`, {connections} connections",
        [
            Subject("gatepost", lambda: subjects.gatepost_with_function(kind),
                    echo(message, connections)),
            Subject("floor: bare Runtime API loop", nothing, bare_loop(kind, connections)),
        ],
        {**RATE, **LATENCY},
        [
            Goal("rate / bare loop ≥ 0.85",
                 ratio("rate", "gatepost", "floor: bare Runtime API loop"), 0.85),
            Goal("Gatepost's own CPU a round trip ≤ 60 µs", of("gatepost", "cpu_us"), 60, False),
        ],
    )  # fmt: skip


def scenarios():
    """All, in the order of the report."""
    mock = lambda: subjects.gatepost()  # noqa: E731
    echo_floor = Subject("floor: echo", lambda: subjects.floor("echo"), echo())
    proxy_message = '{"action":"proxy","n":1}'
    return [
        Scenario(
            "echo",
            "Round trips through MOCK, 100 connections, depth 1",
            [
                Subject("gatepost", mock, echo()),
                echo_floor,
                Subject("floor: echo behind hyper's upgrade",
                        lambda: subjects.floor("upgrade"), echo()),
            ],
            {**RATE, **LATENCY},
            [Goal("CPU / floor ≤ 1.3", ratio("cpu_us", "gatepost", "floor: echo"), 1.3, False)],
        ),
        Scenario(
            "echo16",
            "The same, depth 16",
            [
                Subject("gatepost", mock, echo(depth=16)),
                Subject("floor: echo", lambda: subjects.floor("echo"), echo(depth=16)),
            ],
            {**RATE, **LATENCY},
            [Goal("CPU / floor ≤ 4", ratio("cpu_us", "gatepost", "floor: echo"), 4, False)],
        ),
        Scenario(
            "echo-tls",
            "Round trips through MOCK over TLS, 100 connections",
            [Subject("gatepost", mock, echo(tls=True))],
            {**RATE, **LATENCY},
            [],
        ),
        Scenario(
            "many",
            "Round trips with 1,000 and with 19,000 connections",
            [
                Subject("gatepost, 1,000", mock, echo(connections=1000)),
                Subject("gatepost, 19,000", mock, echo(connections=19000, seconds=5)),
                Subject("floor: echo, 19,000", lambda: subjects.floor("echo"),
                        echo(connections=19000, seconds=5)),
            ],
            {**RATE, **LATENCY},
            [Goal("rate at 19,000 / floor's ≥ 0.77",
                  ratio("rate", "gatepost, 19,000", "floor: echo, 19,000"), 0.77)],
        ),
        Scenario(
            "proxy",
            "Round trips through HTTP_PROXY, 64 connections",
            [
                Subject("gatepost", subjects.gatepost_with_backend, echo(proxy_message, 64)),
                Subject("floor: proxy", lambda: subjects.floor_with_backend("proxy"),
                        echo(proxy_message, 64)),
            ],
            {**RATE, **LATENCY},
            [Goal("rate / floor ≥ 0.8", ratio("rate", "gatepost", "floor: proxy"), 0.8)],
        ),
        Scenario(
            "proxy-unloaded",
            "The same with 1 connection, beside the backend called directly",
            [
                Subject("gatepost", subjects.gatepost_with_backend, echo(proxy_message, 1)),
                Subject("floor: proxy", lambda: subjects.floor_with_backend("proxy"),
                        echo(proxy_message, 1)),
                Subject("backend, directly", lambda: subjects.floor("hello"),
                        lambda running: requests(running, connections=1)),
            ],
            {**RATE, **LATENCY},
            [Goal("p50 added ≤ 60 µs",
                  added("p50_us", "gatepost", "backend, directly"), 60, False)],
        ),
        functions("python"),
        functions("node"),
        functions("provided"),
        Scenario(
            "posts",
            "Posts to 1,000 connections by 64 callers",
            [
                Subject("gatepost", mock, posts()),
                Subject("floor: post", lambda: subjects.floor("post"), posts()),
            ],
            {**RATE, "p50_us": "p50 µs", "p99_us": "p99", "behind_p50_us": "accepted → client p50",
             "behind_p99_us": "p99"},
            [Goal("rate / floor ≥ 0.85", ratio("rate", "gatepost", "floor: post"), 0.85)],
        ),
        Scenario(
            "fanout",
            "One post to 1,000 connections (AWS has no such call: the floor for one that would)",
            [Subject("floor: fanout", lambda: subjects.floor("fanout"),
                     posts(fanout=True, callers=1))],
            {**RATE, "whole_p50_us": "to a client p50 µs", "whole_p99_us": "p99"},
            [],
        ),
        Scenario(
            "connects",
            "4,000 connects with a MOCK `$connect`, then all close at once",
            [
                Subject("gatepost", mock, connects(), fresh=True),
                Subject("floor: upgrade", lambda: subjects.floor("upgrade"), connects(),
                        fresh=True),
            ],
            {"rate": "connects per second", "cpu_us": "CPU µs", "closes_rate": "closes per second",
             "closes_cpu_us": "CPU µs of a close"},
            [Goal("connects per second and core ≥ 5,000",
                  lambda m: m["gatepost"]["rate"] / m["gatepost"]["server_cores"], 5000)],
        ),
        Scenario(
            "memory",
            "User memory of an idle connection: slope from 1,000 to 19,000",
            [
                Subject("gatepost", mock, hold(), fresh=True),
                Subject("floor: echo behind hyper's upgrade", lambda: subjects.floor("upgrade"),
                        hold(), fresh=True),
            ],
            {"bytes_per_connection": "bytes"},
            [Goal("≤ 3 KiB", of("gatepost", "bytes_per_connection"), 3072, False)],
            rounds=2,
        ),
        Scenario(
            "memory-tls",
            "The same over TLS",
            [Subject("gatepost", mock, hold(tls=True), fresh=True)],
            {"bytes_per_connection": "bytes"},
            [Goal("≤ 10 KiB", of("gatepost", "bytes_per_connection"), 10240, False)],
            rounds=1,
        ),
        Scenario(
            "memory-burst",
            "30 s after each of 10,000 connections carried 128 KiB",
            [Subject("gatepost", mock, hold("1000,5000,10000", burst=131_072), fresh=True)],
            {"bytes_per_connection": "bytes idle",
             "bytes_per_connection_after_burst": "bytes after"},
            [Goal("after / idle ≤ 1.1",
                  lambda m: m["gatepost"]["bytes_per_connection_after_burst"]
                  / m["gatepost"]["bytes_per_connection"], 1.1, False)],
            rounds=1,
        ),
        Scenario(
            "closes",
            "4,000 connections that close at once, 20 times over",
            [Subject("gatepost", mock, _flat(connects(times=20)), fresh=True)],
            {"memory_first": "bytes after the first time", "memory_last": "after the last"},
            [Goal("last / first ≤ 1.1",
                  lambda m: m["gatepost"]["memory_last"] / m["gatepost"]["memory_first"],
                  1.1, False)],
            rounds=1,
        ),
        Scenario(
            "churn",
            "A million connections that come and go",
            [Subject("gatepost", mock, _flat(connects(times=250), skip=5), fresh=True)],
            {"memory_first": "bytes after 20,000", "memory_last": "after a million"},
            [Goal("last / first ≤ 1.1",
                  lambda m: m["gatepost"]["memory_last"] / m["gatepost"]["memory_first"],
                  1.1, False)],
            rounds=1,
            on_demand=True,
        ),
        Scenario(
            "routing",
            "Round trips through MOCK among 3 and among 300 routes",
            [
                Subject("3 routes", mock, echo()),
                Subject("300 routes", many_routes(295), echo()),
            ],
            RATE,
            [Goal("CPU 300 / 3 ≤ 1.05", ratio("cpu_us", "300 routes", "3 routes"), 1.05, False)],
        ),
        Scenario(
            "mapping",
            "Round trips through MOCK without and with a model and templates",
            [
                Subject("without", mock, echo()),
                Subject("with", lambda: subjects.gatepost(subjects.TRANSFORMED), echo()),
            ],
            RATE,
            [Goal("CPU with / without ≤ 2", ratio("cpu_us", "with", "without"), 2, False)],
        ),
        Scenario(
            "logging",
            "Round trips through MOCK by level of the execution log",
            [Subject(level, logging(level), echo()) for level in ("OFF", "ERROR", "INFO")],
            RATE,
            [
                Goal("CPU that INFO adds ≤ 8 µs", added("cpu_us", "INFO", "OFF"), 8, False),
                Goal("CPU that ERROR adds ≤ 0.5 µs", added("cpu_us", "ERROR", "OFF"), 0.5, False),
            ],
        ),
        Scenario(
            "terminal",
            "Round trips through MOCK with and without `dev`'s line for each, depth 16",
            [
                Subject("quiet", mock, echo(depth=16)),
                Subject("a line each", lambda: subjects.gatepost(loud=True), echo(depth=16)),
            ],
            RATE,
            [],
            rounds=3,
        ),
    ]  # fmt: skip


def _flat(measure, skip=1):
    """Memory at the first and at the last time."""

    def measured(running):
        result = measure(running)
        memory = result["memory"]
        return {**result, "memory_first": memory[skip], "memory_last": memory[-1]}

    return measured
