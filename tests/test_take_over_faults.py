"""What goes wrong while a new Gatepost takes over: nobody hangs, nothing that is owed is lost, and one of
both serves."""

import contextlib
import socket
import sqlite3
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.app import StartFailed
from support.poll import until
from support.serve import OFF
from support.take_over import Predecessor, Successor
from support.template import Http, Mock, websocket_app
from support.wire import CLOSE, RawSocket, upgrade

TOLD = {"integration.request.header.Told-Id": "context.connectionId"}
#: Whoever says nothing is waited for so long, and whoever is served much longer.
LIMITS = '[limits]\nhandshake_timeout = "{}"\ndrain = "20s"\ndrain_spread = "1s"\n'
PATIENT = OFF + LIMITS.format("15s")


def told(request):
    """Whose request it is."""
    return request.headers["told-id"][0]


def app(backend):
    """`$connect` and `$disconnect` call the backend."""
    return websocket_app(
        {
            "$connect": Http(f"{backend.url}/connect", TOLD),
            "$disconnect": Http(f"{backend.url}/disconnect", TOLD),
            "$default": Mock(),
        }
    )


def take_over(serve, server, env=None):
    """The server that has taken over."""
    successor = serve.again(server.template, ["--take-over"], env)
    server.wait_event("handed-over")
    return successor


def accepted(server, **options):
    """A socket that the server has accepted, and on which nothing was said."""
    early = RawSocket(server.port, **options)
    # Whoever came later is served, and so was taken later.
    with RawSocket(server.port) as later:
        later.send("GET /_gatepost/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert later.read_response().status == 200
    return early


def drains_on(server):
    """The process is still there after a time in which it would have ended."""
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(2)


def state_of(server):
    """Its state folder."""
    return server.folder / ".gatepost"


def calls_sockets(server):
    """The sockets for calls from another process."""
    return list(state_of(server).glob("calls-*.sock"))


def free_port():
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize("said", [0, 40])
def test_who_had_connected_before_and_asks_later_is_served(serve, http_backend, said):
    server = serve({"app": app(http_backend)}, PATIENT)
    request = upgrade(server.path(), "localhost")
    with accepted(server) as early:
        early.send(request[:said])
        take_over(serve, server)
        drains_on(server)
        early.send(request[said:])
        assert early.read_response().status == 101
        assert early.read_until(CLOSE).close()[0] == 1001
    assert server.process.wait(10) == 0
    http_backend.received("/disconnect")


def test_who_had_begun_with_tls_before_is_served(serve, http_backend):
    server = serve({"app": app(http_backend)}, PATIENT)
    trust = ssl.create_default_context(cafile=server.folder / server.ready["caBundle"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    hello = outgoing.read()
    with accepted(server) as early:
        early.send(hello[:50])
        take_over(serve, server)
        drains_on(server)
        early.send(hello[50:])

        def carried(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    early.send(outgoing.read())
                    arrived = early.socket.recv(65536)
                    assert arrived, "the socket ended"
                    incoming.write(arrived)

        carried(session.do_handshake)
        session.write(upgrade(server.path(), "localhost"))
        early.send(outgoing.read())
        assert carried(lambda: session.read(4096)).startswith(b"HTTP/1.1 101 ")
    assert server.process.wait(10) == 0


def test_a_call_whose_body_was_on_its_way_is_answered(serve, http_backend):
    server = serve({"app": app(http_backend)}, PATIENT)
    with accepted(server) as caller:
        path = f"{server.path()}/@connections/AAAAAAAAAAAAAAA="
        caller.send(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab")
        take_over(serve, server)
        drains_on(server)
        caller.send("cd")
        answer = caller.read_response()
        assert answer.status in (400, 410) and answer.header("connection") == "close"
    assert server.process.wait(10) == 0


def test_who_says_nothing_is_waited_for_no_longer_than_for_a_handshake(serve, http_backend):
    server = serve({"app": app(http_backend)}, OFF + LIMITS.format("3s"))
    with accepted(server):
        take_over(serve, server)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(1)
        assert server.process.wait(6) == 0


def test_who_is_answered_and_stays_connected_is_not_waited_for(serve, http_backend):
    server = serve({"app": app(http_backend)}, PATIENT)
    with RawSocket(server.port) as kept:
        kept.send("GET /_gatepost/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.read_response().status == 200
        take_over(serve, server)
        assert server.process.wait(6) == 0


def test_where_the_new_one_does_not_listen_nobody_does(serve, http_backend):
    server = serve({"app": app(http_backend)}, PATIENT)
    elsewhere = {
        "GATEPOST_SERVER__LISTEN": f"127.0.0.1:{free_port()}",
        "GATEPOST_ADMIN__LISTEN": f"127.0.0.1:{free_port()}",
    }
    admin = int(server.ready["adminUrl"].rsplit(":", 1)[1])
    successor = take_over(serve, server, elsewhere)
    assert server.process.wait(10) == 0
    for port in (server.port, admin):
        with pytest.raises(ConnectionRefusedError):
            RawSocket(port)
    with RawSocket(successor.port) as client:
        assert client.upgrade(successor.path()).status == 101


def test_one_that_is_gone_before_it_is_told_to_serve_leaves_the_old_one_serving(
    serve, http_backend, connect
):
    server = serve({"app": app(http_backend)}, PATIENT)
    announced = (state_of(server) / "running.json").read_text()
    with Successor(state_of(server)) as gone:
        gone.link.shutdown(socket.SHUT_RD)
        gone.say({"Ready": {"run": gone.run + 1}})
        # Another is heard once this one is given up.
        with Successor(state_of(server)):
            pass
    with RawSocket(server.port) as kept:
        kept.send("GET /_gatepost/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = kept.read_response()
        assert answer.status == 200 and answer.header("connection") is None
    connect(server.url())
    keys = server.aws("apigateway")

    def make_key():
        with contextlib.suppress(keys.exceptions.ClientError):
            return keys.create_api_key(name="made after it")

    until(make_key, "change that is taken")
    assert server.events("handed-over") == []
    assert calls_sockets(server) == []
    take_over(serve, server)
    assert server.process.wait(20) == 0
    # That is the new one's now.
    assert (state_of(server) / "running.json").read_text() != announced


@pytest.fixture
def owed(serve, connect, http_backend):
    """A server that is gone, and the id of a connection whose `$disconnect` it left."""
    server = serve({"app": app(http_backend)}, PATIENT)
    connect(server.url())
    id = told(http_backend.received("/connect")[0])
    server.stop(kill=True)
    return server, id


def test_what_an_earlier_run_owes_is_carried_out_once_the_new_one_serves(
    serve, owed, http_backend
):
    server, id = owed
    with (
        socket.create_server(("127.0.0.1", 0)) as public,
        Predecessor(state_of(server), [("Public", public)]) as old,
        ThreadPoolExecutor(1) as starting,
    ):
        for goes in (False, True):
            arguments = (server.template, ["--take-over"])
            started = starting.submit(serve.again, *arguments)
            with old.offer() as talk:
                assert talk.hear() == "Prepared"
                talk.say("Kept")
                assert "Ready" in talk.hear()
                # Long enough for some turns of who delivers.
                time.sleep(1.0)
                assert http_backend.seen("/disconnect") == []
                if goes:
                    talk.say("Go")
                    started.result(30)
                    (ended,) = http_backend.received("/disconnect")
                    assert told(ended) == id
            if not goes:
                with pytest.raises(StartFailed):
                    started.result(30)
                # Whoever serves on finds it due.
                with contextlib.closing(sqlite3.connect(state_of(server) / "store.sqlite")) as store:
                    ((due,),) = store.execute(
                        "SELECT disconnect_due_ms FROM connections WHERE context IS NOT NULL"
                    )
                assert due is not None
                assert calls_sockets(server) == []


def test_that_nobody_may_listen_is_found_before_the_old_one_gives_anything_up(
    serve, owed, http_backend
):
    server, _ = owed
    with (
        socket.create_server(("127.0.0.1", 0)) as public,
        socket.create_server(("127.0.0.1", 0)) as taken,
        Predecessor(state_of(server), [("Public", public)]) as old,
        ThreadPoolExecutor(1) as starting,
    ):
        env = {"GATEPOST_ADMIN__LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"}
        started = starting.submit(serve.again, server.template, ["--take-over"], env)
        with old.offer() as talk:
            assert talk.hear() is None
        with pytest.raises(StartFailed) as failed:
            started.result(30)
    assert "choose another in [admin] listen" in failed.value.stderr


def test_sockets_that_a_killed_one_left_are_removed_at_the_next_start(serve, http_backend):
    server = serve({"app": app(http_backend)}, PATIENT)
    server.stop()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(state_of(server) / "calls-77.sock"))
    kept = state_of(server) / "calls-78.sock.txt"
    kept.write_text("no socket")
    server.restart()
    assert calls_sockets(server) == []
    assert kept.exists()
