"""The command line: what a person types and sees."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import time

import pytest
from support.app import aws_client
from support.environment import BINARY
from support.fixtures import write_app
from support.poll import until
from support.talk import connection_id, silent_app
from support.template import Function, Mock, python, together, websocket_app


def run(*arguments, cwd=None, env=None):
    """One run of the program to its end."""
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )


@pytest.fixture
def talking(tmp_path):
    """`gatepost dev` as a person starts it, without `--json`: its lines on stdout until `Ready.`"""
    processes = []

    def start(template, *arguments, folder=tmp_path, env=None):
        write_app(folder, template, {})
        process = subprocess.Popen(
            [BINARY, "dev", "--port", "0", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "Ready.\n":
                break
        return process, lines

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_last_line_of_start_up_is_exactly_ready(talking):
    process, lines = talking(silent_app())
    assert lines[-1] == "Ready.\n"
    more, _, _ = select.select([process.stdout], [], [], 0.5)
    assert not more


def test_a_quiet_run_prints_no_traffic_but_keeps_the_functions_log(talking, connect):
    source = "def handler(event, context):\n    print('a line')\n    return {'statusCode': 200}"
    template = websocket_app({"$default": Function("Main")}, functions={"Main": python(source)})
    process, lines = talking(template, "--quiet")
    url = re.search(r"ws://\S+/prod", "".join(lines))[0]
    logs = aws_client("logs", url.replace("ws:", "http:").removesuffix("/prod"))
    [group] = logs.describe_log_groups()["logGroups"]
    connect(url).send("hello")
    until(
        lambda: logs.filter_log_events(logGroupName=group["logGroupName"])["events"],
        what="line of the function's log",
    )
    more, _, _ = select.select([process.stdout], [], [], 0.5)
    assert not more


def test_start_up_shows_the_urls_and_they_work(talking, connect):
    _, lines = talking(silent_app())
    text = "".join(lines)
    [url] = set(re.findall(r"ws://localhost:\d+/prod", text))
    assert connection_id(connect(url))
    assert url.replace("ws:", "http:") in text


def test_urls_name_the_address_that_localhost_does_not_reach(talking, connect):
    _, lines = talking(silent_app(), "--listen", "127.0.0.2")
    url = re.search(r"ws://\S+/prod", "".join(lines))[0]
    assert url.startswith("ws://127.0.0.2:")
    assert connection_id(connect(url))


def test_functions_reach_gatepost_by_its_address_and_not_by_its_public_name(dev):
    """A proxy stands between the public name and Gatepost, and knows no AWS API."""
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)"
    app = dev(
        websocket_app({"$default": Function("Main")}, functions={"Main": python(source)}),
        env={"GATEPOST_SERVER__PUBLIC_NAME": "ws.example.com"},
    )
    assert app.url() == "ws://ws.example.com/prod"
    here = f"http://localhost:{app.port}"
    answer = app.aws("lambda", here).invoke(FunctionName=app.function("Main"))
    environment = json.loads(answer["Payload"].read())
    assert environment["AWS_ENDPOINT_URL_LAMBDA"] == here
    assert environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] == f"{here}/prod"


def test_other_machines_are_served_only_when_told_so(tmp_path):
    write_app(tmp_path, silent_app(), {})
    done = run("dev", "--port", "0", "--listen", "0.0.0.0", cwd=tmp_path)
    assert done.returncode == 2
    assert "--allow-unauthenticated-remote" in done.stderr


def test_a_refused_post_is_a_line_on_the_terminal(talking, connect):
    """Who, what, why, and what to do: without `--json` too."""
    process, lines = talking(silent_app())
    url = re.search(r"ws://\S+/prod", "".join(lines))[0]
    client = connect(url)
    own = connection_id(client)
    client.close()
    poster = aws_client("apigatewaymanagementapi", url.replace("ws:", "http:"))
    with pytest.raises(poster.exceptions.GoneException):
        poster.post_to_connection(ConnectionId=own, Data=b"late")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    [line] = [line for line in (out + err).splitlines() if "410" in line and own in line]
    assert "closed by the client" in line
    assert "delete the id" in out + err


def test_what_a_caller_names_is_no_line_of_its_own_on_the_terminal(talking):
    process, lines = talking(silent_app())
    url = re.search(r"ws://\S+/prod", "".join(lines))[0]
    v2 = aws_client("apigatewayv2", url.replace("ws:", "http:").removesuffix("/prod"))
    v2.create_vpc_link(Name="a\nwarning: all is \x1b[31mlost", SubnetIds=["s"])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    [line] = [line for line in err.splitlines() if "lost" in line]
    assert line.startswith("warning: the VPC link `a\\nwarning: all is \\u{1b}[31mlost` leads nowhere")
    assert "\x1b" not in err


def test_a_refused_handshake_is_a_line_on_the_terminal(talking, raw_socket):
    """Where, who, which request, why, and what to do."""
    app = {
        "$connect": Function("Break"),
        "$default": Mock(),
    }
    source = "def handler(event, context):\n    raise Exception('no table')\n"
    process, lines = talking(websocket_app(app, {"Break": source}))
    port = int(re.search(r"ws://localhost:(\d+)/prod", "".join(lines))[1])
    refusal = raw_socket(port).upgrade("/prod").json()
    nowhere = raw_socket(port).upgrade("/nowhere")
    assert nowhere.status == 403
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=10)
    [line] = [line for line in out.splitlines() if "502 handshake refused" in line]
    assert f" on prod from 127.0.0.1 (request {refusal['requestId']}): " in line
    assert "customer function error: no table" in line
    assert "(integration-failure). To mend it: `gatepost why REQUEST_ID`" in line
    [line] = [line for line in out.splitlines() if "403 handshake refused" in line]
    assert " from 127.0.0.1: GET /nowhere: " in line


def test_the_template_is_found_by_its_usual_names(tmp_path):
    """`template.yaml`, `.yml`, `.json`: here each is found, and is wrong."""
    for name in ("template.yaml", "template.yml", "template.json"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("[]")
        done = run("dev", "--port", "0", cwd=folder)
        assert done.returncode == 1
        assert f"{name}:" in done.stderr


def test_without_a_template_it_says_what_it_looked_for(tmp_path):
    done = run("dev", cwd=tmp_path)
    assert done.returncode == 1
    assert "template.yaml" in done.stderr
    assert "panicked" not in done.stderr


def test_a_template_that_is_not_there_is_named(tmp_path):
    done = run("dev", "nowhere.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere.yaml" in done.stderr


def test_a_port_in_use_is_named_with_the_mend(tmp_path):
    write_app(tmp_path, silent_app(), {})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("dev", "--port", port, cwd=tmp_path)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["dev", "--prot", "1"], ["dev", "--port", "many"], ["dev", "--port", "70000"], ["dve"], []],
)
def test_wrong_words_are_a_usage_error(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "--help" in done.stderr or "Usage" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["dev", "--help"], ["connect", "--help"], ["demo", "--help"]]
)
def test_help_has_an_example(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"[Ee]xample", done.stdout)
    assert "gatepost " in done.stdout


def test_help_names_nothing_that_is_not_there():
    text = run("--help").stdout
    assert re.search(r"^\s+dev\b", text, re.M)
    assert not re.search(r"^\s+(apply|export|console)\b", text, re.M)


def test_the_version_is_that_of_the_package():
    assert re.fullmatch(r"gatepost \d+\.\d+\.\d+\n", run("--version").stdout)


def test_an_unknown_key_of_the_configuration_is_refused_with_a_suggestion(dev):
    refused = dev.refused(silent_app(), config='[limits]\nidle_timout = "1s"')
    assert "idle_timout" in refused.stderr
    assert "idle_timeout" in refused.stderr


@pytest.mark.parametrize("value", ['"soon"', "-1", '"0s"', "[]"])
def test_a_value_that_cannot_be_is_refused_with_its_key(dev, value):
    refused = dev.refused(silent_app(), config=f"[limits]\nidle_timeout = {value}")
    assert "idle_timeout" in refused.stderr


def test_a_variable_overrules_the_file(dev, connect):
    app = dev(
        silent_app(),
        config='[limits]\nidle_timeout = "10m"',
        env={"GATEPOST_LIMITS__IDLE_TIMEOUT": "1s"},
    )
    with pytest.raises(Exception) as ended:
        connect(app.url()).recv(timeout=5)
    assert ended.value.rcvd.code == 1001


def test_an_unknown_variable_is_refused(dev):
    refused = dev.refused(silent_app(), env={"GATEPOST_LIMITS__IDLE_TIMOUT": "1s"})
    assert "idle_timeout" in refused.stderr


def test_an_unknown_parameter_is_refused(dev):
    assert "Nmae" in dev.refused(silent_app(), parameter=["Nmae=x"]).stderr


def test_it_listens_on_loopback_only_by_default(dev, raw_socket):
    app = dev(silent_app())
    assert raw_socket(app).upgrade("/prod").status == 101
    with open("/proc/net/tcp") as table:
        sockets = [line.split() for line in table][1:]
    # Others' connections may have the port too, so only those that listen (0A).
    addresses = [socket[1] for socket in sockets if socket[3] == "0A"]
    here = [address for address in addresses if address.endswith(f":{app.port:04X}")]
    assert here and all(address.startswith("0100007F:") for address in here)


def test_it_listens_on_the_ipv6_loopback_too(dev):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    app = dev(silent_app())
    with socket.create_connection(("::1", app.port), timeout=5):
        pass


def test_state_lies_beside_the_template_and_is_ignored_by_git(dev):
    app = dev(silent_app())
    state = app.folder / ".gatepost"
    assert (state / ".gitignore").read_text().strip() == "*"
    for key in state.rglob("*key*"):
        assert key.stat().st_mode & 0o077 == 0, key


def test_json_is_one_document_a_line_and_nothing_else(dev, connect):
    app = dev(silent_app())
    connection_id(connect(app.url()))
    app.stop()
    assert app.events("not-json") == []
    assert all(isinstance(event["event"], str) for event in app.events())
    assert app.ready["version"] == 1
    assert json.loads(app.stdout.splitlines()[0])


def test_the_ready_event_names_everything_a_program_needs(dev):
    template = websocket_app(
        {"$connect": "Main"},
        {"Main": python("def handler(e, c): return {'statusCode': 200}")},
        api="Chat",
    )
    template["Outputs"] = {"Id": {"Value": {"Ref": "Chat"}}}
    app = dev(template)
    [api] = app.ready["apis"]
    assert (api["name"], api["logicalId"]) == ("chat", "Chat")
    assert api["stages"] == [
        {
            "stage": "prod",
            "url": f"ws://localhost:{app.port}/prod",
            "callbackUrl": f"http://localhost:{app.port}/prod",
        }
    ]
    [function] = app.ready["functions"]
    assert function["logicalId"] == "Main"
    assert function["name"] == f"{app.folder.name}-Main"
    assert function["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{function['name']}"
    assert app.ready["outputs"] == {"Id": api["apiId"]}
    assert app.ready["httpUrl"] == f"http://localhost:{app.port}"
    assert app.ready["httpsUrl"] == f"https://localhost:{app.port}"


def test_of_several_apis_each_has_its_own_url(dev, connect):
    app = dev(together(silent_app(api="One"), silent_app(api="Two")))
    for name in ("One", "Two"):
        api_id = app.api(name)["apiId"]
        assert app.url(api=name) == f"ws://localhost:{app.port}/_aws/execute-api/{api_id}/prod"
        assert connection_id(connect(app.url(api=name)))


def test_an_app_of_20_functions_is_ready_in_no_time(dev):
    """Processes start on first use. The goal is 300 ms; a busy test machine gets ten times that."""
    source = "def handler(event, context):\n    return {'statusCode': 200}\n"
    names = [f"F{number}" for number in range(20)]
    template = websocket_app(
        {name.lower(): name for name in names}, {name: python(source) for name in names}
    )
    started = time.monotonic()
    dev(template)
    assert time.monotonic() - started < 3


def test_the_connect_client_shows_a_refused_handshake_whole(dev):
    app = dev(websocket_app({"$connect": "Main"}, {"Main": "def handler(e, c): 1 / 0"}))
    done = run("connect", app.url())
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "502" in said
    assert '"message": "Internal server error"' in said


def test_the_connect_client_sends_lines_and_shows_frames_and_the_close(dev):
    app = dev(websocket_app({"$default": Mock("echo of $context.routeKey")}))
    process = subprocess.Popen(
        [BINARY, "connect", app.url()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == "echo of $default\n"
        app.stop()
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert "1001" in out + err
    assert "Going away" in out + err
