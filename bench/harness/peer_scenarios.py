"""Gatepost beside its peers, with the same handlers, payloads and connections."""

from . import scenarios as own
from . import subjects
from .machine import BENCH
from .peers import peer

ECHO_JS = BENCH / "peers" / "handlers" / "echo.js"
MESSAGE = "x" * 80

OFFLINE = "serverless-offline 13"
IN_PROCESS = "serverless-offline 13, in process"
MINISTACK = "MiniStack"
PUSHPIN = "Pushpin"
NCHAN = "Nchan"


def same_node_handler():
    """Gatepost with the handler that the peers run."""
    function = subjects.function(
        "Function", "$default", subjects.runtime("node"), "echo.handler", "handlers"
    )
    return subjects.gatepost({**subjects.mock("Connect", "$connect"), **function}, files=[ECHO_JS])


def provided_handler():
    """Gatepost with the bench's `provided` handler."""
    file = subjects.FUNCTIONS["provided"][2]
    function = subjects.function(
        "Function", "$default", "provided.al2023", "bootstrap", file.parent.name
    )
    return subjects.gatepost({**subjects.mock("Connect", "$connect"), **function}, files=[file])


def peer_subject(title, name, measure):
    """A peer that is measured."""
    return own.Subject(title, lambda: peer(name), measure)


def scenarios():
    """All comparisons with peers."""
    talk = own.echo(MESSAGE, connections=10, at_once=1)
    post = own.posts(connections=100, callers=16, at_once=1)
    arrive = own.connects(connections=500, at_once=20)
    rest = own.hold("200,500,1000,2000")
    return [
        own.Scenario(
            "peers-round-trips",
            "Round trips through a function, 10 connections, 80 bytes: beside peers",
            [
                own.Subject("gatepost, `provided`", provided_handler, talk),
                own.Subject("gatepost, the same Node handler", same_node_handler, talk),
                peer_subject(OFFLINE, "serverless-offline", talk),
                peer_subject(IN_PROCESS, "serverless-offline-in-process", talk),
                peer_subject(MINISTACK, "ministack-node", talk),
                peer_subject(f"{PUSHPIN}, WebSocket-over-HTTP to Node", "pushpin", talk),
            ],
            {**own.RATE, **own.LATENCY},
            [
                own.Goal("`provided` / serverless-offline's default mode ≥ 10",
                         own.ratio("rate", "gatepost, `provided`", OFFLINE), 10),
                own.Goal("the same Node handler / serverless-offline's default mode ≥ 2",
                         own.ratio("rate", "gatepost, the same Node handler", OFFLINE), 2),
                own.Goal("the same Node handler / Pushpin > 1",
                         own.ratio("rate", "gatepost, the same Node handler",
                                   f"{PUSHPIN}, WebSocket-over-HTTP to Node"), 1),
            ],
        ),
        own.Scenario(
            "peers-posts",
            "Posts to 100 connections by 16 callers: beside peers",
            [
                own.Subject("gatepost", lambda: subjects.gatepost(), post),
                peer_subject(OFFLINE, "serverless-offline", post),
                peer_subject(MINISTACK, "ministack-node", post),
                peer_subject(PUSHPIN, "pushpin", post),
                peer_subject(NCHAN, "nchan", post),
            ],
            {**own.RATE, "whole_p50_us": "call → client p50 µs", "whole_p99_us": "p99"},
            [
                own.Goal("posts / serverless-offline ≥ 5", own.ratio("rate", "gatepost", OFFLINE), 5),
                own.Goal("posts / Pushpin > 1", own.ratio("rate", "gatepost", PUSHPIN), 1),
                own.Goal("posts / Nchan > 1", own.ratio("rate", "gatepost", NCHAN), 1),
            ],
        ),
        own.Scenario(
            "peers-connects",
            "500 connects: beside peers (serverless-offline and Pushpin ask a handler in Node, Gatepost MOCK, "
            "Nchan nobody)",
            [
                own.Subject("gatepost, MOCK `$connect`", lambda: subjects.gatepost(), arrive),
                peer_subject(OFFLINE, "serverless-offline", arrive),
                peer_subject(PUSHPIN, "pushpin", arrive),
                peer_subject(NCHAN, "nchan", arrive),
            ],
            {"rate": "connects per second", "cpu_us": "CPU µs"},
            [
                own.Goal("connects / Pushpin > 1",
                         own.ratio("rate", "gatepost, MOCK `$connect`", PUSHPIN), 1),
                own.Goal("connects / Nchan > 1",
                         own.ratio("rate", "gatepost, MOCK `$connect`", NCHAN), 1),
            ],
            rounds=3,
        ),
        own.Scenario(
            "peers-memory",
            "User memory of an idle connection, slope from 200 to 2,000: beside peers",
            [
                own.Subject("gatepost", lambda: subjects.gatepost(), rest),
                peer_subject(OFFLINE, "serverless-offline", rest),
                peer_subject(PUSHPIN, "pushpin", rest),
                peer_subject(NCHAN, "nchan", rest),
            ],
            {"bytes_per_connection": "bytes"},
            [
                own.Goal("gatepost / Nchan ≤ 1",
                         own.ratio("bytes_per_connection", "gatepost", NCHAN), 1, False),
            ],
            rounds=1,
        ),
    ]  # fmt: skip
