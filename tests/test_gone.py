"""The three ways to a 410, each with its reason, in the SDKs' own typed exceptions; and the way
that AWS recommends, which never meets one."""

import json
import re
import subprocess
from urllib.parse import quote

import pytest
from support.environment import BINARY as GATEPOST
from support.environment import NODE_MODULES
from support.poll import until
from support.talk import (
    WHOAMI,
    asking,
    connection_id,
    recording_app,
    silent_app,
)
from support.template import (
    AUTHORIZER,
    NODE,
    Authorizer,
    Mock,
    code,
    python,
    together,
    websocket_app,
)
from support.wire import BINARY, TEXT, frame, request, upgrade


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


def post(app, own, text=b"hello", api=None):
    """The raw answer to a post."""
    path = f"{app.path(api=api)}/@connections/{quote(own, safe='')}"
    return request(app.port, "POST", path, text)


def reason(app, own, api=None):
    """The reason of a 410 or 400; the body of a 410 stays empty."""
    response = post(app, own, api=api)
    assert response.status in (400, 410), response
    assert response.status == 400 or response.body == b""
    return response.header("x-gatepost-gone-reason")


def own_id(raw):
    """A raw connection's own id."""
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    return json.loads(raw.read_message())["connectionId"]


def opened(app, raw_socket):
    """A raw connection and its id."""
    raw = raw_socket(app)
    assert raw.upgrade(app.path()).status == 101
    return raw, own_id(raw)


def assert_gone(result, why):
    assert result == {
        "error": "GoneException", "code": "GoneException", "status": 410, "reason": why,
    }  # fmt: skip


def assert_told(app, own, why, status=410, method="POST"):
    """`dev` says it on the terminal, too: who posted, to what, why, what to do."""
    event = app.wait_event(
        "gone", lambda e: e["connectionId"] == own and e["method"] == method and e["reason"] == why
    )
    assert event["status"] == status
    assert len(event["text"]) > 20
    return event


# The first cause: posting before the connection is there.


@pytest.fixture
def held(app, raw_socket):
    """The id of a connection whose `$connect` function still runs."""
    before = len(app.seen("CONNECT"))
    raw = raw_socket(app)
    raw.send(
        f"GET {asking('/prod', sleep=4)} HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return app.recorded("CONNECT", count=before + 1)[before]["requestContext"]["connectionId"]


@pytest.mark.checklist(168, 172)
@pytest.mark.parametrize("operation", ["post", "get", "delete"])
def test_a_connection_that_is_not_established_is_gone_for_every_sdk(app, held, sdk, operation):
    assert_gone(sdk(app.callback_url(), held, operation, "early"), "not-established")
    assert_told(app, held, "not-established", method=operation.upper())


@pytest.mark.checklist(168)
def test_a_connect_handler_that_posts_to_itself_is_told_so_at_once(app, connect):
    client = connect(asking(app.url(), post="early"))
    own = connection_id(client)
    assert app.recorded("CONNECT", connectionId=own)[0]["posted"] == [410, "not-established"]
    assert_told(app, own, "not-established")
    assert post(app, own, b"now").status == 200
    assert client.recv(timeout=10) == "now"


BOTO3_CONNECT = """
import boto3

def handler(event, context):
    here = event["requestContext"]
    endpoint = f"https://{here['domainName']}/{here['stage']}"
    api = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    try:
        api.post_to_connection(ConnectionId=here["connectionId"], Data=b"early")
        said = "posted"
    except api.exceptions.GoneException as gone:
        status = gone.response["ResponseMetadata"]["HTTPStatusCode"]
        said = f"GoneException {status}"
    return {"statusCode": 403, "body": said}
"""

NODE_CONNECT = """
import {
  ApiGatewayManagementApiClient, GoneException, PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

export const handler = async ({ requestContext: here }) => {
  const endpoint = `https://${here.domainName}/${here.stage}`;
  const client = new ApiGatewayManagementApiClient({ endpoint });
  const post = new PostToConnectionCommand({ ConnectionId: here.connectionId, Data: "early" });
  let body = "posted";
  try {
    await client.send(post);
  } catch (gone) {
    const status = gone.$metadata?.httpStatusCode;
    body = gone instanceof GoneException ? `GoneException ${status}` : `${gone}`;
  }
  return { statusCode: 403, body };
};
"""


@pytest.mark.checklist(168, 172)
@pytest.mark.parametrize("language", ["python", "node"])
def test_an_unmodified_handler_catches_its_sdks_gone_exception(dev, raw_socket, language):
    """Built as on AWS: `https://{domainName}/{stage}`, the SDK's own exception type."""
    if language == "python":
        main = python(BOTO3_CONNECT)
        files = {}
    else:
        main = code(NODE, "index.handler", "src/")
        files = {"src/index.mjs": NODE_CONNECT, "src/node_modules": NODE_MODULES}
    app = dev(websocket_app({"$connect": "Main"}, {"Main": main}), files=files)
    response = raw_socket(app).upgrade("/prod")
    assert (response.status, response.body) == (403, b"GoneException 410")
    # Known by the access key that signed.
    assert app.function("Main") in app.wait_event("gone")["caller"]


@pytest.mark.checklist(5, 148)
def test_who_has_its_101_is_established(dev, raw_socket):
    """Whoever hears of the `101` may post at once, without losing a race."""
    app = dev(recording_app())
    for number in range(1, 61):
        raw = raw_socket(app)
        raw.send(upgrade("/prod", "localhost"))
        own = app.recorded("CONNECT", count=number)[-1]["requestContext"]["connectionId"]
        assert raw.read_response().status == 101
        assert post(app, own).status == 200


def test_a_connection_that_was_refused_was_never_established(app, raw_socket):
    refusal = raw_socket(app).upgrade(asking("/prod", **{"raise": "no"}))
    assert reason(app, refusal.json()["connectionId"]) == "not-established"


# The second cause: posting after the end.


def closed_by_client(app, raw_socket, connect):
    client = connect(app.url())
    own = connection_id(client)
    client.close()
    return own


def vanished(app, raw_socket, connect):
    raw, own = opened(app, raw_socket)
    raw.reset()
    return own


def deleted(app, raw_socket, connect):
    own = connection_id(connect(app.url()))
    app.client().delete_connection(ConnectionId=own)
    return own


def binary(app, raw_socket, connect):
    raw, own = opened(app, raw_socket)
    raw.send(frame(BINARY, b"x"))
    return own


def too_big(app, raw_socket, connect):
    raw, own = opened(app, raw_socket)
    raw.send(frame(TEXT, b"x" * 32_769))
    return own


def violation(app, raw_socket, connect):
    raw, own = opened(app, raw_socket)
    raw.send(frame(TEXT, b"x", mask=None))
    return own


ENDS = {
    "closed-by-client": closed_by_client,
    "client-vanished": vanished,
    "deleted": deleted,
    "binary-refused": binary,
    "message-too-big": too_big,
    "protocol-error": violation,
}


def await_gone(app, own):
    """Waits until a post is refused, as after an end that the client alone knows of."""
    until(lambda: post(app, own, b"").status == 410, f"410 for {own}")


@pytest.mark.checklist(148, 172)
@pytest.mark.parametrize("why", ENDS)
def test_a_connection_that_ended_is_gone_for_every_sdk_with_the_reason(
    app, raw_socket, connect, sdk, why
):
    own = ENDS[why](app, raw_socket, connect)
    await_gone(app, own)
    assert_gone(sdk(app.callback_url(), own, "post", "late"), why)
    told = assert_told(app, own, why)
    assert own in json.dumps(told)


@pytest.mark.parametrize(
    "why, limit",
    [("idle-timeout", "idle_timeout"), ("max-duration", "max_connection_duration")],
)
def test_a_connection_that_timed_out_is_gone_for_every_sdk(dev, connect, sdk, why, limit):
    app = dev(silent_app(), config=f'[limits]\n{limit} = "1s"')
    client = connect(app.url())
    own = connection_id(client)
    with pytest.raises(Exception) as ended:
        client.recv(timeout=10)
    assert ended.value.rcvd.code == 1001
    assert_gone(sdk(app.callback_url(), own, "post", "late"), why)
    assert_told(app, own, why)


def test_a_client_that_reads_too_slowly_is_evicted_in_the_end(dev, raw_socket):
    app = dev(recording_app(), config='[limits]\nwrite_timeout = "3s"')
    raw = raw_socket(app, receive_buffer=4096)
    assert raw.upgrade("/prod").status == 101
    own = app.recorded("CONNECT")[0]["requestContext"]["connectionId"]
    statuses = []

    def is_evicted():
        statuses.append(post(app, own, b"x" * 131_072).status)
        return statuses[-1] == 410

    until(is_evicted, "eviction", timeout=30)
    # First accepted, then held back, then gone.
    assert [s for n, s in enumerate(statuses) if s not in statuses[:n]] == [200, 429, 410]
    assert reason(app, own) == "slow-consumer"
    assert app.recorded("DISCONNECT", connectionId=own)


# The third cause: posting to the old id after the client came back.


def guarded():
    return websocket_app(
        {"$connect": Mock(), "whoami": WHOAMI},
        {"Authorize": AUTHORIZER},
        authorizer=Authorizer("Authorize"),
    )


@pytest.mark.checklist(169, 172)
def test_after_a_reconnect_the_old_id_is_replaced_for_every_sdk(dev, connect, sdk):
    """The same principal of the authorizer came back: the answer names the new id."""
    app = dev(guarded())
    first = connect(asking(app.url(), principal="ann"))
    old = connection_id(first)
    first.close()
    new = connection_id(connect(asking(app.url(), principal="ann")))
    assert_gone(sdk(app.callback_url(), old, "post", "late"), "replaced")
    assert new in assert_told(app, old, "replaced")["text"]
    assert post(app, new).status == 200


def test_another_principal_replaces_nobody(dev, connect):
    app = dev(guarded())
    first = connect(asking(app.url(), principal="ann"))
    old = connection_id(first)
    first.close()
    connect(asking(app.url(), principal="ben"))
    assert reason(app, old) == "closed-by-client"


def test_two_connections_of_one_principal_replace_neither(dev, connect):
    """Two tabs of one browser: both get their posts."""
    app = dev(guarded())
    both = [connect(asking(app.url(), principal="ann")) for _ in range(2)]
    for client in both:
        assert post(app, connection_id(client)).status == 200


@pytest.mark.parametrize(
    "query, headers",
    [("?userId=ann", {}), ("", {"Cookie": "session=0123456789abcdef"})],
    ids=["query", "cookie"],
)
def test_a_client_that_is_recognisable_is_replaced_too(dev, connect, query, headers):
    app = dev(silent_app())
    first = connect(app.url() + query, additional_headers=headers)
    old = connection_id(first)
    first.close()
    new = connection_id(connect(app.url() + query, additional_headers=headers))
    assert reason(app, old) == "replaced"
    assert new in assert_told(app, old, "replaced")["text"]


def test_a_stranger_replaces_nobody(dev, connect):
    app = dev(silent_app())
    first = connect(app.url())
    old = connection_id(first)
    first.close()
    connect(app.url())
    assert reason(app, old) == "closed-by-client"


# Ids that are not of this API, this time, or this Gatepost.


def test_an_id_of_another_api_is_gone_and_its_connection_is_untouched(dev, connect, sdk):
    app = dev(together(silent_app(api="One"), silent_app(api="Two")))
    client = connect(app.url(api="One"))
    own = connection_id(client)
    assert_gone(sdk(app.callback_url(api="Two"), own, "delete"), "other-api")
    assert app.api("One")["apiId"] in assert_told(app, own, "other-api", method="DELETE")["text"]
    assert connection_id(client) == own


INVALID = {
    "malformed": lambda own: "nope",
    "malformed, of the former form": lambda own: "WDGT8fY4joECJrQ=",
    "malformed, with something appended": lambda own: own + "x",
    "cut": lambda own: own[:-2],
    "cut, one sign": lambda own: own[:-1],
    "not-issued-here": lambda own: ("B" if own[0] == "A" else "A") + own[1:],
    "not-issued-here, of AWS": lambda own: "gbgBH8-ydQAYKEjZQA==",
}


@pytest.mark.parametrize("what", INVALID)
def test_an_id_that_cannot_be_is_400_with_how(app, connect, what):
    client = connect(app.url())
    own = connection_id(client)
    bad = INVALID[what](own)
    response = post(app, bad)
    why = what.split(",")[0]
    assert response.status == 400
    assert response.body == b'{"message":"Invalid connectionId: %b"}' % bad.encode()
    assert response.header("x-gatepost-gone-reason") == why
    assert_told(app, bad, why, status=400)
    assert connection_id(client) == own


def test_an_id_that_is_encoded_twice_is_400_and_says_so(app, connect):
    own = connection_id(connect(app.url()))
    path = f"/prod/@connections/{quote(quote(own, safe=''), safe='')}"
    response = request(app.port, "POST", path, b"x")
    assert response.status == 400
    assert response.header("x-gatepost-gone-reason") == "double-encoded"


def test_after_a_restart_the_reasons_are_still_known(dev, raw_socket, connect, sdk):
    app = dev(recording_app())
    ended = {why: end(app, raw_socket, connect) for why, end in ENDS.items()}
    for own in ended.values():
        await_gone(app, own)
    ended["draining"] = connection_id(connect(app.url()))
    app.restart()
    assert {why: reason(app, own) for why, own in ended.items()} == {why: why for why in ended}
    assert_gone(sdk(app.callback_url(), ended["deleted"], "post", "late"), "deleted")
    assert post(app, connection_id(connect(app.url()))).status == 200


def is_kept(app, own):
    """Whether the store has something of a connection: `gatepost why` ends with 0."""
    command = [GATEPOST, "why", own]
    done = subprocess.run(
        command, cwd=app.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30
    )
    return done.returncode == 0


def test_after_a_crash_its_connections_are_node_lost(dev, connect):
    app = dev(silent_app())
    kept = connection_id(connect(app.url()))
    # Without a `$connect` integration it is written, and not waited for.
    until(lambda: is_kept(app, kept), "record of the connection on the disk")
    app.stop(kill=True)
    app.restart()
    assert reason(app, kept) == "node-lost"


def test_after_a_fresh_start_ids_of_the_past_were_not_issued_here(dev, connect):
    app = dev(silent_app())
    client = connect(app.url())
    old = connection_id(client)
    client.close()
    app.command.append("--fresh")
    app.restart()
    assert reason(app, old) == "not-issued-here"


def test_what_ended_too_long_ago_is_forgotten_but_was_issued_here(dev, connect):
    app = dev(silent_app(), config='[limits]\ntombstone_age = "1s"')
    client = connect(app.url())
    old = connection_id(client)
    client.close()
    until(lambda: reason(app, old) == "forgotten", "reason `forgotten`", timeout=20)


# The way that AWS recommends.

PARENT = """
import json, os, urllib.request

def handler(event, context):
    here = event["requestContext"]
    payload = {"url": f"https://{here['domainName']}/{here['stage']}", "id": here["connectionId"]}
    url = os.environ["AWS_ENDPOINT_URL_LAMBDA"]
    request = urllib.request.Request(
        f"{url}/2015-03-31/functions/{os.environ['CHILD']}/invocations",
        json.dumps(payload).encode(),
        {"X-Amz-Invocation-Type": "Event"},
    )
    assert urllib.request.urlopen(request).status == 202
    return {"statusCode": 200}
"""

CHILD = """
import boto3

def handler(event, context):
    api = boto3.client("apigatewaymanagementapi", endpoint_url=event["url"])
    api.get_connection(ConnectionId=event["id"])
    api.post_to_connection(ConnectionId=event["id"], Data=b"welcome")
"""


def test_the_recommended_pattern_works_first_time_and_loses_no_message(dev, connect):
    """`$connect` invokes a child asynchronously; the child asks once, then posts."""
    child = python(CHILD, Timeout=20)
    parent = python(PARENT, Environment={"Variables": {"CHILD": {"Ref": "Child"}}})
    functions = {"Parent": parent, "Child": child}
    app = dev(websocket_app({"$connect": "Parent", "whoami": WHOAMI}, functions))
    clients = [connect(app.url()) for _ in range(20)]
    assert [client.recv(timeout=30) for client in clients] == ["welcome"] * 20
    assert app.events("gone") == []


def test_the_text_on_the_terminal_says_what_to_do(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    client.close()
    post(app, own)
    text = assert_told(app, own, "closed-by-client")["text"]
    assert re.search(r"\bdelete the id\b", text), text
