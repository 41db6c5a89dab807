"""`gatepost serve`: the production server."""

import contextlib
import json
import signal
import socket
import ssl
import stat
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.app import StartFailed
from support.environment import BINARY
from support.fixtures import dedent, write_app
from support.keys import usage_plan
from support.poll import until
from support.serve import KEY, OFF, SIGNED
from support.talk import connection_id, say, silent_app
from support.template import Function, Http, Mock, Service, permission, websocket_app
from support.tls_backend import Pki
from websockets.sync.client import connect

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


@contextlib.contextmanager
def again(server, *flags):
    """The server once more with these flags instead of `--json`, on the port of before."""
    server.stop()
    command = [part for part in server.command if part != "--json"] + list(flags)
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {**server.env, "GATEPOST_SERVER__LISTEN": f"127.0.0.1:{server.port}"}
    process = subprocess.Popen(command, cwd=server.folder, env=env, text=True, **outputs)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_start(process):
    """What is said until it is ready."""
    lines = []
    while not lines or not (lines[-1] == "Ready." or '"ready"' in lines[-1]):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line.rstrip("\n"))
    return lines


@pytest.mark.parametrize("flags", [["--json"], []], ids=["json", "text"])
def test_a_server_whose_output_nobody_reads_any_more_serves_on(serve, flags):
    server = serve({"app": hello("before")})
    with again(server, *flags) as process:
        read_start(process)
        process.stdout.close()
        process.stderr.close()
        with (server.folder / "gatepost.toml").open("a") as config:
            config.write('[limits]\nidle_timeout = "1h"\n')
        write_app(server.folder / "app", hello("after"), {})
        process.send_signal(signal.SIGHUP)
        until(lambda: hear(server.url()) == "after", "the changed template", 10)
        process.terminate()
        assert process.wait(10) == 0


def with_notes():
    """An app with something that nothing acts on, a URL of AWS, and a call that leads there."""
    template = hello("same")
    template["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
    url = "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod"
    template["Outputs"] = {"Url": {"Value": {"Fn::Sub": url}}}
    return template


def test_people_read_where_each_stage_is_and_what_is_not_as_on_aws(serve):
    server = serve({"app": with_notes(), "other": hello("other")})
    assert server.ready["notActedOn"] == {"AWS::SQS::Queue": ["Queue"]}
    [note] = server.ready["notes"]
    assert note.startswith("Rewritten: Outputs: Url: https://")
    with again(server) as process:
        said = read_start(process)
    for api in server.ready["apis"]:
        assert f"API api ({api['apiId']})" in said
        assert f"  WebSocket     {api['stages'][0]['url']}" in said
    assert "  AWS::SQS::Queue  Queue" in said
    assert note in said


def test_a_service_at_aws_itself_is_warned_of(serve, tmp_path):
    calls = websocket_app({"$default": Service("sqs:path/1/q", "Action=SendMessage", "a/b")})
    server = serve({"app": calls}, env={"HOME": tmp_path})
    said = [event["text"] for event in server.events("warning")]
    assert any("would call the real AWS (sqs in us-east-1)" in text for text in said), said


def test_a_server_without_apis_says_so(serve):
    server = serve({})
    said = [event["text"] for event in server.events("warning")]
    assert (
        "there is no API yet: name what to serve in [server] templates, or deploy it by calls of "
        "apigatewayv2"
    ) in said


def hang_up(server):
    """Sends SIGHUP, and waits until the templates were read: the event of that."""
    def outcomes():
        return server.events("reloaded") + server.events("reload-failed")

    before = len(outcomes())
    server.process.send_signal(signal.SIGHUP)
    until(lambda: len(outcomes()) > before, "an outcome")


def test_a_hang_up_shows_a_new_certificate_and_keeps_the_old_one_of_a_broken_pair(serve, tmp_path):
    pki = Pki(tmp_path)
    (old, old_key), (new, new_key) = pki.client_files("old"), pki.client_files("new")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def become(chain, of):
        certificate.write_bytes(chain)
        key.write_bytes(of.read_bytes())

    def is_shown(chain):
        pem = ssl.get_server_certificate(("127.0.0.1", server.port))
        return pem.strip() in chain.read_text()

    become(old.read_bytes(), old_key)
    files = {"CERTIFICATE": certificate, "KEY": key}
    server = serve(
        {"app": silent_app()}, env={f"GATEPOST_SERVER__TLS_{k}": v for k, v in files.items()}
    )
    assert is_shown(old)
    for chain, of in [(b"broken", new_key), (new.read_bytes(), old_key)]:
        become(chain, of)
        before = len(server.events("warning"))
        hang_up(server)
        said = [event["text"] for event in server.events("warning")[before:]]
        assert any(text.endswith("the old certificate is shown on") for text in said), said
        assert is_shown(old)
    become(new.read_bytes(), new_key)
    hang_up(server)
    assert is_shown(new)


def test_a_hang_up_with_a_broken_template_tells_each_mistake_and_serves_the_old_one(serve):
    server = serve({"app": hello("before")})
    broken = hello("after")
    broken["Resources"]["Api"]["Properties"]["Wrong"] = 1
    broken["Resources"]["ApiStage"]["Properties"]["False"] = 1
    write_app(server.folder / "app", broken, {})
    server.process.send_signal(signal.SIGHUP)
    errors = server.wait_event("reload-failed")["errors"]
    assert len(errors) == 2
    assert all(error.startswith("app/template.") for error in errors), errors
    assert hear(server.url()) == "before"


def test_a_hang_up_tells_that_a_removed_access_key_still_works(serve):
    server = serve({"app": silent_app()}, SIGNED)
    file = server.folder / "gatepost.toml"
    text = file.read_text()
    file.write_text(text[: text.index("[auth.")])
    server.process.send_signal(signal.SIGHUP)
    gone = ", where it is no longer: auth.access_keys."
    still = "needs a restart; until then what was set before goes on working"
    server.wait_event(
        "warning", lambda event: gone in event["text"] and event["text"].endswith(still)
    )
    with connect(server.url()) as client:
        id = connection_id(client)
        server.client(key=KEY).post_to_connection(ConnectionId=id, Data=b"signed")
        assert client.recv(timeout=10) == "signed"


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


def with_parameter(name, reply):
    """An app that replies with a parameter, which has no default."""
    template = hello({"Fn::Sub": reply})
    return {**template, "Parameters": {name: {"Type": "String"}}}


def test_parameters_of_templates_are_configured(serve):
    apps = {
        "one": with_parameter("Greeting", "${Greeting} from one"),
        "two": with_parameter("Greeting", "${Greeting} from two"),
        "three": with_parameter("Only", "${Only}"),
    }
    parameters = """
        [server.parameters]
        Greeting = "hello"
        Only = "three"
        [auth]
        mode = "off"
        """
    server = serve(apps, parameters)
    heard = {hear(api["stages"][0]["url"]) for api in server.ready["apis"]}
    assert heard == {"hello from one", "hello from two", "three"}
    shown = subprocess.run(
        [BINARY, "config"], cwd=server.folder, capture_output=True, text=True, timeout=20
    )
    assert 'parameters = {Greeting = "****", Only = "****"}' in shown.stdout
    assert "hello" not in shown.stdout


def test_a_parameter_that_lacks_a_value_or_a_template_is_named_with_its_place(serve):
    with pytest.raises(StartFailed) as refused:
        serve({"app": with_parameter("Greeting", "${Greeting}")})
    mend = 'give one in [server.parameters]: Greeting = "…"'
    assert mend in refused.value.stderr
    with pytest.raises(StartFailed) as refused:
        serve({"app": hello("same")}, '[server.parameters]\nGreting = "hello"\n' + dedent(OFF))
    assert "[server.parameters] Greting: no template has such a parameter" in refused.value.stderr


def test_a_taken_port_is_told_with_the_key_that_chose_it(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for section in ("server", "admin"):
            with pytest.raises(StartFailed) as refused:
                serve({"app": silent_app()}, env={f"GATEPOST_{section.upper()}__LISTEN": address})
            assert f"{address} cannot be listened on: " in refused.value.stderr
            assert f"; choose another in [{section}] listen" in refused.value.stderr


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
