"""Functions behind an Invoke endpoint: all of them, or one by its name."""

import json
import socket
import subprocess

import pytest
from support.environment import BINARY as GATEPOST
from support.misbehaving import Misbehaving
from support.poll import until
from support.talk import say
from support.template import Function, python, websocket_app

#: What the Runtime Interface Emulator calls every function.
EMULATOR = "/2015-03-31/functions/function/invocations"
ELSEWHERE = "arn:aws:lambda:us-east-1:000000000000:function:elsewhere"
REPLIES = """
def handler(event, context):
    return {"statusCode": 200, "body": context.invoked_function_arn}
"""


def uri(function_arn):
    return {
        "IntegrationUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
        f"{function_arn}/invocations"
    }


def remote(function_arn=ELSEWHERE):
    """A two-way route to a function that the template does not have."""
    return Function("Local", two_way=True, integration=uri(function_arn))


def heard(client, action):
    say(client, action)
    return client.recv(timeout=10)


def frame(client, action):
    return json.loads(heard(client, action))["message"]


def disconnected(app, own):
    """What `gatepost why` says of the `$disconnect` route of a connection."""
    command = [GATEPOST, "why", own, "--json"]
    done = subprocess.run(command, cwd=app.folder, stdout=subprocess.PIPE, timeout=30, check=True)
    texts = [event["text"] for event in json.loads(done.stdout)["timeline"]]
    return next((text for text in texts if text.startswith("$disconnect ")), None)


def one_at(url, routes=None):
    template = websocket_app(
        routes or {"far": remote(), "near": Function("Local", two_way=True)}, {"Local": REPLIES}
    )
    return template, f'[functions.endpoints]\nelsewhere = "{url}"\n'


def test_functions_of_another_gatepost_answer(dev, connect):
    named = python(REPLIES, FunctionName="elsewhere", AutoPublishAlias="live")
    other = dev(websocket_app({"x": Function("There")}, {"There": named}))
    routes = {
        "far": remote(),
        "alias": remote(f"{ELSEWHERE}:live"),
        "none": remote(f"{ELSEWHERE}:old"),
        "variable": remote(ELSEWHERE.replace("elsewhere", "${stageVariables.fn}")),
    }
    template = websocket_app(
        routes, {"Local": REPLIES}, stage_properties={"StageVariables": {"fn": "elsewhere"}}
    )
    app = dev(template, config=f'[functions]\nendpoint = "{other.ready["httpUrl"]}"\n')
    client = connect(app.url())
    assert heard(client, "far") == ELSEWHERE
    assert heard(client, "alias") == f"{ELSEWHERE}:live"
    assert heard(client, "variable") == ELSEWHERE
    assert frame(client, "none") == "Internal server error"


def test_one_function_runs_in_an_emulator_and_the_others_here(dev, connect, http_backend):
    template, config = one_at(http_backend.url + EMULATOR)
    app = dev(template, config=config)
    client = connect(app.url())
    http_backend.answer(EMULATOR, body='{"statusCode": 200, "body": "from far"}')
    assert heard(client, "far") == "from far"
    assert heard(client, "near").endswith(":function:" + app.function("Local"))
    [call] = http_backend.received(EMULATOR)
    assert call.method == "POST"
    assert json.loads(call.body)["requestContext"]["routeKey"] == "far"
    assert call.headers["x-amz-invocation-type"] == ["RequestResponse"]
    assert call.headers["authorization"][0].startswith("AWS4-HMAC-SHA256 Credential=")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, (), '{"errorMessage": "no", "errorType": "ValueError"}'),
        (500, (), '{"errorMessage": "no", "errorType": "ValueError"}'),
        (200, (("X-Amz-Function-Error", "Unhandled"),), '{"errorMessage": "no"}'),
        (200, (), "Task timed out after 3.00 seconds"),
        (502, (), ""),
        (404, (), "404 page not found"),
    ],
    ids=["only a document", "status", "header", "timeout", "reset", "not found"],
)
def test_errors_of_every_emulator_are_errors(dev, connect, http_backend, status, headers, body):
    template, config = one_at(http_backend.url + EMULATOR)
    client = connect(dev(template, config=config).url())
    http_backend.answer(EMULATOR, status, body, headers)
    assert frame(client, "far") == "Internal server error"
    http_backend.answer(EMULATOR, body='{"statusCode": 200, "body": "well again"}')
    assert heard(client, "far") == "well again"


def test_an_endpoint_that_is_not_there_fails_the_message_and_not_the_connection(dev, connect):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%s" % free.getsockname()[1]
    template, config = one_at(url)
    client = connect(dev(template, config=config).url())
    assert frame(client, "far") == "Internal server error"
    assert heard(client, "near")


def test_an_endpoint_that_breaks_off_has_heard_of_the_end_of_a_connection(dev, connect):
    heard_of = []

    def break_off(peer):
        heard_of.append(peer)
        peer.close()

    endpoint = Misbehaving(break_off)
    try:
        template, config = one_at(endpoint.url, {"$disconnect": remote()})
        app = dev(template, config=config)
        connect(app.url()).close()
        ended = app.wait_event("request", lambda event: event["routeKey"] == "$disconnect")
        said = until(lambda: disconnected(app, ended["connectionId"]), "an entry in the store")
    finally:
        endpoint.stop()
    assert said.startswith("$disconnect was answered 502")
    assert len(heard_of) == 1


def test_an_endpoint_that_is_not_there_is_told_of_the_end_later(dev, connect):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%s" % free.getsockname()[1]
    template, config = one_at(url, {"$disconnect": remote()})
    app = dev(template, config=config)
    connect(app.url()).close()
    ended = app.wait_event("request", lambda event: event["routeKey"] == "$disconnect")
    said = until(lambda: disconnected(app, ended["connectionId"]), "an entry in the store")
    assert said.startswith("$disconnect is not delivered yet: try 1")


def test_the_invoke_api_leads_there_too(dev, http_backend):
    path = "/2015-03-31/functions/elsewhere/invocations"
    template, config = one_at(http_backend.url)
    client = dev(template, config=config).aws("lambda")
    http_backend.answer(path, body='{"ok": true}')
    answer = client.invoke(FunctionName="elsewhere", Qualifier="live", Payload=b'{"n": 1}')
    assert answer["Payload"].read() == b'{"ok": true}'
    http_backend.answer(path, 202)
    client.invoke(FunctionName=ELSEWHERE, InvocationType="Event", Payload=b'{"n": 2}')
    first, second = http_backend.received(path, 2)
    assert (first.body, first.query) == ('{"n": 1}', {"Qualifier": ["live"]})
    assert (second.body, second.headers["x-amz-invocation-type"]) == ('{"n": 2}', ["Event"])


def test_gatepost_itself_is_no_endpoint(dev):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    template, config = one_at(f"http://localhost:{port}")
    refused = dev.refused(template, config=config, port=port)
    assert refused.status == 2
    assert f"the endpoint http://localhost:{port} is Gatepost itself" in refused.stderr


def test_a_wrong_endpoint_is_refused_with_its_line(dev):
    template, _ = one_at("")
    refused = dev.refused(template, config='[functions.endpoints]\nelsewhere = "localhost"\n')
    assert "gatepost.toml:1: functions.endpoints: expected a table such as" in refused.stderr


def test_an_alias_in_a_uri_invokes_its_version(dev, connect):
    function = python(REPLIES, AutoPublishAlias="live")
    template = websocket_app(
        {"live": Function("Main", two_way=True), "old": Function("Main", two_way=True)},
        {"Main": function},
    )
    resources = template["Resources"]
    for number, arn in enumerate(["${Main.Alias}", "${Main.Arn}:old"]):
        place = resources[f"Api{number}Integration"]["Properties"]["IntegrationUri"]
        place["Fn::Sub"] = place["Fn::Sub"].replace("${Main.Arn}", arn)
    # The policy of the function itself is not that of its alias.
    resources["MainApiPermission"]["Properties"]["FunctionName"] = {"Ref": "Main.Alias"}
    app = dev(template)
    client = connect(app.url())
    assert heard(client, "live").endswith(f":function:{app.function('Main')}:live")
    assert frame(client, "old") == "Internal server error"
    assert f"the function {app.function('Main')} has no version or alias old" in (
        app.stdout + app.stderr
    )
