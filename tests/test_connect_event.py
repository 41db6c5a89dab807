"""C. The CONNECT event."""

import re
import ssl

import pytest
from support.talk import asking, recording_app

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

CONTEXT_KEYS = [
    "routeKey", "eventType", "extendedRequestId", "requestTime", "messageDirection", "stage",
    "connectedAt", "requestTimeEpoch", "identity", "requestId", "domainName", "connectionId",
    "apiId",
]  # fmt: skip


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def event_of(app, raw_socket):
    """The CONNECT event of a handshake with this query and these headers."""

    def shake(query="", headers=(), **options):
        before = len(app.seen("CONNECT"))
        response = raw_socket(app, **options).upgrade("/prod" + query, headers=headers)
        assert response.status == 101
        return app.recorded("CONNECT", count=before + 1)[before]

    return shake


@pytest.mark.checklist(41, 52)
def test_without_query_it_has_these_members_in_this_order(event_of):
    assert list(event_of()) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    assert event_of()["isBase64Encoded"] is False


@pytest.mark.checklist(30, 41)
def test_with_query_it_has_these_members_in_this_order(event_of):
    assert list(event_of("?token=x")) == [
        "headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters",
        "requestContext", "isBase64Encoded",
    ]  # fmt: skip


@pytest.mark.checklist(42)
def test_no_query_members_without_a_query(event_of):
    event = event_of()
    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


@pytest.mark.checklist(43)
def test_of_a_repeated_query_key_the_last_value_wins_and_all_are_kept(event_of):
    event = event_of("?a=1&a=2&b=%C3%BC+%26&c=")
    assert event["queryStringParameters"] == {"a": "2", "b": "ü &", "c": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["ü &"], "c": [""]}


@pytest.mark.checklist(30, 44, 46)
def test_the_headers_are_the_clients_sorted_and_in_train_case(app, event_of):
    event = event_of(
        headers=[
            ("user-agent", "probe/1.0"),
            ("Origin", "https://example.com"),
            ("Cookie", "a=b; c=d"),
            ("Accept-Encoding", "gzip"),
            ("Sec-WebSocket-Protocol", "chat1, chat2"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
            ("X-Custom", "one"),
            ("X-Custom", "two"),
        ]
    )
    headers = event["headers"]
    trace = headers.pop("X-Amzn-Trace-Id")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", trace)
    assert headers == {
        "Accept-Encoding": "gzip",
        "Cookie": "a=b; c=d",
        "Host": f"localhost:{app.port}",
        "Origin": "https://example.com",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "chat1, chat2",
        "Sec-WebSocket-Version": "13",
        "User-Agent": "probe/1.0",
        "X-Custom": "two",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": str(app.port),
        "X-Forwarded-Proto": "http",
    }
    many = event["multiValueHeaders"]
    assert list(many) == sorted(many)
    assert many["X-Custom"] == ["one", "two"]
    assert many["Cookie"] == ["a=b; c=d"]
    assert set(many) == {*headers, "X-Amzn-Trace-Id"}


@pytest.mark.checklist(44)
def test_connection_and_upgrade_are_not_among_the_headers(event_of):
    names = {name.lower() for name in event_of()["headers"]}
    assert not {"connection", "upgrade", "content-length"} & names


@pytest.mark.checklist(45)
def test_behind_tls_the_protocol_is_https(app, event_of):
    context = ssl.create_default_context(cafile=app.ready["caBundle"])
    headers = event_of(tls=context)["headers"]
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Port"] == str(app.port)


def test_a_forwarded_header_of_the_client_is_not_believed(app, event_of):
    """No proxy is trusted unless configured."""
    event = event_of(headers=[("X-Forwarded-For", "203.0.113.7")])
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


@pytest.mark.checklist(47, 49, 50)
def test_the_request_context_has_these_members_in_this_order(app, event_of):
    context = event_of(headers=[("User-Agent", "probe/1.0")])["requestContext"]
    assert list(context) == CONTEXT_KEYS
    assert context["routeKey"] == "$connect"
    assert context["eventType"] == "CONNECT"
    assert context["messageDirection"] == "IN"
    assert context["stage"] == "prod"
    assert context["apiId"] == app.api()["apiId"]
    assert context["domainName"] == f"localhost:{app.port}"
    assert context["identity"] == {"userAgent": "probe/1.0", "sourceIp": "127.0.0.1"}
    assert list(context["identity"]) == ["userAgent", "sourceIp"]


@pytest.mark.checklist(48, 49)
def test_without_user_agent_the_identity_has_none(event_of):
    assert event_of()["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


@pytest.mark.checklist(51)
def test_stage_variables_are_there_only_when_the_stage_has_some(app, dev, connect, event_of):
    assert "stageVariables" not in event_of()
    with_some = dev(recording_app(stage_properties={"StageVariables": {"table": "rooms"}}))
    connect(with_some.url())
    assert with_some.recorded("CONNECT")[0]["stageVariables"] == {"table": "rooms"}


def test_the_function_may_be_reached_by_what_the_event_says(app, connect):
    """`https://{domainName}/{stage}`, as unmodified handlers build it."""
    client = connect(asking(app.url(), who="endpoint"))
    context = app.recorded("CONNECT")[-1]["requestContext"]
    endpoint = f"https://{context['domainName']}/{context['stage']}"
    poster = app.aws("apigatewaymanagementapi", endpoint, verify=app.ready["caBundle"])
    poster.post_to_connection(ConnectionId=context["connectionId"], Data=b"found you")
    assert client.recv(timeout=10) == "found you"
