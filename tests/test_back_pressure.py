"""What one client may make Gatepost hold: messages in flight and replies that wait are bounded,
and nothing is lost by it."""

import json
import re
from pathlib import Path

from support.talk import recording_app
from support.template import Mock, websocket_app
from support.wire import PING, PONG, TEXT, frame

BOUND = "[limits]\nin_flight_per_connection = 1"


def two(number, **more):
    """A message that the recording function answers with this number."""
    answer = {"statusCode": 200, "body": str(number)}
    return frame(TEXT, json.dumps({"action": "two", "answer": answer, **more}))


def test_a_ping_is_answered_while_as_many_messages_as_allowed_are_in_flight(dev, raw_socket):
    raw = raw_socket(dev(recording_app(), config=BOUND))
    assert raw.upgrade("/prod").status == 101
    raw.send(two(1, sleep=1) + frame(PING, b"there?"))
    pong = raw.read_frame()
    assert (pong.opcode, pong.payload) == (PONG, b"there?")
    assert raw.read_message() == "1"


def test_messages_beyond_the_bound_wait_their_turn(dev, raw_socket):
    raw = raw_socket(dev(recording_app(), config=BOUND))
    assert raw.upgrade("/prod").status == 101
    raw.send(b"".join(two(number) for number in range(20)))
    assert [raw.read_message() for _ in range(20)] == [str(number) for number in range(20)]


def peak_memory(app):
    """The greatest resident memory of Gatepost so far, bytes."""
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_small_messages_with_large_replies_are_not_answered_all_at_once(dev, raw_socket):
    """A read of 14 KB asks for 80 MB here; the client reads none of it until later."""
    reply = "x" * 40_000
    app = dev(websocket_app({"$default": Mock(reply)}))
    before = peak_memory(app)
    raw = raw_socket(app, timeout=30)
    assert raw.upgrade("/prod").status == 101
    raw.send(frame(TEXT, "?") * 2000)
    assert all(raw.read_message() == reply for _ in range(2000))
    assert peak_memory(app) - before < 16 * 1024 * 1024
