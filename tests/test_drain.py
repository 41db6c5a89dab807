"""A clean stop: what runs ends, clients are told, `$disconnect` comes, and what has no time is owed."""

import threading
import time

import pytest
from support.poll import until
from support.template import Http, Mock, websocket_app
from support.wire import close_frame
from websockets.exceptions import ConnectionClosed

TOLD = {
    "integration.request.header.Told-Id": "context.connectionId",
    "integration.request.header.Told-Request": "context.requestId",
}


@pytest.fixture
def release():
    """Set, it lets a delayed backend answer; at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def told(request):
    """Whose end it is, and its request."""
    return request.headers["told-id"][0], request.headers["told-request"][0]


def test_a_reply_that_is_under_way_reaches_its_client_before_it_is_closed(
    dev, connect, http_backend, release
):
    http_backend.answer("/slow", body="late", delay=release)
    slow = Http(f"{http_backend.url}/slow", two_way=True)
    app = dev(websocket_app({"$default": slow}))
    client, idle = connect(app.url()), connect(app.url())
    client.send("{}")
    http_backend.received("/slow")
    app.process.terminate()
    with pytest.raises(ConnectionClosed):
        idle.recv(timeout=10)
    release.set()
    assert client.recv(timeout=10) == "late"
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd.code == 1001
    assert app.process.wait(10) == 0


def test_the_closes_of_many_connections_are_spread(dev, raw_socket):
    app = dev(websocket_app({"$default": Mock()}), config='[limits]\ndrain_spread = "2s"')
    clients = [raw_socket(app) for _ in range(150)]
    for client in clients:
        assert client.upgrade("/prod").status == 101
    closed, lock = [], threading.Lock()

    def follow(client):
        frame = client.read_frame()
        with lock:
            closed.append((time.monotonic(), frame.payload[:2]))
        client.send(close_frame(1001))

    followers = [threading.Thread(target=follow, args=(client,)) for client in clients]
    for follower in followers:
        follower.start()
    app.process.terminate()
    for follower in followers:
        follower.join(20)
    assert app.process.wait(10) == 0
    assert {code for _, code in closed} == {(1001).to_bytes(2)}
    times = sorted(at for at, _ in closed)
    # Fifty may go at once; the other hundred take their share of the two seconds.
    assert len(times) == 150 and times[-1] - times[0] > 0.8


def test_after_a_second_signal_what_did_not_end_is_delivered_at_the_next_start(
    dev, connect, http_backend, release
):
    http_backend.answer("/disconnect", delay=release)
    app = dev(websocket_app({"$disconnect": Http(f"{http_backend.url}/disconnect", TOLD)}))
    for _ in range(3):
        connect(app.url())
    app.process.terminate()
    began = http_backend.received("/disconnect", 3)
    app.process.terminate()
    assert app.process.wait(10) == 0
    http_backend.answer("/disconnect")
    app.restart()
    again = http_backend.received("/disconnect", 6)[3:]
    assert sorted(map(told, again)) == sorted(map(told, began))


def test_of_more_ends_than_may_run_at_once_each_is_delivered_once(
    dev, connect, http_backend, release
):
    http_backend.answer("/disconnect", delay=release)
    app = dev(
        websocket_app({"$disconnect": Http(f"{http_backend.url}/disconnect", TOLD)}),
        config="[limits]\ndisconnects_at_once = 2",
    )
    for client in [connect(app.url()) for _ in range(20)]:
        client.close()
    closed = until(
        lambda: len(app.events("closed")) == 20 and app.events("closed"), "all ends", 20
    )
    assert http_backend.count() <= 2
    release.set()
    came = http_backend.received("/disconnect", 20, timeout=30)
    app.stop()
    assert {told(request)[0] for request in came} == {event["connectionId"] for event in closed}
    assert len(http_backend.seen("/disconnect")) == 20


def test_those_that_wait_in_the_store_run_at_their_rate_however_low_it_is(
    dev, connect, http_backend
):
    url = http_backend.url
    app = dev(
        websocket_app({"$connect": Http(url), "$disconnect": Http(f"{url}/end")}),
        config="[limits]\ndisconnects_per_second = 2",
    )
    for _ in range(6):
        connect(app.url())
    app.stop(kill=True)
    app.restart()
    times = [request.at for request in http_backend.received("/end", 6, timeout=30)]
    assert max(times) - min(times) > 2


def test_a_stop_without_time_ends_all_the_same(dev, connect):
    app = dev(websocket_app({"$default": Mock()}), config='[limits]\ndrain = "1ms"')
    connect(app.url())
    app.process.terminate()
    assert app.process.wait(10) == 0
