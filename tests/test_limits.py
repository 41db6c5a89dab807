"""What is bounded: the table in docs/limits.md is true, and each bound that refuses holds."""

import contextlib
import json
import re
import socket
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.environment import BINARY
from support.poll import until
from support.serve import OFF, token_of
from support.template import Http, Mock, websocket_app
from support.wire import Ended, RawSocket, frame, request

TEXT = 0x1
ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.*?) \| (.+?) \|$", re.M)
ROWS = ROW.findall((ROOT / "docs/limits.md").read_text())


@pytest.fixture
def release():
    """Set, it lets a delayed backend answer; at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def metrics(app):
    """The lines of the page of metrics."""
    return request(app.port, "GET", "/_gatepost/metrics").body.decode().splitlines()


def counted(app, limit):
    """How often this limit refused."""
    start = f'gatepost_limits_total{{limit="{limit}"}} '
    return next((int(line[len(start) :]) for line in metrics(app) if line.startswith(start)), 0)


def test_every_limit_is_documented_with_its_default(tmp_path):
    shown = subprocess.run(
        [BINARY, "config", "--json"], cwd=tmp_path, capture_output=True, text=True, env={}
    )
    settings = json.loads(shown.stdout)["settings"]
    limits = {
        setting["key"].removeprefix("limits."): setting["value"]
        for setting in settings
        if setting["key"].startswith("limits.")
    }
    documented = {key: default.strip("`") for key, default, _, _ in ROWS}
    assert documented.keys() == limits.keys()
    for key, value in limits.items():
        # What is not set has words, not a value.
        assert documented[key] == value or (value is None and "`" not in documented[key]), key


def test_every_metric_of_the_table_is_there(dev):
    page = metrics(dev(websocket_app({"$default": Mock()})))
    known = {line.split()[2] for line in page if line.startswith("# HELP ")}
    for key, _, _, cell in ROWS:
        named = re.findall(r"`(gatepost_\w+)", cell)
        assert named or cell.startswith("none: "), key
        assert known.issuperset(named), key
        # Causes, reasons and errors are those that have a page.
        for slug in re.findall(r'(?:cause|reason|error|outcome)="([\w-]+)"', cell):
            assert (ROOT / f"docs/errors/{slug}.md").exists(), slug


def test_sockets_beyond_the_limit_are_closed_and_counted_and_the_others_stay(dev, raw_socket):
    app = dev(websocket_app({"$default": Mock("hello")}), config="[limits]\nmax_sockets = 16")
    client = raw_socket(app)
    assert client.upgrade("/prod").status == 101
    silent = [raw_socket(app) for _ in range(40)]

    def refused():
        return sum(one.is_ended(timeout=0.01) for one in silent)

    until(lambda: refused() >= 25, "closed sockets", 20)
    client.send(frame(TEXT, "{}"))
    assert client.read_message() == "hello"
    for one in silent:
        one.close()
    until(lambda: _may_connect(app), "room again")
    assert counted(app, "max_sockets") >= 25


def test_clients_do_not_lock_out_who_asks_at_the_admin_listener(serve, raw_socket):
    server = serve({"app": websocket_app({"$default": Mock()})}, OFF + "[limits]\nmax_sockets = 16")
    admin = urlsplit(server.ready["adminUrl"]).port
    bearer = [("Authorization", f"Bearer {token_of(server)}")]

    def counted_there(limit):
        page = request(admin, "GET", "/_gatepost/metrics", headers=bearer).body.decode()
        found = re.search(rf'^gatepost_limits_total{{limit="{limit}"}} (\d+)$', page, re.M)
        return int(found[1]) if found else 0

    clients = [raw_socket(server) for _ in range(40)]
    until(lambda: counted_there("max_sockets") == 24, "as many clients as there may be", 20)
    # There too are no more than may be, and they take no client's place.
    asking = [raw_socket(admin) for _ in range(40)]
    until(lambda: sum(one.is_ended(timeout=0.01) for one in asking) == 24, "closed sockets", 20)
    for one in clients:
        one.close()
    until(lambda: _may_connect(server), "room for clients")
    for one in asking:
        one.close()
    until(lambda: _may_ask(admin), "room for another question")
    assert counted_there("max_admin_sockets") >= 24


def _may_ask(port):
    with contextlib.suppress(Ended, OSError):
        return request(port, "GET", "/_gatepost/health").status == 200
    return False


def _may_connect(app):
    with contextlib.suppress(Ended, OSError), RawSocket(app.port) as again:
        return again.upgrade("/prod").status == 101
    return False


@pytest.mark.parametrize(
    "limit", ["max_connections", "max_connections_per_api", "max_connections_per_address"]
)
def test_a_handshake_beyond_a_limit_is_429_and_counted_and_one_that_leaves_makes_room(
    dev, raw_socket, limit
):
    app = dev(websocket_app({"$default": Mock()}), config=f"[limits]\n{limit} = 2")
    first, second = raw_socket(app), raw_socket(app)
    assert [first.upgrade("/prod").status, second.upgrade("/prod").status] == [101, 101]
    third = raw_socket(app).upgrade("/prod")
    assert (third.status, third.json()["message"]) == (429, "Too Many Requests")
    assert third.json().keys() == {"message", "connectionId", "requestId"}
    assert counted(app, limit) == 1
    first.close()
    until(lambda: _may_connect(app), "room for another")


def test_other_addresses_have_room_of_their_own(dev):
    config = "[limits]\nmax_connections_per_address = 1"
    app = dev(websocket_app({"$default": Mock()}), config=config)
    statuses = []
    with contextlib.ExitStack() as sockets:
        for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3"):
            raw = RawSocket.__new__(RawSocket)
            raw.socket = socket.create_connection(("127.0.0.1", app.port), 10, (source, 0))
            raw._arrived = b""
            sockets.enter_context(raw)
            statuses.append(raw.upgrade("/prod").status)
    assert statuses == [101, 429, 101]


def test_handshakes_under_way_are_limited(dev, raw_socket, http_backend, release):
    http_backend.answer("/connect", delay=release)
    app = dev(
        websocket_app({"$connect": Http(f"{http_backend.url}/connect")}),
        config="[limits]\nmax_handshakes = 2",
    )
    connecting = [raw_socket(app) for _ in range(2)]
    answers = []
    shakes = [
        threading.Thread(target=lambda one=one: answers.append(one.upgrade("/prod").status))
        for one in connecting
    ]
    for shake in shakes:
        shake.start()
    http_backend.received("/connect", 2)
    assert raw_socket(app).upgrade("/prod").status == 429
    assert counted(app, "max_handshakes") == 1
    assert "gatepost_handshakes 2" in metrics(app)
    release.set()
    for shake in shakes:
        shake.join(10)
    assert answers == [101, 101]
    assert raw_socket(app).upgrade("/prod").status == 101
    # Nobody asked the backend for the one that was refused.
    assert http_backend.count() == 3


def test_who_sends_no_request_in_time_is_cut_off_and_counted(dev, raw_socket):
    app = dev(websocket_app({"$default": Mock()}), config='[limits]\nhandshake_timeout = "300ms"')
    silent, slow = raw_socket(app), raw_socket(app)
    slow.send(b"GET /prod HTTP/1.1\r\nHost: localhost\r\n")
    assert silent.is_ended() and slow.is_ended()
    until(lambda: counted(app, "handshake_timeout") == 2, "two that were late")


def test_a_url_that_is_too_long_is_414_and_counted(dev):
    app = dev(websocket_app({"$default": Mock()}), config="[limits]\nmax_url_bytes = 256")
    assert request(app.port, "GET", "/" + "a" * 300).status == 414
    assert counted(app, "max_url_bytes") == 1


@pytest.mark.parametrize(
    ("config", "limit", "sent", "passed"),
    [
        ("messages_per_second = 2", "messages_per_second", ["{}"] * 5, 2),
        ("bytes_per_second = 10\nmax_message_bytes = 1024", "bytes_per_second", ["x" * 900] * 3, 1),
    ],
)
def test_a_client_that_sends_too_fast_is_told_so_and_stays_connected(
    dev, raw_socket, config, limit, sent, passed
):
    app = dev(websocket_app({"$default": Mock("hello")}), config=f"[limits]\n{config}")
    client = raw_socket(app)
    assert client.upgrade("/prod").status == 101
    client.send(b"".join(frame(TEXT, text) for text in sent))
    heard = [client.read_message() for _ in sent]
    assert heard[:passed] == ["hello"] * passed
    assert {json.loads(text)["message"] for text in heard[passed:]} == {"Too Many Requests"}
    assert counted(app, limit) == len(sent) - passed
    # Another has its own pace.
    other = raw_socket(app)
    assert other.upgrade("/prod").status == 101
    other.send(frame(TEXT, "{}"))
    assert other.read_message() == "hello"


def test_what_waits_for_all_clients_together_is_limited_and_goes_with_them(
    dev, raw_socket, http_backend
):
    config = '[limits]\nmax_outbox_bytes = 65536\noutbox_bytes = 1048576\nwrite_timeout = "5m"'
    told = {"integration.request.header.Told-Id": "context.connectionId"}
    app = dev(websocket_app({"$connect": Http(f"{http_backend.url}/c", told)}), config=config)
    path = f"{app.path()}/@connections"

    def connection():
        client = raw_socket(app, receive_buffer=4096)
        assert client.upgrade("/prod").status == 101
        return client, http_backend.last().headers["told-id"][0]

    def post(id, size):
        return request(app.port, "POST", f"{path}/{id}", body=b"x" * size).status

    (slow, slow_id), (quick, quick_id) = connection(), connection()
    until(lambda: post(slow_id, 32768) == 429, "a full outbox", 20, interval=0)
    waiting = next(line for line in metrics(app) if line.startswith("gatepost_outbox_bytes "))
    assert 0 < int(waiting.split()[1]) <= 65536 + 32768 + 16
    # One who reads needs no room.
    assert post(quick_id, 100) == 200
    assert quick.read_message() == "x" * 100
    slow.reset()
    until(lambda: "gatepost_outbox_bytes 0" in metrics(app), "room again", 10)
