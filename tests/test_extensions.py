"""What AWS does not have: switches in `[extensions]`, for all stages or for single ones."""

import json
import time

import pytest
from support.talk import asking, connection_id, error_frame, recording_app, say, silent_app
from support.template import Function, Mock, stage, together, websocket_app
from support.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame


def two_stages(app=silent_app, **properties):
    """An app that is served by the stages `prod` and `test`."""
    return app(resources=stage("Api", "test"), **properties)


@pytest.mark.parametrize("name", ["Api", "api"], ids=["logical id", "name"])
def test_a_section_for_a_stage_changes_that_stage_only(dev, connect, name):
    config = f'[extensions.stages."{name}/test"]\npermessage_deflate = true'
    app = dev(two_stages(), config=config)
    plain = connect(app.url("prod"), compression="deflate")
    assert "sec-websocket-extensions" not in plain.response.headers
    compressed = connect(app.url("test"), compression="deflate")
    assert "permessage-deflate" in compressed.response.headers["sec-websocket-extensions"]
    assert connection_id(compressed)


def test_a_stage_may_switch_off_what_all_others_have(dev, connect):
    config = """
        [extensions]
        permessage_deflate = true
        [extensions.stages."Api/test"]
        permessage_deflate = false
        """
    app = dev(two_stages(), config=config)
    assert "sec-websocket-extensions" in connect(
        app.url("prod"), compression="deflate"
    ).response.headers
    assert "sec-websocket-extensions" not in connect(
        app.url("test"), compression="deflate"
    ).response.headers


def test_a_section_of_no_stage_is_refused_at_start(dev):
    config = '[limits]\n[extensions.stages."Api/tset"]\npermessage_deflate = true'
    refused = dev.refused(two_stages(), config=config)
    assert refused.status == 1
    assert refused.stderr.endswith(
        "gatepost.toml:2: extensions.stages: there is no stage Api/tset; did you mean Api/test?"
    )


LONGER = """
    [limits]
    idle_timeout = "1500ms"
    [extensions.stages."Api/test"]
    idle_timeout = "1h"
    max_message_bytes = "1MiB"
    max_frame_bytes = "1MiB"
    """


@pytest.fixture(scope="module")
def larger(module_dev):
    """`prod` has a short idle timeout and AWS's sizes, `test` a long one and greater sizes."""
    app = two_stages()
    echo = websocket_app({"$default": Mock("$input.body")}, api="Echo", stage="other")
    return module_dev(together(app, echo), config=LONGER)


def test_a_stage_closes_idle_connections_at_its_own_time(larger, raw_socket):
    long = raw_socket(larger)
    assert long.upgrade(larger.path("test", api="Api")).status == 101
    short = raw_socket(larger)
    assert short.upgrade(larger.path("prod", api="Api")).status == 101
    closing = short.read_frame()
    assert (closing.opcode, closing.payload) == (CLOSE, b"\x03\xe9Going away")
    long.send(frame(0x9, b"still there?"))
    assert long.read_frame().payload == b"still there?"


@pytest.mark.parametrize("size, is_refused", [(300_000, False), (1_048_577, True)])
def test_a_stage_takes_messages_of_its_own_size(larger, raw_socket, size, is_refused):
    raw = raw_socket(larger)
    assert raw.upgrade(larger.path("test", api="Api")).status == 101
    raw.send(frame(TEXT, b"x" * size) + frame(0x9, b"here"))
    answer = raw.read_frame()
    if is_refused:
        assert answer.close() == (1009, "Message too big")
    else:
        assert answer.payload == b"here"


def test_a_post_may_be_as_long_as_the_stage_takes_that_it_goes_through(larger, connect):
    own = connection_id(client := connect(larger.url("test", api="Api")))
    large = b"x" * 300_000
    larger.client("test", api="Api").post_to_connection(ConnectionId=own, Data=large)
    assert client.recv(timeout=10) == large.decode()
    small = larger.client("prod", api="Api")
    with pytest.raises(small.exceptions.ClientError) as refused:
        small.post_to_connection(ConnectionId=own, Data=large)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_the_other_stages_keep_aws_s_sizes(larger, raw_socket):
    raw = raw_socket(larger)
    assert raw.upgrade(larger.path("prod", api="Api")).status == 101
    raw.send(frame(TEXT, b"x" * 32_769))
    assert raw.read_frame().close() == (1009, "Message too big")


SLOW = websocket_app(
    {
        "slow": Function("Main", two_way=True),
        "short": Function("Main", two_way=True, integration={"TimeoutInMillis": 300}),
    },
    {"Main": recording_app()["Resources"]["Main"]},
    resources=stage("Api", "test"),
)


def test_integrations_with_the_greatest_timeout_may_take_as_long_as_the_stage_says(dev, connect):
    """Here less than 29 s, so that the test need not wait; the arithmetic is the same."""
    config = '[extensions.stages."Api/test"]\nintegration_timeout = "700ms"'
    app = dev(SLOW, config=config)
    asked = {"sleep": 1.5, "answer": {"body": "done"}}
    clients = {name: connect(app.url(name)) for name in ("prod", "test")}
    for client in clients.values():
        say(client, "slow", **asked)
    assert error_frame("Endpoint request timed out").fullmatch(clients["test"].recv(timeout=10))
    assert clients["prod"].recv(timeout=10) == "done"
    # A timeout that the integration sets is not stretched.
    say(clients["test"], "short", **asked)
    started = time.monotonic()
    assert error_frame("Endpoint request timed out").fullmatch(clients["test"].recv(timeout=10))
    assert time.monotonic() - started < 0.7


@pytest.fixture(scope="module")
def switched(module_dev):
    """The stage `test` has the switches, `prod` has none."""
    config = """
        [extensions.stages."Api/test"]
        allowed_origins = ["https://app.example.com", "http://localhost:*"]
        connect_response_headers = ["Set-Cookie", "x-why"]
        server_pings = "1s"
        idle_timeout = "3s"
        """
    return module_dev(two_stages(recording_app), config=config)


@pytest.mark.parametrize(
    "origin, status",
    [
        ("https://app.example.com", 101),
        ("http://localhost:5173", 101),
        ("https://evil.example.com", 403),
        ("https://app.example.com.evil.com", 403),
        ("null", 403),
        (None, 101),
    ],
)
def test_a_page_of_another_origin_is_refused_before_anything_runs(
    switched, raw_socket, origin, status
):
    headers = [("Origin", origin)] if origin else []
    before = len(switched.seen("CONNECT"))
    response = raw_socket(switched).upgrade("/test", headers=headers)
    assert response.status == status
    if status == 403:
        assert response.body == b'{"message":"Forbidden"}'
        assert len(switched.seen("CONNECT")) == before


def test_every_origin_may_connect_to_a_stage_that_lists_none(switched, raw_socket):
    headers = [("Origin", "https://evil.example.com")]
    assert raw_socket(switched).upgrade("/prod", headers=headers).status == 101


#: What `$connect` answers: headers that are let through, that are not named, and that never are.
ANSWER = {
    "statusCode": 200,
    "headers": {"X-Why": "open", "X-Other": "no", "Connection": "close", "Upgrade": "h2c"},
    "multiValueHeaders": {"set-cookie": ["a=1", "b=2; HttpOnly"], "Sec-WebSocket-Accept": ["x"]},
}
PLAIN = {"connection", "upgrade", "sec-websocket-accept", "date"}


def test_only_named_headers_of_the_answer_go_on_the_101(switched, raw_socket):
    response = raw_socket(switched).upgrade(asking("/test", answer=ANSWER))
    assert response.status == 101
    assert response.names() == PLAIN | {"x-why", "set-cookie"}
    cookies = [value for name, value in response.headers if name == "set-cookie"]
    assert cookies == ["a=1", "b=2; HttpOnly"]
    assert response.header("connection") == "upgrade"
    assert response.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert raw_socket(switched).upgrade(asking("/prod", answer=ANSWER)).names() == PLAIN


@pytest.mark.parametrize(
    "headers, status",
    [({"X-Why": "a\r\nX-Injected: b"}, 101), ({"X-Why": "x" * 11_000}, 502)],
    ids=["line break", "too large"],
)
def test_what_no_header_may_be_never_goes_on_the_101(dev, raw_socket, headers, status):
    answer = {"statusCode": 200, "headers": headers}
    source = f"def handler(event, context): return {answer!r}"
    template = websocket_app({"$connect": "Main"}, {"Main": source})
    app = dev(template, config='[extensions]\nconnect_response_headers = ["x-why"]')
    response = raw_socket(app).upgrade("/prod")
    assert response.status == status
    assert not {"x-why", "x-injected"} & response.names()


def test_a_silent_client_is_pinged_and_its_answers_keep_it_open(switched, raw_socket):
    raw = raw_socket(switched)
    assert raw.upgrade("/test").status == 101
    opened = time.monotonic()
    # Longer than the idle timeout of 3 s.
    while time.monotonic() - opened < 4.5:
        ping = raw.read_frame()
        assert (ping.opcode, ping.payload) == (PING, b"")
        raw.send(frame(PONG, ping.payload))
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    assert "connectionId" in raw.read_until(TEXT).payload.decode()


def test_pings_that_nobody_answers_keep_nothing_open(switched, raw_socket):
    raw = raw_socket(switched)
    assert raw.upgrade("/test").status == 101
    opened = time.monotonic()
    assert raw.read_until(CLOSE).payload == b"\x03\xe9Going away"
    assert 2.5 <= time.monotonic() - opened <= 5.5


def test_a_stage_without_the_switch_sends_no_pings(switched, raw_socket):
    raw = raw_socket(switched)
    assert raw.upgrade("/prod").status == 101
    raw.socket.settimeout(2.5)
    with pytest.raises(TimeoutError):
        raw.read(1)


@pytest.mark.parametrize(
    "line, told",
    [
        ('allowed_origins = ["example.com"]', "extensions.allowed_origins: expected origins"),
        (
            'connect_response_headers = ["Sec-WebSocket-Accept"]',
            "extensions.connect_response_headers: expected header names",
        ),
        ('connect_response_headers = ["a b"]', "expected header names"),
        ('server_pings = "0s"', 'extensions.server_pings: expected "off" or a duration'),
        ("server_pings = true", 'extensions.server_pings: expected "off" or a duration'),
    ],
)
def test_a_bad_value_is_refused_with_its_line(dev, line, told):
    refused = dev.refused(silent_app(), config=f"[extensions]\n{line}")
    assert "gatepost.toml:2: " in refused.stderr
    assert told in refused.stderr


#: Limits of one stage that are small enough to meet; the other stage has AWS's.
SMALL = """
    [extensions.stages."Api/test"]
    idle_timeout = "1s"
    max_connection_duration = "2s"
    max_message_bytes = 2048
    max_frame_bytes = 1024
    """


@pytest.fixture(scope="module")
def small(module_dev):
    return module_dev(two_stages(recording_app), config=SMALL)


def keep_alive(raw):
    """Answers pings of nobody: sends some until the connection closes."""
    while True:
        raw.send(frame(PING, b"x"))
        answer = raw.read_frame()
        if answer.opcode == CLOSE:
            return answer
        time.sleep(0.1)


ENDS = {
    "idle": (lambda raw: raw.read_frame(), 1001, "Going away"),
    "greatest age": (keep_alive, 1001, "Going away"),
    "frame": (lambda raw: raw.send(frame(TEXT, b"x" * 1025)), 1009, "Message too big"),
    "message": (
        lambda raw: raw.send(
            frame(TEXT, b"x" * 1024, fin=False)
            + frame(CONTINUATION, b"x" * 1024, fin=False)
            + frame(CONTINUATION, b"x")
        ),
        1009,
        "Message too big",
    ),
    "binary": (lambda raw: raw.send(frame(BINARY, b"x")), 1003, "Binary is not supported"),
}


@pytest.mark.parametrize("end, code, reason", ENDS.values(), ids=ENDS)
def test_a_stage_with_its_own_limits_closes_with_awss_codes_and_tells_disconnect(
    small, raw_socket, end, code, reason
):
    raw = raw_socket(small)
    before = len(small.seen("CONNECT", stage="test"))
    assert raw.upgrade("/test").status == 101
    event = small.recorded("CONNECT", count=before + 1, stage="test")[before]
    closing = end(raw) or raw.read_frame()
    assert closing.close() == (code, reason)
    own = event["requestContext"]["connectionId"]
    told = small.recorded("DISCONNECT", connectionId=own)[0]["requestContext"]
    assert (told["disconnectStatusCode"], told["disconnectReason"]) == (code, reason)


def test_a_message_at_the_limits_of_its_stage_is_taken(small, raw_socket):
    raw = raw_socket(small)
    assert raw.upgrade("/test").status == 101
    raw.send(frame(TEXT, b"x" * 1024, fin=False) + frame(CONTINUATION, b"x" * 1024))
    raw.send(frame(PING, b"here"))
    assert raw.read_frame().payload == b"here"


def test_a_reply_longer_than_the_stage_s_messages_is_an_error_frame(dev, connect):
    source = """
import json
def handler(event, context):
    return {"body": "x" * json.loads(event["body"])["length"]}
"""
    template = websocket_app({"$default": Function("Main", two_way=True)}, {"Main": source})
    app = dev(template, config='[extensions.stages."Api/prod"]\nmax_message_bytes = 2048')
    client = connect(app.url())
    client.send('{"length": 2049}')
    assert error_frame("Internal server error").fullmatch(client.recv(timeout=10))
    client.send('{"length": 2048}')
    assert client.recv(timeout=10) == "x" * 2048


def test_a_change_that_takes_a_named_stage_away_is_refused_and_the_old_app_stays(dev, connect):
    app = dev(two_stages(), config='[extensions.stages."Api/test"]\nidle_timeout = "1h"')
    client = connect(app.url("test"))
    app.template.write_text(json.dumps(silent_app()))
    failed = app.wait_event("reload-failed")
    assert [error.split("gatepost.toml")[1] for error in failed["errors"]] == [
        ":1: extensions.stages: there is no stage Api/test; did you mean Api/prod?"
    ]
    assert connection_id(client)


def test_an_api_that_is_renamed_takes_its_section_along(dev, connect):
    """By its logical id; from then on, also for connections that are open."""
    app = dev(two_stages(), config='[extensions.stages."Api/test"]\nmax_message_bytes = 1024')
    client = connect(app.url("test"))
    own = connection_id(client)
    app.template.write_text(json.dumps(two_stages(api_properties={"Name": "renamed"})))
    app.wait_event("reloaded")
    assert connection_id(client) == own
    client.send("x" * 1025)
    with pytest.raises(Exception) as ended:
        client.recv(timeout=10)
    assert ended.value.rcvd.code == 1009
