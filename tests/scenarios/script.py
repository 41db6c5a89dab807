"""The scenarios: each does something to Gatepost, and knows from its own script what must be told."""

import asyncio
import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from support.wire import BINARY, TEXT, close_frame, frame

from scenarios.client import Client, call

#: How secrets begin that clients present: what must never be seen again. Their ends, which masks may
#: keep, differ, for clients are recognised by them.
CANARIES = {
    what: f"canary{what}{number}f9c2d8e7a6b5"
    for number, what in enumerate(
        ("Authorization", "Cookie", "ApiKey", "Subprotocol", "Token", "Signature", "SecurityToken")
    )
}
_clients = itertools.count()


def secrets():
    """The headers and the query of a client that presents every kind of secret."""
    number = next(_clients)
    secret = {what: f"{begin}{number:06}" for what, begin in CANARIES.items()}
    headers = [
        ("Authorization", f"Bearer {secret['Authorization']}"),
        ("Cookie", f"session={secret['Cookie']}"),
        ("x-api-key", secret["ApiKey"]),
        ("Sec-WebSocket-Protocol", f"chat, {secret['Subprotocol']}"),
        # What looks like a line of a log is none.
        ("User-Agent", "agent\t(EP5yqFByIAMElXw=) Unauthorized request: "),
    ]
    query = {
        "token": secret["Token"],
        "X-Amz-Signature": secret["Signature"],
        "X-Amz-Security-Token": secret["SecurityToken"],
        "said": "a\r\n(EP5yqFByIAMElXw=) Unauthorized request: ",
    }
    return headers, query


@dataclass
class Told:
    """What must be told, by the script alone."""

    scenario: str
    #: What `gatepost why` is asked for, and its reason.
    asked: str
    reason: str
    #: Request ids of refused calls that the timeline shows, and their reason in header and line.
    posts: list = field(default_factory=list)
    gone: str | None = None
    #: Code and reason that `$disconnect` hears, once; `None`: it is not run.
    disconnect: tuple | None = None
    own: str | None = None
    #: What the verdict must have in it.
    verdict: str = ""
    problems: list = field(default_factory=list)

    def expect(self, what, found, wanted):
        if found != wanted:
            self.problems.append(f"{what}: {found!r}, not {wanted!r}")


class Stage:
    """Where scenarios are played."""

    def __init__(self, app):
        self.port = app.port
        self.paths = {
            name: app.path(name, "Open") for name in ("prod", "idle", "old", "full")
        } | {"guarded": app.path("prod", "Guarded"), "keyed": app.path("prod", "Keyed")}
        self.api_id = app.api("Open")["apiId"]
        #: What the metrics must come to: metric and labels to a number.
        self.counts = Counter()

    def count(self, metric, **labels):
        """One more of a metric, by the script."""
        self.counts[metric, frozenset(labels.items())] += 1

    def ended(self, cause):
        """A connection that was established ends so."""
        self.count("closes_total", cause=cause)

    async def connect(self, path="prod", **query):
        headers, secret = secrets()
        place = f"{self.paths[path]}?{urlencode(query | secret)}"
        client = await Client.open(self.port, place, headers)
        if client.answer.status == 101:
            self.count("connects_total")
        return client

    async def post(self, own, path="prod", body=b"x", raw=None):
        place = raw or quote(own, safe="")
        answer = await call(self.port, "POST", f"{self.paths[path]}/@connections/{place}", body)
        if answer.status in (200, 429):
            self.called({200: "ok", 429: "limit-exceeded"}[answer.status])
        return answer

    def called(self, outcome, operation="PostToConnection"):
        """A call of `@connections` that must be counted so."""
        self.count("connections_calls_total", operation=operation, outcome=outcome)

    async def gone(self, told, path="prod"):
        """Posts until it is refused, as it must be, with the reason."""
        for _ in range(600):
            answer = await self.post(told.own, path)
            if answer.status != 200:
                break
            await asyncio.sleep(0.05)
        reason = told.gone or told.reason
        self.called(reason)
        self.count("gone_total", reason=reason, operation="PostToConnection")
        told.expect("status", answer.status, 410)
        told.expect("body", answer.body, b"")
        told.expect("header", answer.headers.get("x-gatepost-gone-reason"), reason)
        page = answer.headers.get("x-gatepost-gone-help", "").split("/_gatepost/")[-1]
        told.expect("help", page, f"errors/{reason}")
        told.posts.append(answer.headers["x-amzn-requestid"])
        return told


async def by_client(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    code = chance.choice([None, 1000, 1001, 3000, 4999])
    reason = chance.choice(["", "bye", "ünï", "x\n(EP5yqFByIAMElXw=) Unauthorized request"])
    reason = "" if code is None else reason
    client.send(close_frame(code, reason))
    heard = (1005, "Client-side close frame status not set") if code is None else (code, reason)
    stage.ended("closed-by-client")
    return await stage.gone(
        Told("client close", own, "closed-by-client", own=own, disconnect=heard)
    )


async def by_vanishing(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    client.vanish()
    stage.ended("client-vanished")
    heard = (1006, "Connection closed abnormally")
    return await stage.gone(Told("vanish", own, "client-vanished", own=own, disconnect=heard))


async def _closed_here(stage, scenario, reason, path, act, frame_):
    client = await stage.connect(path)
    own = await client.whoami()
    told = Told(scenario, own, reason, own=own, disconnect=frame_)
    await act(client, own)
    told.expect("close frame", await client.closed(), frame_)
    stage.ended(reason)
    await stage.gone(told)
    client.vanish()
    return told


async def _nothing(client, own):
    pass


async def by_idle(stage, chance):
    return await _closed_here(
        stage, "idle", "idle-timeout", "idle", _nothing, (1001, "Going away")
    )


async def by_age(stage, chance):
    return await _closed_here(
        stage, "max life", "max-duration", "old", _nothing, (1001, "Going away")
    )


async def by_delete(stage, chance):
    async def delete(client, own):
        path = f"{stage.paths['prod']}/@connections/{quote(own, safe='')}"
        answer = await call(stage.port, "DELETE", path)
        assert answer.status == 204, answer.status
        stage.called("ok", "DeleteConnection")

    frame_ = (1000, "Connection Closed Normally")
    return await _closed_here(stage, "delete", "deleted", "prod", delete, frame_)


async def _by_frame(stage, scenario, reason, bytes_, frame_):
    async def send(client, own):
        client.send(bytes_)

    return await _closed_here(stage, scenario, reason, "prod", send, frame_)


async def by_binary(stage, chance):
    frame_ = (1003, "Binary is not supported")
    return await _by_frame(stage, "binary", "binary-refused", frame(BINARY, b"x"), frame_)


async def by_size(stage, chance):
    size = chance.choice([32_769, 40_000])
    frame_ = (1009, "Message too big")
    return await _by_frame(
        stage, "oversize", "message-too-big", frame(TEXT, b"x" * size), frame_
    )


async def by_protocol(stage, chance):
    wrong, frame_ = chance.choice(
        [
            (frame(TEXT, b"x", mask=None), (1002, "Protocol error")),
            (frame(TEXT, b"x", rsv=2), (1002, "Protocol error")),
            (frame(3, b"x"), (1002, "Protocol error")),
            (frame(TEXT, b"\xff"), (1007, "Invalid UTF-8")),
        ]
    )
    return await _by_frame(stage, "protocol error", "protocol-error", wrong, frame_)


async def by_slowness(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    client.writer.transport.pause_reading()
    told = Told("slow consumer", own, "slow-consumer", own=own, disconnect=(1008, "Slow consumer"))
    for _ in range(2000):
        answer = await stage.post(own, body=b"x" * 131_072)
        if answer.status == 410:
            break
        if answer.status == 429:
            await asyncio.sleep(0.2)
    # The call that ended the loop.
    stage.called("slow-consumer")
    stage.count("gone_total", reason="slow-consumer", operation="PostToConnection")
    stage.ended("slow-consumer")
    await stage.gone(told)
    client.vanish()
    return told


async def by_coming_back(stage, chance):
    principal = f"ann-{chance.randrange(1 << 60)}"
    first = await stage.connect("guarded", principal=principal)
    own = await first.whoami()
    first.send(close_frame(1000, ""))
    stage.ended("closed-by-client")
    await first.closed()
    # In what is kept, a millisecond later is later.
    await asyncio.sleep(0.005)
    second = await stage.connect("guarded", principal=principal)
    new = await second.whoami()
    # Until Gatepost has closed the old socket it says how the connection is closing.
    await first.reader.read()
    told = await stage.gone(Told("reconnect", own, "replaced", own=own, verdict=new), "guarded")
    return told, second


async def of_another_api(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    told = Told("other API", own, "other-api", own=own, verdict=stage.api_id)
    await stage.gone(told, "guarded")
    # It is open all the while, until its client goes.
    return told, client


async def before_open(stage, chance):
    # Its `$connect` function posts to it.
    client = await stage.connect(post="early")
    stage.called("not-established")
    stage.count("gone_total", reason="not-established", operation="PostToConnection")
    own = await client.whoami()
    return Told("before open", own, "not-established", own=own), client


async def still_open(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    answer = await stage.post(own, body=b"hello")
    told = Told("open", own, "open", own=own)
    told.expect("status", answer.status, 200)
    told.expect("post", (await client.read_frame())[1], b"hello")
    return told, client


async def malformed(stage, chance):
    client = await stage.connect()
    own = await client.whoami()
    client.vanish()
    stage.ended("client-vanished")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    made = "".join(chance.choices(letters, k=17))
    reason, id_, raw = chance.choice(
        [
            ("malformed", f"no.{made}", None),
            ("double-encoded", own.replace("=", "%3D"), own.replace("=", "%253D")),
            ("cut", own[: chance.randint(12, 17)], None),
            ("not-issued-here", f"{made}{chance.choice('AQgw')}==", None),
        ]
    )
    answer = await stage.post(id_, raw=raw)
    stage.called(reason)
    told = Told(reason, id_, reason, gone=reason)
    told.expect("status", answer.status, 400)
    told.expect("header", answer.headers.get("x-gatepost-gone-reason"), reason)
    told.posts.append(answer.headers["x-amzn-requestid"])
    return told


async def refused_handshake(stage, chance):
    path, query, status, reason = chance.choice(
        [
            ("prod", {"raise": "no"}, 502, "integration-failure"),
            ("prod", {"answer": '"x"'}, 502, "integration-failure"),
            ("prod", {"answer": '{"statusCode":403}'}, 403, "not-established"),
            ("guarded", {}, 401, "unauthorized"),
            ("guarded", {"principal": "a", "raise": "Unauthorized"}, 401, "unauthorized"),
            ("guarded", {"principal": "a", "effect": "Deny"}, 403, "explicit-deny"),
            ("guarded", {"principal": "a", "resource": "arn:x"}, 403, "implicit-deny"),
            ("guarded", {"principal": "a", "raise": "broken"}, 500, "authorizer-failure"),
            ("guarded", {"principal": "a", "answer": "{}"}, 500, "authorizer-configuration"),
            ("keyed", {}, 403, "invalid-api-key"),
            ("full", {}, 429, "throttled"),
        ]
    )
    client = await stage.connect(path, **query)
    if client.answer.status == 101 and reason == "throttled":
        # One handshake passes.
        client.vanish()
        stage.ended("client-vanished")
        client = await stage.connect(path, **query)
    told = Told(f"refused handshake, {reason}", "", reason)
    told.expect("status", client.answer.status, status)
    client.vanish()
    if told.problems or reason == "not-established":
        # The answer of a function tells no id.
        return told if told.problems else None
    stage.count("faults_total", error=reason, request="handshake")
    body = client.answer.json()
    told.asked = chance.choice([body["connectionId"], body["requestId"]])
    # A refused connection never was one.
    told.gone = "not-established"
    told.own = body["connectionId"]
    await stage.gone(told, path)
    if told.asked != told.own:
        told.posts = []
    return told


async def error_frame(stage, chance):
    path, message, text, reason = chance.choice(
        [
            ("guarded", {"action": "nowhere"}, "Forbidden", "forbidden"),
            ("prod", {"action": "two", "raise": "no"}, "Internal server error", None),
            ("prod", {"action": "two", "answer": "x"}, "Internal server error", None),
            (
                "prod",
                {"action": "slow", "sleep": 0.5},
                "Endpoint request timed out",
                "integration-timeout",
            ),
            ("prod", {"action": "limited"}, "Too Many Requests", "throttled"),
        ]
    )
    client = await stage.connect(path, principal=f"x{chance.random()}")
    own = await client.whoami()
    client.say(**message)
    heard = (await client.read_frame())[1]
    if heard == b"passed":
        # One message passes.
        client.say(**message)
        heard = (await client.read_frame())[1]
    heard = json.loads(heard)
    reason = reason or "integration-failure"
    stage.count("faults_total", error=reason, request="message")
    told = Told(f"error frame, {reason}", heard["requestId"], reason, own=own)
    told.expect("frame", (heard["message"], heard["connectionId"]), (text, own))
    return told, client


async def until_drained(stage, stop):
    """A client that is there while Gatepost stops: it hears that it goes away. `stop` is awaited by all."""
    client = await stage.connect()
    assert client.answer.status == 101, client.answer.body
    own = await client.whoami()
    frame_ = (1001, "Going away")
    told = Told("drain", own, "draining", own=own, disconnect=frame_)
    await stop(client)
    told.expect("close frame", await client.closed(), frame_)
    client.vanish()
    return told


async def of_another_day(stage, ended):
    """An id that ended longer ago than is kept."""
    return await stage.gone(Told("forgotten", ended.own, "forgotten", own=ended.own))


#: How often each is played, by weight.
SCENARIOS = {
    by_client: 16,
    by_vanishing: 10,
    by_delete: 10,
    by_binary: 8,
    by_size: 8,
    by_protocol: 10,
    malformed: 12,
    of_another_api: 8,
    before_open: 8,
    still_open: 6,
    by_coming_back: 6,
    refused_handshake: 14,
    error_frame: 8,
    by_idle: 6,
    by_age: 6,
    by_slowness: 1,
}


def drawn(seed, count):
    """So many scenarios, each with chances of its own."""
    chance = random.Random(seed)
    kinds = chance.choices(list(SCENARIOS), SCENARIOS.values(), k=count)
    return [(kind, random.Random(chance.random())) for kind in kinds]
