"""4.4, 8.1. Binary frames: refused as on AWS, or, where a stage has the switch, base64 in events and
bytes elsewhere."""

import base64
import json

import pytest
from support.talk import connection_id, is_silent, say
from support.template import RECORDER, Function, Http, Mock, stage, websocket_app
from support.wire import BINARY, CONTINUATION, TEXT, frame, request

ON = '[extensions.stages."Api/test"]\nbinary_frames = true'
BYTES = bytes(range(256))


def in_base64(data):
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def backends(module_backend):
    module_backend.answer("/text", body="text", headers=[("Content-Type", "text/plain")])
    module_backend.answer("/png", body="png", headers=[("Content-Type", "image/png")])
    return module_backend


@pytest.fixture(scope="module")
def app(module_dev, backends):
    """`prod` is as on AWS, `test` has the switch."""
    routes = {
        "$connect": "Main",
        "$disconnect": "Main",
        "$default": Function("Main", two_way=True),
        "whoami": Mock('{"connectionId":"$context.connectionId"}'),
        "reply": Function("Main", two_way=True),
        "text": Http(f"{backends.url}/text", two_way=True),
        "png": Http(f"{backends.url}/png", two_way=True),
    }
    resources = stage("Api", "test")
    return module_dev(websocket_app(routes, {"Main": RECORDER}, resources=resources), config=ON)


@pytest.fixture
def client(app, connect):
    return connect(app.url("test"))


def test_a_binary_message_reaches_the_function_in_base64(app, client):
    own = connection_id(client)
    client.send(BYTES)
    event = app.recorded("MESSAGE", connectionId=own)[0]
    assert event["requestContext"]["routeKey"] == "$default"
    assert event["body"] == in_base64(BYTES)
    assert event["isBase64Encoded"] is True
    assert list(event) == ["requestContext", "body", "isBase64Encoded"]


def test_a_text_message_is_as_without_the_switch(app, client):
    own = connection_id(client)
    say(client, "reply", answer={"body": "hi"})
    assert client.recv(timeout=10) == "hi"
    event = app.recorded("MESSAGE", connectionId=own)[0]
    assert (event["isBase64Encoded"], json.loads(event["body"])["action"]) == (False, "reply")


def test_json_in_a_binary_frame_selects_no_route(app, client):
    own = connection_id(client)
    client.send(b'{"action":"whoami"}')
    event = app.recorded("MESSAGE", connectionId=own)[0]
    assert event["requestContext"]["routeKey"] == "$default"


def test_a_fragmented_binary_message_is_joined(app, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/test").status == 101
    own = app.recorded("CONNECT")[-1]["requestContext"]["connectionId"]
    raw.send(frame(BINARY, b"\xff\xfe", fin=False) + frame(CONTINUATION, b"\x00"))
    assert app.recorded("MESSAGE", connectionId=own)[0]["body"] == in_base64(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    "answer, expected",
    [
        ({"body": in_base64(BYTES), "isBase64Encoded": True}, BYTES),
        ({"body": in_base64(BYTES)}, in_base64(BYTES)),
        ({"body": "text", "isBase64Encoded": False}, "text"),
    ],
)
def test_a_function_replies_with_either_kind(client, answer, expected):
    say(client, "reply", answer=answer)
    assert client.recv(timeout=10) == expected


def test_an_empty_binary_reply_sends_nothing(client):
    say(client, "reply", answer={"body": "", "isBase64Encoded": True})
    assert is_silent(client)


def test_a_reply_that_is_no_base64_is_an_error_frame(client):
    say(client, "reply", answer={"body": "§", "isBase64Encoded": True})
    assert json.loads(client.recv(timeout=10))["message"] == "Internal server error"


def test_without_the_switch_the_reply_is_the_text_that_the_function_gave(app, connect):
    client = connect(app.url("prod"))
    say(client, "reply", answer={"body": in_base64(BYTES), "isBase64Encoded": True})
    assert client.recv(timeout=10) == in_base64(BYTES)


@pytest.mark.checklist(86, 87)
def test_without_the_switch_a_binary_frame_ends_the_connection(app, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    own = app.recorded("CONNECT")[-1]["requestContext"]["connectionId"]
    raw.send(frame(BINARY, BYTES))
    assert raw.read_frame().close() == (1003, "Binary is not supported")
    ended = app.recorded("DISCONNECT", connectionId=own)[0]["requestContext"]
    told = (ended["disconnectStatusCode"], ended["disconnectReason"])
    assert told == (1003, "Binary is not supported")
    assert app.seen("MESSAGE", connectionId=own) == []


def test_an_http_backend_gets_the_bytes_and_its_content_type_tells_the_frame(
    dev, connect, http_backend
):
    http_backend.answer("/default", body="ÿ", headers=[("Content-Type", "application/cbor")])
    routes = {"$default": Http(f"{http_backend.url}/default", two_way=True)}
    app = dev(websocket_app(routes), config="[extensions]\nbinary_frames = true")
    client = connect(app.url())
    client.send("grüß".encode())
    assert client.recv(timeout=10) == "ÿ".encode()
    received = http_backend.received("/default")[0]
    assert received.body == "grüß", "the bytes, not their base64"
    assert received.headers["content-type"] == ["application/octet-stream"]
    client.send("text")
    client.recv(timeout=10)
    received = http_backend.received("/default", count=2)[1]
    assert received.headers["content-type"] == ["application/json"]


def test_an_answer_of_a_text_type_is_a_text_frame(client):
    say(client, "text")
    assert client.recv(timeout=10) == "text"
    say(client, "png")
    assert client.recv(timeout=10) == b"png"


def test_without_the_switch_every_answer_is_a_text_frame(app, connect):
    client = connect(app.url("prod"))
    say(client, "png")
    assert client.recv(timeout=10) == "png"


def post(app, own, data, content_type=None, stage="test"):
    path = f"{app.path(stage)}/@connections/{own.replace('=', '%3D')}"
    headers = [("Content-Type", content_type)] if content_type else []
    assert request(app.port, "POST", path, data, headers).status == 200


@pytest.mark.parametrize(
    "data, content_type, expected",
    [
        (b"hello", None, "hello"),
        (b"hello", "application/octet-stream", "hello"),
        (BYTES, None, BYTES),
        (BYTES, "application/octet-stream", BYTES),
        (b"hello", "application/x-protobuf", b"hello"),
        (b"hello", "image/png", b"hello"),
        (b'{"a":1}', "application/json", '{"a":1}'),
        # A declared text is text; what is none of it is replaced, as on AWS.
        (b"a\xff", "text/plain", "a\ufffd"),
    ],
)
def test_a_post_goes_as_its_content_type_says_else_as_its_bytes_are(
    app, client, data, content_type, expected
):
    post(app, connection_id(client), data, content_type)
    assert client.recv(timeout=10) == expected


def test_the_stage_of_the_connection_decides_and_not_that_of_the_post(app, connect, client):
    plain = connect(app.url("prod"))
    post(app, connection_id(plain), BYTES, "image/png", stage="test")
    assert plain.recv(timeout=10) == BYTES.decode(errors="replace")
    post(app, connection_id(client), BYTES, stage="prod")
    assert client.recv(timeout=10) == BYTES


def test_the_text_that_an_sdk_posts_stays_text(app, client, sdk):
    """Some of them send `application/octet-stream` with everything."""
    sdk(app.callback_url("test"), connection_id(client), "post", '{"text":"hi"}')
    assert client.recv(timeout=15) == '{"text":"hi"}'


def test_binary_messages_have_the_same_limits(app, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/test").status == 101
    raw.send(frame(BINARY, b"x" * 32_769))
    assert raw.read_frame().close() == (1009, "Message too big")


def test_a_model_refuses_binary_messages(dev, connect):
    model = {
        "AnyModel": {
            "Type": "AWS::ApiGatewayV2::Model",
            "Properties": {"ApiId": {"Ref": "Api"}, "Name": "Any", "Schema": {}},
        }
    }
    validated = {"ModelSelectionExpression": "$default", "RequestModels": {"$default": "Any"}}
    app = dev(
        websocket_app({"$default": Mock("ok", route=validated)}, resources=model),
        config="[extensions]\nbinary_frames = true",
    )
    client = connect(app.url())
    # In base64 this is `1234`, which is JSON.
    client.send(base64.b64decode("1234"))
    assert json.loads(client.recv(timeout=10))["message"] == "Bad request body"


def test_compression_carries_binary_messages_too(dev, connect):
    config = "[extensions]\nbinary_frames = true\npermessage_deflate = true"
    app = dev(websocket_app({"$default": Function("Main", two_way=True)}, {"Main": ECHO}), config=config)
    client = connect(app.url(), compression="deflate")
    client.send(BYTES * 40)
    assert client.recv(timeout=10) == BYTES * 40


ECHO = """
def handler(event, context):
    return {"body": event["body"], "isBase64Encoded": event["isBase64Encoded"]}
"""
