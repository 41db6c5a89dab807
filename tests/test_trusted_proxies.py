"""Behind reverse proxies: whose word about the client is taken, and whose is not."""

import json

import pytest
from support.logs import events
from support.poll import until
from support.sigv4 import ADMIN, access_key, allow, deny, signed
from support.talk import recording_app
from support.template import Mock, websocket_app
from support.wire import request

BEHIND = '[server]\ntrusted_proxies = ["127.0.0.1", "::1", "10.0.0.0/8"]\n'
ELSEWHERE = '[server]\ntrusted_proxies = ["10.0.0.0/8"]\n'
FORWARDED = [
    ("X-Forwarded-For", "198.51.100.1, 203.0.113.7, 10.0.0.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "ws.example.com"),
]
LOGGED = {
    "stage_properties": {
        "AccessLogSettings": {
            "DestinationArn": {"Fn::GetAtt": ["Rows", "Arn"]},
            "Format": "$context.eventType $context.identity.sourceIp $context.domainName "
            "$context.requestId",
        }
    },
    "resources": {"Rows": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "rows"}}},
}


def shake(app, raw_socket, headers=FORWARDED):
    """The CONNECT event of a handshake with these headers, whose connection stays."""
    before = len(app.seen("CONNECT"))
    raw = raw_socket(app)
    assert raw.upgrade(app.path(), headers=headers).status == 101
    return app.recorded("CONNECT", count=before + 1)[before], raw


def rows_of(app):
    """The rows of the access log so far, without their request ids."""
    return {event["message"].rsplit(" ", 1)[0] for event in events(app, "rows")}


@pytest.fixture
def behind(dev):
    return dev(recording_app(**LOGGED), config=BEHIND)


def test_events_tell_of_the_client_and_not_of_its_proxies(behind, raw_socket):
    event, raw = shake(behind, raw_socket)
    headers, context = event["headers"], event["requestContext"]
    assert context["identity"]["sourceIp"] == "203.0.113.7"
    assert context["domainName"] == "ws.example.com"
    assert headers["X-Forwarded-For"] == "203.0.113.7"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Port"] == "443"
    assert headers["Host"] == "ws.example.com"
    assert event["multiValueHeaders"]["X-Forwarded-For"] == ["203.0.113.7"]
    raw.close()
    [left] = behind.recorded("DISCONNECT")
    assert left["requestContext"]["identity"]["sourceIp"] == "203.0.113.7"


def test_logs_tell_of_the_client(behind, raw_socket):
    event, _ = shake(behind, raw_socket)
    id = event["requestContext"]["connectionId"]
    answer = request(
        behind.port,
        "GET",
        f"{behind.path()}/@connections/{id}",
        headers=[("X-Forwarded-For", "203.0.113.8"), ("X-Forwarded-Host", "api.example.com")],
    )
    assert json.loads(answer.body)["identity"] == {"sourceIp": "203.0.113.7"}
    rows = until(lambda: len(rows_of(behind)) == 2 and rows_of(behind), "two rows")
    assert rows == {
        "CONNECT 203.0.113.7 ws.example.com",
        "CONNECTION_API 203.0.113.8 api.example.com",
    }


def test_one_socket_of_a_proxy_carries_requests_of_many_clients(behind, raw_socket):
    with raw_socket(behind) as raw:
        for last in (1, 2):
            raw.send(
                f"GET {behind.path()}/@connections/x HTTP/1.1\r\nHost: h\r\n"
                f"X-Forwarded-For: 203.0.113.{last}\r\n\r\n".encode()
            )
            assert raw.read_response().status == 400
    rows = until(lambda: len(rows_of(behind)) == 2 and rows_of(behind), "two rows")
    assert rows == {f"CONNECTION_API 203.0.113.{last} h" for last in (1, 2)}


@pytest.mark.parametrize("config", [None, ELSEWHERE], ids=["nobody", "others"])
def test_who_is_no_trusted_proxy_is_not_believed(dev, raw_socket, config):
    app = dev(recording_app(), config=config or "")
    event, _ = shake(app, raw_socket)
    headers, context = event["headers"], event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Port"] == str(app.port)
    assert context["domainName"] == headers["Host"] != "ws.example.com"


def test_a_client_cannot_forge_what_its_proxy_appends_to(behind, raw_socket):
    """The client's own words stand left of the proxy's, or are no address."""
    for forged in ("198.51.100.1", "10.0.0.1", "127.0.0.1", "unknown", "[", ""):
        headers = [("X-Forwarded-For", f"{forged}, 203.0.113.7")]
        event, _ = shake(behind, raw_socket, headers)
        assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.7", forged
    # In two headers, as some proxies append.
    headers = [("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")]
    event, _ = shake(behind, raw_socket, headers)
    assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.7"


def test_the_header_forwarded_is_not_read(behind, raw_socket):
    """A proxy that sets one of both passes on the client's own other one."""
    headers = [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=198.51.100.1;host=forged")]
    event, _ = shake(behind, raw_socket, headers)
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "203.0.113.7"
    assert context["domainName"] != "forged"


@pytest.mark.parametrize("host", ["a b", "me@host", "h/path", "a,b/"])
def test_a_forwarded_host_that_is_none_is_refused(behind, raw_socket, host):
    answer = raw_socket(behind).upgrade(behind.path(), headers=[("X-Forwarded-Host", host)])
    assert answer.status == 400


def test_two_hosts_are_refused_whatever_the_proxy_says(behind, raw_socket):
    headers = [("Host", "other"), ("X-Forwarded-Host", "ws.example.com")]
    assert raw_socket(behind).upgrade(behind.path(), headers=headers).status == 400


#: One who may call from one network, and over TLS, only.
POLICY = [
    allow(),
    deny(Condition={"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
    deny(Condition={"Bool": {"aws:SecureTransport": "false"}}),
]


def test_policies_decide_by_the_client_and_signatures_are_over_its_host(dev, raw_socket):
    config = BEHIND + '[auth]\nmode = "sigv4"\n' + access_key(ADMIN, "ann", POLICY)
    app = dev(recording_app(), config=config)
    event, _ = shake(app, raw_socket)
    path = f"{app.path()}/@connections/{event['requestContext']['connectionId']}"

    def call(source="203.0.113.7", proto="https", host="ws.example.com", trusted=True):
        said = {"For": source, "Proto": proto, "Host": "ws.example.com"} if trusted else {}
        headers = signed("GET", host, path.replace("=", "%3D"))
        headers += [(f"X-Forwarded-{name}", value) for name, value in said.items()]
        answer = request(app.port, "GET", path.replace("=", "%3D"), headers=headers, host="inner")
        return answer.status, answer.header("x-amzn-errortype")

    assert call() == (200, None)
    assert call(source="198.51.100.1") == (403, "AccessDeniedException")
    assert call(source="203.0.113.7, 198.51.100.1") == (403, "AccessDeniedException")
    assert call(proto="http") == (403, "AccessDeniedException")
    assert call(host="inner") == (403, "InvalidSignatureException")


#: What must not pass for a program of this machine, which asks by its own name.
NOT_OF_THIS_MACHINE = [
    # A page of another site, whose name was made to point here.
    ("rebound.example", ("X-Forwarded-Host", "localhost")),
    # A client of the proxy on this machine, by its address and by one that it invented.
    ("localhost", ("X-Forwarded-For", "203.0.113.7")),
    ("localhost", ("X-Forwarded-For", "127.0.0.1, 203.0.113.7")),
    # One in a trusted network, and one whose address the proxy hides.
    ("localhost", ("X-Forwarded-For", "127.0.0.1, 10.1.2.3")),
    ("localhost", ("X-Forwarded-For", "203.0.113.7, unknown")),
    # Whatever was forwarded came from somebody else.
    ("localhost", ("X-Forwarded-For", "127.0.0.1")),
    ("localhost", ("X-Forwarded-Proto", "http")),
    ("localhost", ("X-Forwarded-Prefix", "/ws")),
    ("localhost", ("Forwarded", "for=127.0.0.1")),
]


@pytest.mark.parametrize("config", [BEHIND, ""], ids=["believed", "not-believed"])
def test_gatepost_s_own_paths_are_for_this_machine_whatever_a_proxy_says(dev, config):
    app = dev(websocket_app({"$default": Mock()}), config=config)

    def ask(host, *headers):
        return request(app.port, "GET", "/_gatepost/metrics", headers=headers, host=host).status

    assert ask("localhost") == 200
    opened = [case for case in NOT_OF_THIS_MACHINE if ask(*case) != 403]
    assert opened == []


def test_a_refused_handshake_is_told_with_the_client(behind, raw_socket):
    headers = [("X-Forwarded-For", "203.0.113.7")]
    assert raw_socket(behind).upgrade("/nowhere", headers=headers).status == 403
    refused = behind.wait_event("refused")
    assert refused["sourceIp"] == "203.0.113.7"


def test_urls_are_of_the_public_name(dev):
    public = '[server]\npublic_name = "https://ws.example.com"\n'
    app = dev(websocket_app({"$default": Mock()}), config=public)
    assert app.url() == "wss://ws.example.com/prod"
    assert app.callback_url() == "https://ws.example.com/prod"
    apis = app.aws("apigatewayv2", f"http://127.0.0.1:{app.port}").get_apis()["Items"]
    assert [api["ApiEndpoint"] for api in apis] == ["wss://ws.example.com"]


def test_trusting_everybody_is_warned_of(dev):
    app = dev(websocket_app({"$default": Mock()}), config='[server]\ntrusted_proxies = "::/0"\n')
    said = [event["text"] for event in app.events("warning")]
    assert any("[server] trusted_proxies: ::/0 trusts everybody" in text for text in said), said
