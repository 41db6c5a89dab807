"""J. The @connections API, byte for byte."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from support.talk import UUID, connection_id, is_silent, recording_app, silent_app
from support.template import together
from support.wire import BINARY, CLOSE, TEXT, RawSocket, frame, request

APIGW_ID = r"[A-Za-z0-9_-]{15}="
TRACE = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"
TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(silent_app())


@pytest.fixture
def client(app, connect):
    return connect(app.url(), user_agent_header="probe/1.0")


@pytest.fixture
def own(client):
    return connection_id(client)


@pytest.fixture
def call(app):
    """One exchange: `call("POST", id, b"…")`."""

    def exchange(method, own, body=b"", headers=(), stage="prod"):
        path = f"/{stage}/@connections/{quote(own, safe='')}"
        return request(app.port, method, path, body, headers)

    return exchange


def info(call, own):
    """GetConnection's answer."""
    return call("GET", own).json()


def assert_ids(response, trace):
    """The ids that every answer but the 413 has."""
    assert re.fullmatch(UUID, response.header("x-amzn-requestid"))
    assert re.fullmatch(APIGW_ID, response.header("x-amz-apigw-id"))
    if trace:
        assert re.fullmatch(TRACE, response.header("x-amzn-trace-id"))
    else:
        assert response.header("x-amzn-trace-id") is None


@pytest.mark.checklist(142)
def test_a_post_is_200_with_these_headers_and_no_body(call, own, client):
    response = call("POST", own, b"hello")
    assert (response.status, response.reason, response.body) == (200, "OK", b"")
    assert response.header("content-length") == "0"
    assert response.header("content-type") == "application/json"
    assert_ids(response, trace=True)
    assert response.header("x-amzn-errortype") is None
    assert client.recv(timeout=10) == "hello"


@pytest.mark.checklist(143, 144)
def test_a_get_is_this_json_written_this_way(call, own):
    response = call("GET", own)
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    assert_ids(response, trace=True)
    # Two blanks of indent, " : ", LF, nothing after the last brace.
    assert re.fullmatch(
        rb'{\n  "identity" : {\n    "sourceIp" : "127\.0\.0\.1",\n    "userAgent" : "probe/1\.0"\n'
        rb'  },\n  "connectedAt" : "%b",\n  "lastActiveAt" : "%b"\n}' % ((TIME.encode(),) * 2),
        response.body,
    ), response.body


def test_a_get_of_a_client_without_user_agent_names_none(app, call, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    own = json.loads(raw.read_message())["connectionId"]
    assert info(call, own)["identity"] == {"sourceIp": "127.0.0.1"}


@pytest.mark.checklist(145)
def test_a_delete_is_204_and_closes(call, own, client):
    response = call("DELETE", own)
    assert (response.status, response.body) == (204, b"")
    assert response.header("content-length") is None
    assert_ids(response, trace=True)
    with pytest.raises(Exception) as ended:
        client.recv(timeout=10)
    assert ended.value.rcvd.code == 1000


@pytest.mark.checklist(146, 147)
@pytest.mark.parametrize("at", ["@", "%40"])
@pytest.mark.parametrize("equals", ["=", "%3D", "%3d"])
def test_every_encoding_of_the_path_is_understood(app, own, client, at, equals):
    path = f"/prod/{at}connections/{own.replace('=', equals)}"
    assert request(app.port, "POST", path, b"hello").status == 200
    assert client.recv(timeout=10) == "hello"


@pytest.mark.checklist(148)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_closed_id_is_410_without_body(app, call, connect, method):
    client = connect(app.url())
    own = connection_id(client)
    client.close()
    response = call(method, own)
    assert (response.status, response.body) == (410, b"")
    assert response.header("content-length") == "0"
    assert response.header("content-type") == "application/json"
    assert response.header("x-amzn-errortype") == "GoneException"
    assert_ids(response, trace=True)
    assert response.header("x-gatepost-gone-reason") == "closed-by-client"


@pytest.mark.checklist(149, 150)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("bad", ["nope", "WDGT8fY4joECJrQ=test", "x" * 500, "gbgBH8+ydQAYKEjZQA=="])
def test_a_malformed_id_is_400_although_unsigned(call, method, bad):
    response = call(method, bad)
    assert response.status == 400
    assert response.body == b'{"message":"Invalid connectionId: %b"}' % bad.encode()
    assert response.header("x-amzn-errortype") == "BadRequestException"
    assert_ids(response, trace=False)


def test_the_id_in_the_400_is_written_as_json(call):
    response = call("POST", 'a"b\\c\nd')
    assert response.status == 400
    assert response.json() == {"message": 'Invalid connectionId: a"b\\c\nd'}


@pytest.mark.checklist(151, 152)
def test_128_kb_arrive_and_a_byte_more_is_a_bare_413(call, own, client):
    assert call("POST", own, b"x" * 131_072).status == 200
    assert client.recv(timeout=10) == "x" * 131_072
    active = info(call, own)["lastActiveAt"]
    time.sleep(0.01)
    response = call("POST", own, b"x" * 131_073)
    assert (response.status, response.body) == (413, b"")
    assert response.names() <= {"date", "content-length", "connection"}
    assert response.header("content-length") == "0"
    assert info(call, own)["lastActiveAt"] == active
    assert connection_id(client) == own


@pytest.mark.checklist(151)
def test_413_comes_before_any_other_check(call):
    """Before stage, form and existence."""
    assert call("POST", "nope", b"x" * 131_073).status == 413
    assert call("POST", "nope", b"x" * 131_073, stage="nowhere").status == 413


@pytest.mark.checklist(151)
def test_a_post_that_only_announces_too_much_is_refused_unread(app, raw_socket, own):
    raw = raw_socket(app)
    raw.send(
        f"POST /prod/@connections/{own} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 1000000000\r\n\r\n"
    )
    assert raw.read_response().status == 413


@pytest.mark.checklist(151)
def test_a_chunked_post_is_bounded_too(app, raw_socket, own):
    raw = raw_socket(app)
    raw.send(
        f"POST /prod/@connections/{own} HTTP/1.1\r\nHost: localhost\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    try:
        for _ in range(40):
            raw.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    except ConnectionError:
        pass
    assert raw.read_response().status == 413


def test_a_chunked_post_arrives(app, raw_socket, own, client):
    raw = raw_socket(app)
    raw.send(
        f"POST /prod/@connections/{own} HTTP/1.1\r\nHost: localhost\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    )
    assert raw.read_response().status == 200
    assert client.recv(timeout=10) == "hello"


@pytest.mark.checklist(153)
def test_the_frame_limit_does_not_hold_for_posts(call, own, client):
    assert call("POST", own, b"x" * 32_769).status == 200
    assert client.recv(timeout=10) == "x" * 32_769


@pytest.mark.checklist(154)
def test_an_empty_post_is_accepted_and_counts_as_activity(call, own):
    before = info(call, own)["lastActiveAt"]
    time.sleep(0.01)
    assert call("POST", own).status == 200
    assert info(call, own)["lastActiveAt"] > before


@pytest.mark.checklist(141, 155)
def test_a_post_and_a_message_are_activity_and_a_get_is_not(call, own, client):
    first = info(call, own)
    time.sleep(0.01)
    assert info(call, own) == first
    call("POST", own, b"x")
    second = info(call, own)
    assert second["connectedAt"] == first["connectedAt"]
    assert second["lastActiveAt"] > first["lastActiveAt"] >= first["connectedAt"]
    time.sleep(0.01)
    client.recv(timeout=10)
    connection_id(client)
    assert info(call, own)["lastActiveAt"] > second["lastActiveAt"]


@pytest.mark.checklist(156, 157)
@pytest.mark.parametrize(
    "payload, text",
    [
        ("ünï 😀".encode(), "ünï 😀"),
        (b"a\x00b", "a\x00b"),
        (b"a\xffb", "a\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    ],
)
def test_a_payload_arrives_as_text_and_what_is_not_utf_8_is_replaced(
    call, own, client, payload, text
):
    assert call("POST", own, payload).status == 200
    assert client.recv(timeout=10) == text


@pytest.mark.checklist(165)
@pytest.mark.parametrize("stage", ["nope", "PROD", "prod/more", "%70rod/more"])
def test_a_wrong_stage_is_403_forbidden(call, own, client, stage):
    response = call("POST", own, b"lost", stage=stage)
    assert (response.status, response.body) == (403, b'{"message":"Forbidden"}')
    assert response.header("x-amzn-errortype") == "ForbiddenException"
    assert is_silent(client, 0.2)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_does_nothing(app, own, client, method):
    with RawSocket(app.port) as raw:
        raw.send(
            f"{method} /prod/@connections/{own} HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        assert raw.read(12) in (b"HTTP/1.1 403", b"HTTP/1.1 404", b"HTTP/1.1 405")
    assert connection_id(client) == own


@pytest.mark.checklist(166)
def test_another_stage_of_the_same_api_reaches_the_connection(dev, connect):
    second = {
        "OtherStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "StageName": "other",
                "DeploymentId": {"Ref": "ApiDeployment"},
            },
        }
    }
    app = dev(silent_app(resources=second))
    client = connect(app.url("prod"))
    own = connection_id(client)
    other = app.client("other")
    other.post_to_connection(ConnectionId=own, Data=b"from the other")
    assert client.recv(timeout=10) == "from the other"
    assert other.get_connection(ConnectionId=own)["Identity"]["SourceIp"] == "127.0.0.1"
    other.delete_connection(ConnectionId=own)
    with pytest.raises(Exception) as ended:
        client.recv(timeout=10)
    assert ended.value.rcvd.code == 1000


@pytest.mark.checklist(167)
def test_a_custom_domain_has_no_stage_in_the_path(dev, connect):
    domain = {
        "Domain": {
            "Type": "AWS::ApiGatewayV2::DomainName",
            "Properties": {"DomainName": "ws.example.com"},
        },
        "Mapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {
                "DomainName": {"Ref": "Domain"},
                "ApiId": {"Ref": "Api"},
                "Stage": {"Ref": "ApiStage"},
            },
        },
    }
    app = dev(silent_app(resources=domain))
    client = connect(app.url())
    own = quote(connection_id(client))

    def post(path):
        return request(app.port, "POST", path, b"hello", host="ws.example.com").status

    assert post(f"/@connections/{own}") == 200
    assert post(f"/prod/@connections/{own}") in (403, 404)
    assert client.recv(timeout=10) == "hello"
    assert is_silent(client, 0.2)


@pytest.mark.checklist(170)
def test_a_second_delete_is_410(call, own):
    assert call("DELETE", own).status == 204
    response = call("DELETE", own)
    assert response.status == 410
    assert response.header("x-gatepost-gone-reason") == "deleted"


@pytest.mark.checklist(171)
def test_a_reader_that_does_not_keep_up_gives_its_poster_429(dev, raw_socket):
    # Not evicted while the test goes on, however slow the machine is.
    limits = '[limits]\noutbox_bytes = 262144\nwrite_timeout = "1m"'
    app = dev(recording_app(), config=limits)
    raw = raw_socket(app, receive_buffer=4096)
    assert raw.upgrade("/prod").status == 101
    own = app.recorded("CONNECT")[0]["requestContext"]["connectionId"]
    path = f"/prod/@connections/{quote(own, safe='')}"
    # More than the kernel's buffers on both sides ever hold.
    for _ in range(400):
        response = request(app.port, "POST", path, b"x" * 131_072)
        if response.status != 200:
            break
    assert (response.status, response.body) == (429, b"")
    assert response.header("x-amzn-errortype") == "LimitExceededException"
    poster = app.client()
    with pytest.raises(poster.exceptions.LimitExceededException):
        poster.post_to_connection(ConnectionId=own, Data=b"x" * 131_072)


@pytest.mark.checklist(171)
def test_what_was_answered_200_arrives_whole_and_in_order(dev, raw_socket):
    """Posts that were refused with 429 leave no part behind."""
    app = dev(recording_app(), config='[limits]\nwrite_timeout = "1m"')
    raw = raw_socket(app, receive_buffer=4096)
    assert raw.upgrade("/prod").status == 101
    own = app.recorded("CONNECT")[0]["requestContext"]["connectionId"]
    path = f"/prod/@connections/{quote(own, safe='')}"
    accepted = []
    for number in range(400):
        payload = f"{number:06}" * 10_000
        status = request(app.port, "POST", path, payload.encode()).status
        if status == 200:
            accepted.append(payload)
        else:
            assert status == 429
            break
    assert len(accepted) < 400
    assert [raw.read_message() for _ in accepted] == accepted


def test_posts_by_many_at_once_arrive_each_whole(app, client, own):
    texts = [f"{number}-" * 5_000 for number in range(40)]
    poster = app.client()
    with ThreadPoolExecutor(8) as pool:
        posts = [
            pool.submit(poster.post_to_connection, ConnectionId=own, Data=text.encode())
            for text in texts
        ]
        arrived = [client.recv(timeout=20) for _ in texts]
    assert all(post.result() for post in posts)
    assert sorted(arrived) == sorted(texts)


@pytest.mark.checklist(173)
@pytest.mark.parametrize("kind", [[], [("Content-Type", "text/plain")], [("Content-Type", "x")]])
def test_the_content_type_of_a_post_does_not_matter(call, own, client, kind):
    assert call("POST", own, b"hello", kind).status == 200
    assert client.recv(timeout=10) == "hello"


@pytest.mark.checklist(174)
def test_a_double_encoded_id_is_400(app, own):
    response = request(app.port, "POST", f"/prod/@connections/{own.replace('=', '%253D')}", b"x")
    assert response.status == 400
    assert response.header("x-gatepost-gone-reason") == "double-encoded"


def test_an_id_without_stage_is_found_by_the_api_it_belongs_to(dev, connect):
    """With several APIs on one port the id itself tells which one is meant."""
    app = dev(together(silent_app(api="One"), silent_app(api="Two")))
    for api in ("One", "Two"):
        client = connect(app.url(api=api))
        own = quote(connection_id(client))
        assert request(app.port, "POST", f"/prod/@connections/{own}", b"found").status == 200
        assert client.recv(timeout=10) == "found"


def test_one_http_connection_serves_many_posts(app, raw_socket, own, client):
    raw = raw_socket(app)
    for number in range(20):
        raw.send(
            f"POST /prod/@connections/{own} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: 2\r\n\r\n{number:02}"
        )
        assert raw.read_response().status == 200
    assert [client.recv(timeout=10) for _ in range(20)] == [f"{n:02}" for n in range(20)]


def test_a_post_after_the_close_frame_is_gone(app, call, raw_socket):
    """From the moment Gatepost closes, not from when the client has answered."""
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    own = json.loads(raw.read_message())["connectionId"]
    raw.send(frame(BINARY, b"x"))
    assert raw.read_frame().opcode == CLOSE
    assert call("POST", own, b"late").status == 410
