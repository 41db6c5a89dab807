"""I. How connections end, and what keeps them alive."""

import signal
import subprocess
import time

import pytest
from support.talk import connection_id, recording_app, silent_app
from support.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
)

GOING_AWAY = b"\x03\xe9Going away"


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(silent_app())


@pytest.fixture
def raw(app, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    return raw


@pytest.fixture(scope="module")
def short(module_dev):
    return module_dev(recording_app(), config='[limits]\nidle_timeout = "1500ms"')


@pytest.mark.checklist(134, 135, 140)
def test_an_idle_connection_hears_nothing_but_1001_going_away(short, raw_socket):
    """No ping either: AWS sends none."""
    raw = raw_socket(short)
    assert raw.upgrade("/prod").status == 101
    opened = time.monotonic()
    closing = raw.read_frame()
    assert (closing.opcode, closing.payload) == (CLOSE, GOING_AWAY)
    assert 1.0 <= time.monotonic() - opened <= 4.0
    raw.send(close_frame(1001, "Going away"))
    assert raw.is_ended()


@pytest.mark.checklist(134)
@pytest.mark.parametrize("keep_alive", ["message", "ping", "post"])
def test_traffic_in_either_direction_keeps_a_connection_open(short, connect, keep_alive):
    client = connect(short.url())
    own = connection_id(client)
    acts = {
        "message": lambda: connection_id(client),
        "ping": lambda: client.ping().wait(5),
        "post": lambda: (
            short.client().post_to_connection(ConnectionId=own, Data=b"x")
            and client.recv(timeout=5)
        ),
    }
    # Twice the idle timeout, with something every third of it.
    for _ in range(6):
        time.sleep(0.5)
        acts[keep_alive]()
    assert connection_id(client) == own


@pytest.mark.checklist(136)
def test_a_connection_ends_at_its_greatest_age_although_active(dev, raw_socket):
    app = dev(silent_app(), config='[limits]\nmax_connection_duration = "2s"')
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    opened = time.monotonic()
    while True:
        raw.send(frame(PING, b"here"))
        answer = raw.read_frame()
        if answer.opcode == CLOSE:
            break
        assert time.monotonic() - opened < 6
        time.sleep(0.1)
    assert answer.payload == GOING_AWAY
    assert time.monotonic() - opened >= 1.5


@pytest.mark.checklist(137)
@pytest.mark.parametrize(
    "sent, payload",
    [
        (close_frame(1000, "bye"), b"\x03\xe8bye"),
        (close_frame(1001), b"\x03\xe9"),
        (close_frame(4999, "ü"), b"\x13\x87\xc3\xbc"),
        (close_frame(), b""),
    ],
    ids=["1000 bye", "1001", "4999", "empty"],
)
def test_the_clients_close_frame_is_echoed_and_the_socket_ends(raw, sent, payload):
    raw.send(sent)
    answer = raw.read_frame()
    assert (answer.opcode, answer.payload) == (CLOSE, payload)
    assert raw.is_ended()


@pytest.mark.checklist(138)
def test_delete_connection_closes_with_1000(app, connect):
    client = connect(app.url())
    app.client().delete_connection(ConnectionId=connection_id(client))
    with pytest.raises(Exception) as ended:
        client.recv(timeout=10)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1000, "Connection Closed Normally")


@pytest.mark.checklist(138)
def test_delete_connection_sends_these_bytes(app, raw):
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    own = raw.read_message().split('"')[3]
    app.client().delete_connection(ConnectionId=own)
    closing = raw.read_frame()
    assert (closing.opcode, closing.payload) == (CLOSE, b"\x03\xe8Connection Closed Normally")


@pytest.mark.checklist(139)
@pytest.mark.parametrize("payload", [b"", b"are you there?", b"\x00\xff", b"x" * 125])
def test_a_ping_is_answered_with_its_payload(raw, payload):
    raw.send(frame(PING, payload))
    answer = raw.read_frame()
    assert (answer.fin, answer.opcode, answer.payload) == (True, PONG, payload)


def test_an_unasked_pong_is_ignored(raw):
    raw.send(frame(PONG, b"hello") + frame(PING, b"here"))
    assert raw.read_frame().payload == b"here"


@pytest.mark.checklist(141)
def test_a_post_resets_the_idle_timer(short, connect):
    client = connect(short.url())
    own = connection_id(client)
    for _ in range(4):
        time.sleep(0.8)
        short.client().post_to_connection(ConnectionId=own, Data=b"x")
    assert [client.recv(timeout=5) for _ in range(4)] == ["x"] * 4


VIOLATIONS = {
    "unmasked": (frame(TEXT, "hello", mask=None), 1002),
    "reserved bit 1": (frame(TEXT, "hello", rsv=4), 1002),
    "reserved bit 3": (frame(TEXT, "hello", rsv=1), 1002),
    "reserved opcode 3": (frame(0x3, "hello"), 1002),
    "reserved opcode 11": (frame(0xB, "hello"), 1002),
    "fragmented ping": (frame(PING, "hello", fin=False), 1002),
    "ping of 126 bytes": (frame(PING, "x" * 126), 1002),
    "continuation of nothing": (frame(CONTINUATION, "hello"), 1002),
    "text within a text": (frame(TEXT, "a", fin=False) + frame(TEXT, "b"), 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close code 1005": (close_frame(1005), 1002),
    "close code 999": (close_frame(999), 1002),
    "close reason not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text with a lone surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "text cut in a letter": (frame(TEXT, b"\xe2\x82"), 1007),
    "bad UTF-8 in an unfinished text": (frame(TEXT, b"\xff", fin=False), 1007),
    "binary": (frame(BINARY, b""), 1003),
}


@pytest.mark.parametrize("sent, code", VIOLATIONS.values(), ids=VIOLATIONS)
def test_what_rfc_6455_forbids_closes_with_its_code(app, raw, connect, sent, code):
    bystander = connect(app.url())
    raw.send(sent)
    assert raw.read_frame().close()[0] == code
    assert raw.is_ended()
    assert connection_id(bystander)


@pytest.mark.parametrize(
    "end, told",
    [
        (lambda raw: raw.send(frame(BINARY, b"x")), (1003, "Binary is not supported")),
        (lambda raw: raw.send(frame(TEXT, b"x" * 32_769)), (1009, "Message too big")),
        (lambda raw: raw.send(frame(TEXT, b"\xff")), (1007, "Invalid UTF-8")),
        (lambda raw: raw.send(frame(0x3)), (1002, "Protocol error")),
    ],
    ids=["binary", "too big", "not UTF-8", "reserved opcode"],
)
def test_the_disconnect_event_tells_what_gatepost_closed_for(short, raw_socket, end, told):
    before = len(short.seen("CONNECT"))
    raw = raw_socket(short)
    assert raw.upgrade("/prod").status == 101
    own = short.recorded("CONNECT", count=before + 1)[before]["requestContext"]["connectionId"]
    end(raw)
    context = short.recorded("DISCONNECT", connectionId=own)[0]["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == told


def test_a_client_that_never_answers_the_close_is_cut_off(app, raw):
    raw.send(frame(BINARY, b"x"))
    assert raw.read_frame().opcode == CLOSE
    # Its own close frame never comes.
    assert raw.is_ended(timeout=8)


def test_on_shutdown_clients_are_told_1001(dev, raw_socket):
    app = dev(silent_app())
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    app.process.terminate()
    assert raw.read_frame().payload == GOING_AWAY
    raw.send(close_frame(1001))
    assert app.process.wait(10) == 0


def test_a_second_signal_stops_at_once(dev, raw_socket):
    """A drain takes up to 30 s while a client does not answer or a function still runs."""
    app = dev(silent_app(), env={"GATEPOST_LIMITS__CLOSE_TIMEOUT": "60s"})
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    app.process.send_signal(signal.SIGINT)
    assert raw.read_frame().payload == GOING_AWAY
    with pytest.raises(subprocess.TimeoutExpired):
        app.process.wait(0.5)
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(2) == 0


def test_disconnect_handlers_still_run_on_shutdown(dev, connect):
    app = dev(recording_app())
    connect(app.url())
    app.recorded("CONNECT")
    app.stop()
    context = app.recorded("DISCONNECT")[0]["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1001, "Going away")


def test_a_message_behind_our_close_frame_runs_no_route(short, raw_socket):
    raw = raw_socket(short)
    assert raw.upgrade("/prod").status == 101
    own = short.recorded("CONNECT")[-1]["requestContext"]["connectionId"]
    short.client().delete_connection(ConnectionId=own)
    assert raw.read_frame().opcode == CLOSE
    raw.send(frame(TEXT, b'{"action":"one"}') + close_frame(1000))
    short.recorded("DISCONNECT", connectionId=own)
    assert not short.seen("MESSAGE", connectionId=own)
