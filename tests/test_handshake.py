"""A. The handshake: what a client gets for its upgrade."""

import json
import socket
import time

import pytest
from support.talk import asking, error_frame, recording_app, silent_app
from support.template import RECORDER, Function, Mock, together, websocket_app
from support.wire import accept_of, random_key, request

FORBIDDEN = b'{"message":"Forbidden"}'


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


def mapping(name, domain, api, **properties):
    """A custom domain and its mapping to the stage `prod` of an API."""
    return {
        f"{name}Domain": {
            "Type": "AWS::ApiGatewayV2::DomainName",
            "Properties": {"DomainName": domain},
        },
        f"{name}Mapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {
                "DomainName": {"Ref": f"{name}Domain"},
                "ApiId": {"Ref": api},
                "Stage": {"Ref": f"{api}Stage"},
                **properties,
            },
        },
    }


@pytest.fixture(scope="module")
def variants(module_dev):
    """APIs that differ in their `$connect`, and custom domains."""
    slow = Function("Main", integration={"TimeoutInMillis": 300})
    mock_200 = Mock(responses={"/200/": {}})
    return module_dev(
        together(
            websocket_app({"$default": Mock()}, api="NoConnect"),
            websocket_app({"$connect": slow}, {"Main": RECORDER}, api="Slow"),
            websocket_app({"$connect": mock_200, "$default": Mock()}, api="Mock200"),
            websocket_app({"$connect": Mock(), "$default": Mock()}, api="MockDefault"),
            websocket_app(
                {"$connect": "Main", "$default": Mock("$context.domainName $context.stage")},
                {"Main": RECORDER},
                api="Mapped",
                resources={
                    **mapping("Keyed", "keyed.example.com", "Mapped", ApiMappingKey="chat"),
                    **mapping("Whole", "whole.example.com", "Mapped"),
                },
            ),
        )
    )


@pytest.mark.checklist(1, 2, 3)
def test_an_upgrade_is_answered_101_with_these_headers_and_no_others(app, raw_socket):
    response = raw_socket(app).upgrade("/prod")
    assert (response.status, response.reason) == (101, "Switching Protocols")
    assert response.names() == {"connection", "upgrade", "sec-websocket-accept", "date"}
    assert response.header("connection").lower() == "upgrade"
    assert response.header("upgrade").lower() == "websocket"
    # RFC 6455 §1.3: the accept value of this very key.
    assert response.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.checklist(2)
def test_the_accept_value_follows_from_the_key(app, raw_socket):
    key = random_key()
    response = raw_socket(app).upgrade("/prod", key=key)
    assert response.header("sec-websocket-accept") == accept_of(key)


@pytest.mark.checklist(4, 16, 17)
@pytest.mark.parametrize("api", ["NoConnect", "Mock200", "MockDefault"])
def test_a_connect_without_function_is_accepted(variants, raw_socket, api):
    """No `$connect` route at all, a MOCK one with response `/200/`, one with `$default`."""
    assert raw_socket(variants).upgrade(variants.path(api=api)).status == 101


@pytest.mark.checklist(5)
def test_there_is_no_101_while_the_connect_integration_runs(app, raw_socket):
    raw = raw_socket(app)
    before = len(app.seen("CONNECT"))
    started = time.monotonic()
    raw.send(
        f"GET {asking('/prod', sleep=1)} HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    app.recorded("CONNECT", count=before + 1)
    raw.socket.settimeout(0.3)
    with pytest.raises(socket.timeout):
        raw.read(1)
    raw.socket.settimeout(10)
    assert raw.read_response().status == 101
    assert time.monotonic() - started >= 1


@pytest.mark.checklist(6)
@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_of_the_function_opens_the_connection(app, raw_socket, status):
    answer = {"statusCode": status, "body": "dropped"}
    assert raw_socket(app).upgrade(asking("/prod", answer=answer)).status == 101
    assert json.loads(app.seen("CONNECT")[-1]["queryStringParameters"]["answer"]) == answer


@pytest.mark.checklist(7, 8, 9, 10)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 500, 501, 503])
def test_any_other_status_of_the_function_refuses_with_its_body_and_headers(
    app, raw_socket, status
):
    body = '{"why": "not  today", "ü": 1}'
    answer = {"statusCode": status, "body": body, "headers": {"X-Why": "closed"}}
    response = raw_socket(app).upgrade(asking("/prod", answer=answer))
    assert response.status == status
    assert response.body == body.encode()
    assert response.header("x-why") == "closed"


@pytest.mark.checklist(11, 25, 26)
@pytest.mark.parametrize(
    "what", [{"raise": "no"}, {"exit": 1}, {"answer": {"body": "no status"}}, {"answer": "null"}]
)
def test_a_broken_connect_function_is_502_with_the_ids(app, raw_socket, what):
    """Raises, dies, answers without `statusCode`, answers nothing."""
    response = raw_socket(app).upgrade(asking("/prod", **what))
    assert response.status == 502
    body = error_frame("Internal server error").fullmatch(response.body.decode())
    assert body, response.body
    assert list(response.json()) == ["message", "connectionId", "requestId"]
    assert response.header("x-amz-apigw-id") == body["request"]
    assert not {"x-amzn-requestid", "x-amzn-errortype"} & response.names()


@pytest.mark.checklist(12)
def test_a_connect_integration_that_takes_too_long_is_504(variants, raw_socket):
    path = asking(variants.path(api="Slow"), sleep=3)
    response = raw_socket(variants).upgrade(path)
    assert response.status == 504
    assert error_frame("Endpoint request timed out").fullmatch(response.body.decode())


@pytest.mark.checklist(13)
@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "sec-websocket-protocol"])
def test_the_subprotocol_that_the_function_returns_is_selected(app, raw_socket, name):
    answer = {"statusCode": 200, "headers": {name: "myprotocol"}}
    offered = [("Sec-WebSocket-Protocol", "chat1, myprotocol")]
    response = raw_socket(app).upgrade(asking("/prod", answer=answer), headers=offered)
    assert response.status == 101
    assert response.header("sec-websocket-protocol") == "myprotocol"


@pytest.mark.checklist(14)
def test_no_subprotocol_is_selected_unless_the_function_returns_one(app, raw_socket):
    offered = [("Sec-WebSocket-Protocol", "chat1")]
    response = raw_socket(app).upgrade("/prod", headers=offered)
    assert response.status == 101
    assert response.header("sec-websocket-protocol") is None


@pytest.mark.parametrize(
    "answer, selected",
    [
        # `multiValueHeaders` come after `headers`, and the last value wins.
        ({"multiValueHeaders": {"sec-websocket-protocol": ["a", "b"]}}, "b"),
        (
            {
                "headers": {"Sec-WebSocket-Protocol": "a"},
                "multiValueHeaders": {"SEC-WEBSOCKET-PROTOCOL": ["b"]},
            },
            "b",
        ),
        # AWS does not ask whether it was offered.
        ({"headers": {"Sec-WebSocket-Protocol": "never-offered"}}, "never-offered"),
        ({"headers": {"Sec-WebSocket-Protocol": "a, b"}}, "a, b"),
        ({"headers": {"Sec-WebSocket-Protocol": None}}, None),
        # A value that no header may have ends nothing but itself.
        ({"headers": {"Sec-WebSocket-Protocol": "a\r\nSet-Cookie: x=1"}}, None),
    ],
    ids=["several", "both members", "not offered", "a list", "null", "a line break"],
)
def test_the_value_of_the_function_is_passed_on_as_it_is(app, raw_socket, answer, selected):
    offered = [("Sec-WebSocket-Protocol", "a"), ("sec-websocket-protocol", "b, c")]
    url = asking("/prod", answer={"statusCode": 200, **answer})
    response = raw_socket(app).upgrade(url, headers=offered)
    assert response.status == 101
    assert response.header("sec-websocket-protocol") == selected
    assert response.header("set-cookie") is None


@pytest.mark.checklist(46)
def test_what_the_client_offers_reaches_the_function_in_order(app, raw_socket):
    before = len(app.seen("CONNECT"))
    offered = [("Sec-WebSocket-Protocol", "a"), ("sec-websocket-protocol", "b, c")]
    assert raw_socket(app).upgrade("/prod", headers=offered).status == 101
    event = app.recorded("CONNECT", count=before + 1)[before]
    assert event["multiValueHeaders"]["Sec-WebSocket-Protocol"] == ["a", "b, c"]


@pytest.mark.checklist(15)
def test_no_other_header_of_the_function_reaches_the_101(app, raw_socket):
    headers = {"X-Why": "open", "Set-Cookie": "a=b", "Sec-WebSocket-Protocol": "p"}
    answer = {"statusCode": 200, "headers": headers}
    offered = [("Sec-WebSocket-Protocol", "p")]
    response = raw_socket(app).upgrade(asking("/prod", answer=answer), headers=offered)
    assert response.names() == {
        "connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol", "date",
    }  # fmt: skip


@pytest.mark.checklist(18, 19, 20)
@pytest.mark.parametrize(
    "domain, path", [("keyed.example.com", "/chat"), ("whole.example.com", "/")]
)
def test_a_custom_domain_reaches_the_mapped_stage(variants, raw_socket, domain, path):
    raw = raw_socket(variants)
    assert raw.upgrade(path, host=domain).status == 101
    event = variants.recorded("CONNECT", domainName=domain)[0]
    assert event["requestContext"]["stage"] == "prod"
    assert event["headers"]["Host"] == domain


def test_a_custom_domain_refuses_an_unmapped_path(variants, raw_socket):
    response = raw_socket(variants).upgrade("/other", host="keyed.example.com")
    assert response.status == 403


def test_the_hosts_that_aws_uses_reach_the_api(variants, raw_socket):
    """`{apiId}.execute-api.{anything}` with the stage as path."""
    api = variants.api("NoConnect")["apiId"]
    host = f"{api}.execute-api.us-east-1.amazonaws.com"
    assert raw_socket(variants).upgrade("/prod", host=host).status == 101
    assert raw_socket(variants).upgrade("/nope", host=host).status == 403


@pytest.mark.checklist(21)
@pytest.mark.parametrize("path", ["/nope", "/", "/prod/more", "/PROD", "/prod/../prod", "//prod"])
def test_an_unknown_stage_or_path_is_403_forbidden(app, raw_socket, path):
    response = raw_socket(app).upgrade(path)
    assert response.status == 403
    assert response.body == FORBIDDEN
    assert response.header("x-amzn-errortype") == "ForbiddenException"


@pytest.mark.checklist(22)
def test_a_plain_get_of_a_stage_is_403_forbidden(app):
    response = request(app.port, "GET", "/prod")
    assert (response.status, response.body) == (403, FORBIDDEN)


@pytest.mark.checklist(23)
def test_two_authorization_headers_are_400_html(app, raw_socket):
    twice = [("Authorization", "one"), ("Authorization", "two")]
    response = raw_socket(app).upgrade("/prod", headers=twice)
    assert response.status == 400
    assert response.header("content-type").startswith("text/html")
    assert b"400 Bad Request" in response.body


@pytest.mark.checklist(24)
def test_a_url_of_4096_characters_is_accepted_and_a_longer_one_is_not(app, raw_socket):
    def path(length):
        return "/prod?a=" + "x" * (length - len("/prod?a="))

    assert raw_socket(app).upgrade(path(4000)).status == 101
    # The host may or may not be counted: this is over in any case.
    assert raw_socket(app).upgrade(path(4097)).status in (400, 403, 414)


@pytest.mark.checklist(27)
def test_a_refused_connect_is_followed_by_no_disconnect(app, connect, raw_socket):
    refusal = {"statusCode": 403}
    assert raw_socket(app).upgrade(asking("/prod", answer=refusal, who="refused")).status == 403
    [refused] = [
        event
        for event in app.recorded("CONNECT")
        if event.get("queryStringParameters", {}).get("who") == "refused"
    ]
    connect(app.url()).close()
    opened = app.recorded("CONNECT")[-1]["requestContext"]["connectionId"]
    app.recorded("DISCONNECT", connectionId=opened)
    ended = {e["requestContext"]["connectionId"] for e in app.recorded("DISCONNECT")}
    assert refused["requestContext"]["connectionId"] not in ended


@pytest.mark.checklist(28)
def test_a_disabled_default_endpoint_refuses_and_the_custom_domain_serves(dev, raw_socket):
    app = dev(
        silent_app(
            api_properties={"DisableExecuteApiEndpoint": True},
            resources=mapping("Own", "own.example.com", "Api"),
        )
    )
    host = f"{app.api()['apiId']}.execute-api.us-east-1.amazonaws.com"
    refused = raw_socket(app).upgrade("/prod", host=host)
    assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert raw_socket(app).upgrade("/", host="own.example.com").status == 101


@pytest.mark.parametrize(
    "lines",
    [
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: short",
         "Sec-WebSocket-Version: 13"],
        ["Upgrade: websocket", "Connection: Upgrade",
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 8"],
    ],
    ids=["no key", "short key", "version 8"],
)  # fmt: skip
def test_an_upgrade_that_rfc_6455_forbids_is_refused(app, raw_socket, lines):
    raw = raw_socket(app)
    raw.send("\r\n".join(["GET /prod HTTP/1.1", "Host: localhost", *lines]) + "\r\n\r\n")
    assert raw.read_response().status in (400, 403, 426)


@pytest.mark.checklist(204)
@pytest.mark.parametrize(
    "offer", ["permessage-deflate; client_max_window_bits", "permessage-deflate", "x-nonsense;;="]
)
def test_an_offered_extension_is_ignored(app, raw_socket, offer):
    """Compression is off by default, which is always legal."""
    response = raw_socket(app).upgrade("/prod", headers=[("Sec-WebSocket-Extensions", offer)])
    assert response.status == 101
    assert response.header("sec-websocket-extensions") is None


def test_a_client_that_offers_compression_can_talk(app, connect):
    client = connect(app.url(), compression="deflate")
    client.send(json.dumps({"action": "two", "answer": {"body": "plain"}}))
    assert client.recv(timeout=10) == "plain"


def test_header_names_and_tokens_may_be_written_in_any_case(app, raw_socket):
    raw = raw_socket(app)
    raw.send(
        "GET /prod HTTP/1.1\r\nhOST: localhost\r\nconnection: keep-alive, UPGRADE\r\n"
        "UPGRADE: WebSocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "SEC-WEBSOCKET-VERSION: 13\r\n\r\n"
    )
    assert raw.read_response().status == 101
