"""The promise of `$disconnect`: it comes for every connection whose `$connect` was invoked and did not
refuse, also when Gatepost is killed."""

import socket
import threading

import pytest
from support.backend import HttpBackend
from support.poll import until
from support.talk import recording_app
from support.template import Http, Mock, websocket_app
from support.wire import upgrade

LOST = (1006, "Connection closed abnormally")
MANY = 300
#: What the backend of `$disconnect` is told, by headers.
TOLD = {
    "integration.request.header.Told-Id": "context.connectionId",
    "integration.request.header.Told-Request": "context.requestId",
    "integration.request.header.Told-Code": "context.disconnectStatusCode",
    "integration.request.header.Told-Time": "context.requestTimeEpoch",
}
TOLD_ID = dict(list(TOLD.items())[:1])


def http_app(backend, disconnect_url=None):
    """`$connect` and `$disconnect` call the backend."""
    return websocket_app(
        {
            "$connect": Http(f"{backend.url}/connect", TOLD_ID),
            "$disconnect": Http(disconnect_url or f"{backend.url}/disconnect", TOLD),
            "$default": Mock(),
        }
    )


def told(request, name="id"):
    """What a request tells of the connection."""
    return request.headers[f"told-{name}"][0]


def kill_and_start(app):
    """`kill -9`, and a new start on the same folder."""
    app.stop(kill=True)
    app.restart()


def live_once(app, connect, backend, ended):
    """Another connection from beginning to end, after which `ended` have ended in all."""
    connect(app.url()).close()
    return backend.received("/disconnect", ended, timeout=30)


@pytest.fixture
def free_port():
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_after_kill_9_every_disconnect_comes_once_and_a_clean_stop_owes_none(
    dev, connect, http_backend
):
    app = dev(http_app(http_backend))
    for _ in range(MANY):
        connect(app.url())
    opened = [told(request) for request in http_backend.seen("/connect")]
    assert len(set(opened)) == MANY
    kill_and_start(app)
    ended = http_backend.received("/disconnect", MANY, timeout=60)
    assert {told(request, "code") for request in ended} == {"1006"}
    assert sorted(map(told, ended)) == sorted(opened)
    app.restart()
    assert len(live_once(app, connect, http_backend, MANY + 1)) == MANY + 1


def test_a_clean_stop_delivers_every_disconnect_and_a_start_repeats_none(
    dev, connect, http_backend
):
    app = dev(http_app(http_backend))
    for _ in range(MANY):
        connect(app.url())
    app.stop()
    ended = http_backend.seen("/disconnect")
    assert len(ended) == MANY
    assert {told(request, "code") for request in ended} == {"1001"}
    app.restart()
    assert len(live_once(app, connect, http_backend, MANY + 1)) == MANY + 1


def test_the_event_after_a_crash_has_all_that_it_would_have_had(dev, connect):
    app = dev(recording_app())
    connect(app.url(), user_agent_header='agent "x"')
    opened = app.recorded("CONNECT")[0]["requestContext"]
    kill_and_start(app)
    event = app.recorded("DISCONNECT")[0]
    context = event["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == LOST
    for name in ("connectionId", "apiId", "stage", "connectedAt", "domainName", "identity"):
        assert context[name] == opened[name], name
    assert context["routeKey"] == "$disconnect"
    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]


def test_a_backend_that_is_down_gets_it_when_it_is_back_as_the_same_request(
    dev, connect, http_backend, free_port
):
    app = dev(http_app(http_backend, f"http://127.0.0.1:{free_port}/disconnect"))
    connect(app.url()).close(1000)

    def tries():
        requests = [e for e in app.events("request") if e["routeKey"] == "$disconnect"]
        return requests if len(requests) > 1 else None

    before = until(tries, "a second try", 20)
    kill_and_start(app)
    backend = HttpBackend(free_port)
    try:
        (came,) = backend.received("/disconnect", timeout=30)
    finally:
        backend.stop()
    assert told(came) == told(http_backend.seen("/connect")[0])
    assert told(came, "code") == "1000"
    assert {told(came, "request")} == {request["requestId"] for request in before}


def test_a_crash_while_connect_runs_is_followed_by_a_disconnect(dev, raw_socket, http_backend):
    release = threading.Event()
    http_backend.answer("/connect", delay=release)
    app = dev(http_app(http_backend))
    raw_socket(app).send(upgrade("/prod", f"localhost:{app.port}"))
    (connecting,) = http_backend.received("/connect")
    app.stop(kill=True)
    release.set()
    app.restart()
    (ended,) = http_backend.received("/disconnect")
    assert told(ended) == told(connecting)
    assert told(ended, "code") == "1006"


def test_a_refused_handshake_has_no_disconnect_after_a_crash(
    dev, connect, raw_socket, http_backend
):
    http_backend.answer("/connect", status=403)
    app = dev(http_app(http_backend))
    assert raw_socket(app).upgrade("/prod").status == 403
    http_backend.answer("/connect")
    connect(app.url())
    # What was refused before is on disk, as this one is.
    kill_and_start(app)
    live_once(app, connect, http_backend, 2)
    refused = told(http_backend.seen("/connect")[0])
    assert refused not in map(told, http_backend.seen("/disconnect"))
