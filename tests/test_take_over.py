"""A new Gatepost takes over from a running one, and nobody notices; so it is with systemd's sockets."""

import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from support.app import StartFailed
from support.environment import BINARY
from support.poll import until
from support.serve import OFF, write_configuration
from support.template import Http, Mock, websocket_app
from support.wire import TEXT, RawSocket, frame
from websockets.exceptions import ConnectionClosed

TOLD = {
    "integration.request.header.Told-Id": "context.connectionId",
    "integration.request.header.Told-Code": "context.disconnectStatusCode",
}
#: Long enough for what the tests do meanwhile, and not waited for.
DRAIN = OFF + '[limits]\ndrain = "40s"\ndrain_spread = "1s"\n'


def told(request, name="id"):
    """What a request tells of the connection."""
    return request.headers[f"told-{name}"][0]


def asked(client, method, path, body=b"", headers=()):
    """The response to a request on a socket that is open already."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return client.read_response()


def app(backend):
    """`$connect`, `$disconnect` and `slow` call the backend."""
    return websocket_app(
        {
            "$connect": Http(f"{backend.url}/connect", TOLD),
            "$disconnect": Http(f"{backend.url}/disconnect", TOLD),
            "slow": Http(f"{backend.url}/slow", TOLD, two_way=True),
            "$default": Mock(),
        }
    )


@pytest.fixture
def release():
    """Set, it lets a delayed backend answer; at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def busy(serve, connect, http_backend, release):
    """A server, a client of it whose message is under way until `release`, and its id."""
    http_backend.answer("/slow", delay=release, body="late")
    server = serve({"app": app(http_backend)}, DRAIN)
    client = connect(server.url())
    client.send('{"action": "slow"}')
    (request,) = http_backend.received("/slow")
    return server, client, told(request)


def take_over(serve, server):
    """The server that has taken over."""
    successor = serve.again(server.template, ["--take-over"])
    server.wait_event("handed-over")
    return successor


def test_nobody_is_refused_while_a_new_process_takes_over(serve, http_backend):
    server = serve({"app": app(http_backend)}, DRAIN)
    path, port = server.path(), server.port
    statuses, enough = [], threading.Event()

    def shake_hands():
        while not enough.is_set():
            with RawSocket(port) as client:
                statuses.append(client.upgrade(path).status)

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(shake_hands) for _ in range(4)]
        try:
            until(lambda: len(statuses) > 50, "handshakes")
            successor = take_over(serve, server)
            before = len(statuses)
            assert server.process.wait(50) == 0
            until(lambda: len(statuses) > before + 50, "handshakes with the new one", 30)
        finally:
            enough.set()
        for client in running:
            client.result(30)
    assert set(statuses) == {101}
    assert successor.port == port
    # Every connection's end was told once, by whichever had it.
    opened = {told(request) for request in http_backend.seen("/connect")}
    assert len(opened) == len(statuses)
    ended = http_backend.received("/disconnect", len(opened), timeout=30)
    assert sorted(map(told, ended)) == sorted(opened)


def test_calls_reach_connections_that_the_old_one_still_drains(serve, busy, release):
    server, client, id = busy
    aws = take_over(serve, server).client()
    aws.post_to_connection(ConnectionId=id, Data="posted to the new one")
    assert client.recv(timeout=10) == "posted to the new one"
    info = aws.get_connection(ConnectionId=id)
    assert info["Identity"]["SourceIp"] == "127.0.0.1"
    release.set()
    assert client.recv(timeout=10) == "late"
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd.code == 1001
    assert server.process.wait(20) == 0
    with pytest.raises(ClientError) as gone:
        aws.post_to_connection(ConnectionId=id, Data="too late")
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_a_connection_that_the_old_one_drains_is_deleted_once(serve, busy, http_backend):
    server, client, id = busy
    aws = take_over(serve, server).client()
    aws.delete_connection(ConnectionId=id)
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd.code == 1000
    (ended,) = http_backend.received("/disconnect")
    assert (told(ended), told(ended, "code")) == (id, "1000")
    with pytest.raises(ClientError) as gone:
        aws.delete_connection(ConnectionId=id)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_the_old_one_reaches_connections_of_the_new_one(serve, busy, connect, http_backend):
    server, _, _ = busy
    # This connection stays with the old one, as those that SDKs keep do.
    with RawSocket(server.port) as kept:
        assert asked(kept, "GET", "/_gatepost/health").status == 200
        successor = take_over(serve, server)
        client = connect(successor.url())
        id = told(http_backend.received("/connect", 2)[1])
        posted = asked(kept, "POST", f"{server.path()}/@connections/{id}", body=b"by the old one")
        assert posted.status == 200
        assert client.recv(timeout=10) == "by the old one"
        # Whoever asks again asks the new one.
        assert posted.header("connection") == "close"


def test_an_sdk_that_tries_again_at_the_new_one_sends_nothing_twice(serve, busy):
    server, client, id = busy
    call = [("amz-sdk-invocation-id", "6f1c7a52-5b9b-4a7c-8a39-1b0f3a2c9d11")]

    def post(port, attempt):
        with RawSocket(port) as poster:
            path = f"{server.path()}/@connections/{id}"
            headers = [*call, ("amz-sdk-request", f"attempt={attempt}; max=3")]
            return asked(poster, "POST", path, headers=headers, body=b"once").status

    assert post(server.port, 1) == 200
    take_over(serve, server)
    assert post(server.port, 2) == 200
    with RawSocket(server.port) as poster:
        path = f"{server.path()}/@connections/{id}"
        assert asked(poster, "POST", path, body=b"last").status == 200
    assert [client.recv(timeout=10), client.recv(timeout=10)] == ["once", "last"]


def test_what_the_old_one_leaves_when_it_is_killed_is_the_new_ones(
    serve, busy, connect, http_backend
):
    server, _, id = busy
    successor = take_over(serve, server)
    server.stop(kill=True)
    (ended,) = http_backend.received("/disconnect", timeout=20)
    assert (told(ended), told(ended, "code")) == (id, "1006")
    with RawSocket(server.port) as poster:
        path = f"{server.path()}/@connections/{id}"
        assert asked(poster, "POST", path, body=b"x").status == 410
    # And it was told once, also when the new one starts again: one who comes and goes then is the next.
    successor.restart()
    connect(successor.url()).close()
    ended = http_backend.received("/disconnect", 2, timeout=20)
    assert told(ended[0]) == id and told(ended[1]) != id
    successor.stop()
    assert len(http_backend.seen("/disconnect")) == 2


def test_a_new_one_that_cannot_start_leaves_the_old_one_as_it_was(serve, connect, http_backend):
    server = serve({"app": app(http_backend)}, DRAIN)
    template = server.folder / "app" / "template.json"
    good = template.read_text()
    template.write_text("{")
    server.wait_event("reload-failed")
    with pytest.raises(StartFailed):
        serve.again(server.template, ["--take-over"])
    # One that fails late too: nobody may listen where this one's paths would be.
    template.write_text(good)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = {"GATEPOST_ADMIN__LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"}
        with pytest.raises(StartFailed):
            serve.again(server.template, ["--take-over"], port)
    connect(server.url())
    keys = server.aws("apigateway")
    assert keys.create_api_key(name="made after it")["name"] == "made after it"
    assert server.events("handed-over") == []
    take_over(serve, server)


def test_the_token_that_was_made_goes_when_one_with_a_configured_one_has_taken_over(
    serve, http_backend
):
    server = serve({"app": app(http_backend)}, DRAIN)
    left = server.folder / ".gatepost" / "admin-token"
    made = left.read_text()
    configured = {"GATEPOST_ADMIN__TOKEN": "of my own"}
    template = server.folder / "app" / "template.json"
    good = template.read_text()
    template.write_text("{")
    server.wait_event("reload-failed")
    with pytest.raises(StartFailed):
        serve.again(server.template, ["--take-over"], configured)
    # The old one serves on, and is asked with it.
    assert left.read_text() == made
    template.write_text(good)
    serve.again(server.template, ["--take-over"], configured)
    server.wait_event("handed-over")
    assert not left.exists()


def test_what_calls_made_is_served_by_the_new_one(serve, busy):
    server, _, _ = busy
    made = server.aws("apigateway").create_api_key(name="before", value="0123456789abcdefghij")
    token = (server.folder / server.ready["adminTokenFile"]).read_text()
    successor = take_over(serve, server)
    found = successor.aws("apigateway").get_api_key(apiKey=made["id"], includeValue=True)
    assert found["value"] == "0123456789abcdefghij"
    # Whoever read the token may go on with it.
    assert (server.folder / successor.ready["adminTokenFile"]).read_text() == token


def test_one_that_still_drains_another_is_not_taken_over(serve, busy):
    server, _, _ = busy
    take_over(serve, server)
    with pytest.raises(StartFailed) as refused:
        serve.again(server.template, ["--take-over"])
    assert "still drains" in refused.value.stderr


def test_without_a_running_one_there_is_nothing_to_take_over(serve, connect, http_backend):
    server = serve({"app": app(http_backend)}, OFF, ["--take-over"])
    connect(server.url())


def test_the_sockets_are_this_users_only(serve, http_backend):
    server = serve({"app": app(http_backend)})
    path = server.folder / ".gatepost" / "take-over.sock"
    assert path.is_socket() and path.stat().st_mode & 0o777 == 0o600


class Activated:
    """`gatepost serve` as systemd starts it: with listening sockets."""

    def __init__(self, configuration, sockets):
        self._configuration = configuration
        self._sockets = sockets
        self.process = None

    def start(self):
        names = [name for name, _ in self._sockets]
        numbers = [one.fileno() for _, one in self._sockets]
        first = 3

        def pass_on():
            # High first, so that none is lost on its way to its place.
            high = [os.dup2(number, 100 + at) for at, number in enumerate(numbers)]
            for at, number in enumerate(high):
                os.dup2(number, first + at)

        shell = 'LISTEN_PID=$$ exec "$0" serve --json --config "$1"'
        env = {**os.environ, "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}
        self.process = subprocess.Popen(
            ["sh", "-c", shell, str(BINARY), str(self._configuration)],
            cwd=self._configuration.parent,
            env=env,
            preexec_fn=pass_on,
            pass_fds=range(first, first + len(names)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=20)
        finally:
            self.process.kill()


def test_with_the_sockets_of_systemd_nobody_is_refused_between_two_runs(tmp_path, http_backend):
    configuration = write_configuration(tmp_path, {"app": app(http_backend)}, OFF)
    with (
        socket.create_server(("127.0.0.1", 0)) as public,
        socket.create_server(("127.0.0.1", 0)) as admin,
    ):
        server = Activated(configuration, [("gatepost.socket", public), ("admin", admin)])
        ports = {"public": public.getsockname()[1], "admin": admin.getsockname()[1]}

        def ask(port):
            with RawSocket(port) as client:
                return asked(client, "GET", "/_gatepost/errors/forgotten").status

        for _ in range(2):
            # It connects before anybody is there, and is answered when somebody is.
            with RawSocket(ports["public"]) as early:
                server.start()
                assert early.upgrade("/prod").status == 101
            # Gatepost's own paths are at the other.
            assert (ask(ports["public"]), ask(ports["admin"])) == (403, 401)
            stdout, stderr = server.stop()
            assert server.process.returncode == 0, stderr
            assert f'"port":{ports["public"]},' in stdout.replace(" ", "")


def test_the_sockets_of_systemd_serve_other_machines_only_if_that_is_allowed(
    tmp_path, http_backend
):
    configuration = write_configuration(tmp_path, {"app": app(http_backend)}, OFF)
    with socket.create_server(("0.0.0.0", 0)) as public:
        server = Activated(configuration, [("public", public)])
        server.start()
        assert server.process.wait(20) == 2
        assert "--allow-unauthenticated-remote" in server.process.stderr.read()


def test_a_second_socket_of_systemd_for_the_admin_paths_is_refused(tmp_path, http_backend):
    configuration = write_configuration(tmp_path, {"app": app(http_backend)}, OFF)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        server = Activated(configuration, [("admin", one), ("admin", other)])
        server.start()
        try:
            assert server.process.wait(20) == 2
        finally:
            _, said = server.stop()
        assert "LISTEN_FDS" in said and "FileDescriptorName=admin" in said


def test_who_comes_while_one_with_the_sockets_of_systemd_drains_is_told_to_come_again(
    tmp_path, http_backend, release
):
    http_backend.answer("/slow", delay=release, body="late")
    configuration = write_configuration(tmp_path, {"app": app(http_backend)}, DRAIN)
    with socket.create_server(("127.0.0.1", 0)) as public:
        server = Activated(configuration, [("gatepost.socket", public)])
        port = public.getsockname()[1]
        with RawSocket(port) as busy:
            server.start()
            assert busy.upgrade("/prod").status == 101
            busy.send(frame(TEXT, '{"action": "slow"}'))
            http_backend.received("/slow")
            server.process.send_signal(signal.SIGTERM)

            def status():
                with RawSocket(port) as client:
                    return client.upgrade("/prod").status

            until(lambda: status() == 503, "refused handshake")
            release.set()
            assert busy.read_message() == "late"
        server.stop()
        # Between two runs one waits.
        with RawSocket(port) as early:
            server.start()
            assert early.upgrade("/prod").status == 101
        server.stop()
