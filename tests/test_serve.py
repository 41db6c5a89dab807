"""`gatepost serve`: the production server."""

import json
import signal
import socket
import stat
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.app import App, StartFailed
from support.environment import BINARY
from support.fixtures import dedent, write_app
from support.keys import usage_plan
from support.poll import until
from support.talk import connection_id, say, silent_app
from support.template import Function, Http, Mock, permission, websocket_app
from websockets.sync.client import connect

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SIGNED = """
    [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
    secret_env = "SECRET_OF_ANN"
    user = "ann"
    policies = [{Version = "2012-10-17", Statement = [
        {Effect = "Allow", Action = ["execute-api:*", "apigateway:*"], Resource = "*"}]}]
    """
OFF = """
    [auth]
    mode = "off"
    """


class Server(App):
    """`gatepost serve --json` on free ports."""

    def _start(self):
        self.command = [str(BINARY), "serve", "--json", *self.command[4:]]
        super()._start()


@pytest.fixture
def serve(tmp_path):
    """Starts `gatepost serve` in a folder with these templates, by the names of their folders."""
    servers = []

    def start(templates, config=OFF, arguments=(), env=None):
        files = []
        for name, template in templates.items():
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            files.append(str(write_app(tmp_path / name, template, {}).relative_to(tmp_path)))
        listening = f'''
            [server]
            listen = ["127.0.0.1:0"]
            templates = {json.dumps(files)}
            [admin]
            listen = "127.0.0.1:0"
            '''
        (tmp_path / "gatepost.toml").write_text(dedent(listening) + dedent(config))
        server = Server(tmp_path / "gatepost.toml", arguments, {"SECRET_OF_ANN": KEY[1], **(env or {})})
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
        assert "panicked" not in server.stderr, server.transcript()


@pytest.fixture
def release():
    """Set, it lets a delayed backend answer; at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def ask(url, token=None, **headers):
    """Status and JSON of a GET."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def hello(text):
    return websocket_app({"say": Mock(text), "$default": Mock()})


def hear(url):
    with connect(url) as client:
        say(client, "say")
        return client.recv(timeout=10)


def test_several_templates_are_served_side_by_side(serve):
    server = serve({"one": hello("first"), "two": hello("second")})
    heard = {hear(api["stages"][0]["url"]) for api in server.ready["apis"]}
    assert heard == {"first", "second"}
    assert len({api["apiId"] for api in server.ready["apis"]}) == 2


def test_signatures_are_verified_unless_off_is_spelled_out(serve):
    server = serve({"app": silent_app()}, SIGNED)
    with connect(server.url()) as client:
        id = connection_id(client)
        stranger = server.client(key=("AKIAIOSFODNN7STRANGE", "no such key"))
        with pytest.raises(ClientError) as refused:
            stranger.post_to_connection(ConnectionId=id, Data=b"x")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        server.client(key=KEY).post_to_connection(ConnectionId=id, Data=b"signed")
        assert client.recv(timeout=10) == "signed"


def test_off_is_said_aloud_and_serves_this_machine_only(serve):
    server = serve({"app": silent_app()})
    said = [event["text"] for event in server.events("warning")]
    assert any("WHOEVER REACHES THIS SERVER MAY DO EVERYTHING" in text for text in said), said
    everywhere = {"GATEPOST_SERVER__LISTEN": "0.0.0.0:0", "GATEPOST_STORE__PATH": "other"}
    with pytest.raises(StartFailed) as refused:
        serve({"app": silent_app()}, env=everywhere)
    assert refused.value.status == 2
    assert "--allow-unauthenticated-remote" in refused.value.stderr


def test_health_and_readiness_are_public_and_all_else_needs_the_token(serve):
    server = serve({"app": silent_app()})
    public, admin = server.ready["httpUrl"], server.ready["adminUrl"]
    token_file = Path(server.folder, server.ready["adminTokenFile"])
    token = token_file.read_text()
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    for base in (public, admin):
        assert ask(f"{base}/_gatepost/health") == (200, b'{"status":"ok"}')
        status, body = ask(f"{base}/_gatepost/ready")
        assert (status, json.loads(body)["status"], json.loads(body)["apis"]) == (200, "ready", 1)
    page = "/_gatepost/errors/forgotten"
    assert ask(admin + page)[0] == 401
    assert ask(admin + page, token="0" * 64)[0] == 401
    assert ask(admin + page, token)[0] == 200
    # Not even the token opens it where clients connect.
    assert ask(public + page, token)[0] == 403
    assert token not in server.transcript()


def test_the_admin_listener_serves_nothing_else(serve):
    server = serve({"app": silent_app()})
    token = Path(server.folder, server.ready["adminTokenFile"]).read_text()
    assert ask(f"{server.ready['adminUrl']}/v2/apis", token)[0] == 404
    with pytest.raises(Exception, match="404|401|403"):
        connect(server.ready["adminUrl"].replace("http", "ws") + server.path())


def test_the_admin_token_is_the_configured_one(serve):
    server = serve(
        {"app": silent_app()}, OFF, env={"GATEPOST_ADMIN__TOKEN_ENV": "MINE", "MINE": "of my own"}
    )
    assert server.ready["adminTokenFile"] is None
    assert ask(f"{server.ready['adminUrl']}/_gatepost/errors/forgotten", "of my own")[0] == 200


def test_a_changed_template_is_served_to_live_connections(serve):
    server = serve({"app": hello("before")})
    with connect(server.url()) as client:
        write_app(server.folder / "app", hello("after"), {})
        server.wait_event("reloaded")
        say(client, "say")
        assert client.recv(timeout=10) == "after"


def test_a_hang_up_says_what_needs_a_restart(serve):
    server = serve({"app": hello("same")})
    with (server.folder / "gatepost.toml").open("a") as config:
        config.write("[limits]\nidle_timeout = \"1h\"\n")
    server.process.send_signal(signal.SIGHUP)
    needs = "limits.idle_timeout needs a restart"
    server.wait_event("warning", lambda event: event["text"].endswith(needs))
    server.wait_event("reloaded")


@pytest.mark.parametrize("output", ["--json", None])
def test_a_server_whose_output_nobody_reads_any_more_serves_on(serve, output):
    server = serve({"app": hello("before")})
    server.stop()
    command = [part for part in server.command if part != "--json"] + [output] * bool(output)
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # On the port of before, which a text does not tell.
    env = {**server.env, "GATEPOST_SERVER__LISTEN": f"127.0.0.1:{server.port}"}
    process = subprocess.Popen(command, cwd=server.folder, env=env, text=True, **outputs)
    try:
        while not ("Ready." in (line := process.stdout.readline()) or '"ready"' in line):
            assert line, process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        with (server.folder / "gatepost.toml").open("a") as config:
            config.write('[limits]\nidle_timeout = "1h"\n')
        write_app(server.folder / "app", hello("after"), {})
        process.send_signal(signal.SIGHUP)
        until(lambda: hear(server.url()) == "after", "the changed template", 10)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_two_templates_may_not_make_the_same(serve):
    with pytest.raises(StartFailed) as refused:
        serve({"app": hello("one"), "other/app": hello("two")})
    assert "is another template's too" in refused.value.stderr
    # The command line is right.
    assert refused.value.status == 1


def test_two_templates_may_not_make_the_same_usage_plan(serve):
    apps = {
        folder: websocket_app(
            {"$default": Mock()}, api=api, resources=usage_plan(stages=[(api, "prod")])
        )
        for folder, api in {"app": "One", "other/app": "Two"}.items()
    }
    with pytest.raises(StartFailed) as refused:
        serve(apps)
    assert "the usage plan" in refused.value.stderr
    assert "is another template's too" in refused.value.stderr


def test_a_second_template_may_let_others_invoke_a_function_of_the_first(serve):
    replies = """
def handler(event, context):
    return {"statusCode": 200, "body": "ran"}
"""
    one = websocket_app({"say": Function("Main", two_way=True)}, {"Main": replies})
    two = hello("second")
    two["Resources"]["Other"] = permission("Main")
    two["Resources"]["Other"]["Properties"] |= {
        "FunctionName": "one-Main", "SourceAccount": "123456789012"
    }
    server = serve({"one": one, "two": two})
    heard = {hear(api["stages"][0]["url"]) for api in server.ready["apis"]}
    assert heard == {"ran", "second"}


def test_termination_closes_connections_and_ends_well(serve):
    server = serve({"app": silent_app()})
    with connect(server.url()) as client:
        server.process.terminate()
        with pytest.raises(Exception, match="1001"):
            client.recv(timeout=10)
    assert server.process.wait(10) == 0


def test_a_server_that_drains_is_not_ready_and_a_second_signal_hurries_it(
    serve, http_backend, release
):
    http_backend.answer("/disconnect", delay=release)
    server = serve({"app": websocket_app({"$disconnect": Http(f"{http_backend.url}/disconnect")})})
    ready = f"{server.ready['adminUrl']}/_gatepost/ready"
    assert ask(ready) == (200, b'{"status":"ready","apis":1,"connections":0}')
    with connect(server.url()):
        server.process.terminate()
        http_backend.received("/disconnect")
        assert ask(ready) == (503, b'{"status":"draining","apis":1,"connections":0}')
        # It is alive all the same.
        assert ask(ready.replace("ready", "health"))[0] == 200
        server.process.terminate()
        assert server.process.wait(10) == 0


def test_systemd_is_told(serve, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(10)
        server = serve({"app": silent_app()}, env={"NOTIFY_SOCKET": path})
        assert notify.recv(100) == b"READY=1"
        server.stop()
        assert notify.recv(100) == b"STOPPING=1"
