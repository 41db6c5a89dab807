"""What Gatepost does when its machine fails it: a full disk, no file descriptors."""

import contextlib
import re
import resource
import subprocess
from pathlib import Path

import pytest
from support.app import App
from support.fixtures import write_app
from support.poll import until
from support.template import Http, Mock, websocket_app
from support.wire import Ended, RawSocket, request

TOLD = {"integration.request.header.Told-Id": "context.connectionId"}


class Confined(App):
    """`gatepost dev` with a limit of the system's on it: the letter of bash's `ulimit`, what it may be,
    and to what it may be raised."""

    def __init__(self, limit, soft, hard, template, arguments=(), env=None):
        self.limits = (limit, soft, hard)
        super().__init__(template, arguments, env)

    def _start(self):
        limit, soft, hard = self.limits
        shell = f'ulimit -S{limit} {soft}; ulimit -H{limit} {hard}; exec "$0" "$@"'
        if self.command[0] != "bash":
            self.command = ["bash", "-c", shell, *self.command]
        super()._start()


@pytest.fixture
def confined(tmp_path):
    """Starts an app under a limit of bash's `ulimit`."""
    started = []

    def start(limit, most, template, config="", hard=None):
        arguments = ["--port", "0"]
        if config:
            (tmp_path / "gatepost.toml").write_text(config)
            arguments += ["--config", str(tmp_path / "gatepost.toml")]
        started.append(Confined(limit, most, hard or most, write_app(tmp_path, template, {}), arguments))
        return started[-1]

    yield start
    for app in started:
        app.stop()
        assert "panicked" not in app.stderr, app.transcript()


def shake_hands(app):
    """The status of a handshake; `None` when there is none."""
    with contextlib.suppress(Ended, OSError), RawSocket(app.port) as raw:
        return raw.upgrade("/prod").status
    return None


def test_without_file_descriptors_live_connections_go_on_and_others_come_when_there_are_some(
    confined, raw_socket
):
    # More sockets may be open than there are descriptors for.
    config = "[limits]\nmax_sockets = 100000\n"
    app = confined("n", 100, websocket_app({"$default": Mock("hello")}), config)
    client = raw_socket(app)
    assert client.upgrade("/prod").status == 101
    with contextlib.ExitStack() as sockets:
        for _ in range(150):
            sockets.enter_context(RawSocket(app.port))
        client.send(b"\x81\x82\x00\x00\x00\x00{}")
        assert client.read_message() == "hello"
        # Waits in the system's queue, and is not refused by it.
        early = sockets.enter_context(RawSocket(app.port, timeout=0.5))
        with pytest.raises(TimeoutError):
            early.upgrade("/prod")
    until(lambda: shake_hands(app) == 101, "a handshake once there are descriptors", 20)


def test_by_itself_it_opens_fewer_sockets_than_there_are_file_descriptors(confined, raw_socket):
    app = confined("n", 200, websocket_app({"$default": Mock("hello")}))
    client = raw_socket(app)
    assert client.upgrade("/prod").status == 101
    with contextlib.ExitStack() as sockets:
        many = [sockets.enter_context(RawSocket(app.port)) for _ in range(250)]
        until(lambda: sum(one.is_ended(timeout=0.01) for one in many) > 100, "closed sockets", 20)
        client.send(b"\x81\x82\x00\x00\x00\x00{}")
        assert client.read_message() == "hello"
    until(lambda: shake_hands(app) == 101, "room again", 20)
    assert 'gatepost_limits_total{limit="max_sockets"}' in metrics(app)


@pytest.mark.parametrize("config", ["", "[limits]\nmax_sockets = 300\n"])
def test_the_limit_of_file_descriptors_is_raised_however_many_sockets_may_be_open(
    confined, config
):
    app = confined("n", 100, websocket_app({"$default": Mock("hello")}), config, hard=400)
    assert resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE) == (400, 400)
    with contextlib.ExitStack() as sockets:
        for _ in range(150):
            assert sockets.enter_context(RawSocket(app.port)).upgrade("/prod").status == 101


def metrics(app):
    """The page of metrics."""
    return request(app.port, "GET", "/_gatepost/metrics").body.decode()


#: The bit of Linux's CAP_SYS_ADMIN.
CAP_SYS_ADMIN = 1 << 21


def may_mount():
    """Whether the system lets this process mount: it lets root, unless its container does not."""
    status = Path("/proc/self/status").read_text()
    [effective] = re.findall(r"^CapEff:\s+([0-9a-f]+)$", status, re.M)
    return bool(int(effective, 16) & CAP_SYS_ADMIN)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, of two megabytes. Who may mount one and cannot has failed."""
    if not may_mount():
        pytest.skip("this process may not mount a disk (CAP_SYS_ADMIN): run it as root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "gatepost-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_with_a_full_disk_what_is_open_goes_on_and_what_cannot_be_promised_is_refused(
    small_disk, connect, http_backend
):
    url = http_backend.url
    template = websocket_app(
        {
            "$connect": Http(f"{url}/connect", TOLD),
            "$disconnect": Http(f"{url}/disconnect", TOLD),
            "$default": Mock("hello"),
        }
    )
    app = App(write_app(small_disk, template, {}), ["--port", "0"])
    try:
        client = connect(app.url())
        id = http_backend.received("/connect")[0].headers["told-id"][0]
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        # Its `$disconnect` could not be promised: nobody is asked.
        until(lambda: shake_hands(app) == 503, "a refused handshake", 20)
        connects = len(http_backend.seen("/connect"))
        assert shake_hands(app) == 503
        assert len(http_backend.seen("/connect")) == connects
        # Who is there is served.
        client.send("{}")
        assert client.recv(timeout=10) == "hello"
        app.client().post_to_connection(ConnectionId=id, Data="posted")
        assert client.recv(timeout=10) == "posted"
        # And once there is room, all is as before, without a restart.
        filler.unlink()
        until(lambda: shake_hands(app) == 101, "a handshake", 20)
        client.close()
        until(
            lambda: id in [r.headers["told-id"][0] for r in http_backend.seen("/disconnect")],
            "the $disconnect of the first",
            20,
        )
        app.restart()
        connect(app.url())
    finally:
        app.stop()
    assert "panicked" not in app.stderr, app.transcript()
