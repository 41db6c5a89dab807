"""`RequestParameters`: every target and source, and that what clients send stays where it was put."""

import json
from urllib.parse import quote

import pytest
from support.talk import error_frame, say
from support.template import Http, HttpCustom, websocket_app

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

INTERNAL = error_frame("Internal server error")

TO_HEADER = "integration.request.header."
TO_QUERY = "integration.request.querystring."
TO_PATH = "integration.request.path."

#: What of a message goes where.
FROM_BODY = {
    f"{TO_HEADER}name": "route.request.body.name",
    f"{TO_HEADER}whole": "route.request.body",
    f"{TO_HEADER}deep": "route.request.body.list[1].x",
    f"{TO_HEADER}list": "route.request.body.list",
    f"{TO_HEADER}none": "route.request.body.none",
    f"{TO_HEADER}number": "route.request.body.number",
    f"{TO_QUERY}q": "route.request.body.name",
    f"{TO_QUERY}fixed": "'a=b&c'",
    f"{TO_QUERY}empty": "''",
    f"{TO_PATH}room": "route.request.body.room",
}
FROM_CONTEXT = {
    f"{TO_HEADER}connectionId": "context.connectionId",
    f"{TO_HEADER}api": "context.apiId",
    f"{TO_HEADER}route": "context.routeKey",
    f"{TO_HEADER}message": "context.messageId",
    f"{TO_HEADER}ip": "context.identity.sourceIp",
    f"{TO_HEADER}principal": "context.authorizer.principalId",
    f"{TO_HEADER}variable": "stageVariables.table",
    f"{TO_HEADER}no-variable": "stageVariables.nothing",
    f"{TO_HEADER}fixed": "'it is \"fixed\", yes'",
    f"{TO_HEADER}Content-Type": "'text/plain'",
    f"{TO_HEADER}User-Agent": "'me'",
    f"{TO_PATH}place": "stageVariables.table",
}


@pytest.fixture(scope="module")
def app(module_dev, module_backend):
    url = module_backend.url
    return module_dev(
        websocket_app(
            {
                "$default": Http(
                    f"{url}/rooms/{{room}}/messages?v=1", FROM_BODY, two_way=True
                ),
                "context": HttpCustom(f"{url}/{{place}}", FROM_CONTEXT, two_way=True),
            },
            stage_properties={"StageVariables": {"table": "my-table"}},
        )
    )


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.fixture
def backend(module_backend):
    return module_backend


def heard(client, backend, **message):
    """What the backend got for a message: the last request there is when the reply has come."""
    backend.answer_all("ok")
    client.send(json.dumps(message))
    assert client.recv(timeout=10) == "ok"
    return backend.last()


def test_every_form_of_a_body_source(client, backend):
    message = {"room": "r 1", "name": "ann", "list": [1, {"x": "y"}], "number": 1.5, "none": None}
    got = heard(client, backend, **message)
    assert got.target == "/rooms/r%201/messages?v=1&empty=&fixed=a%3Db%26c&q=ann"
    assert got.headers["name"] == ["ann"]
    assert got.headers["deep"] == ["y"]
    assert got.headers["list"] == ["[1, {x=y}]"]
    assert got.headers["number"] == ["1.5"]
    assert "none" not in got.headers


def test_every_form_of_a_context_source(app, client, backend):
    got = heard(client, backend, action="context")
    assert got.target == "/my-table"
    assert len(got.headers["connectionid"][0]) == 20
    assert len(got.headers["message"][0]) == 20
    assert got.headers["api"] == [app.api()["apiId"]]
    assert got.headers["route"] == ["context"]
    assert got.headers["ip"] == ["127.0.0.1"]
    assert got.headers["variable"] == ["my-table"]
    assert got.headers["fixed"] == ['it is "fixed", yes']
    assert got.headers["content-type"] == ["text/plain"]
    assert got.headers["user-agent"] == ["me"]
    assert "principal" not in got.headers
    assert "no-variable" not in got.headers


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nX-Evil: 1",
        "a\nX-Evil: 1",
        "a\rX-Evil: 1",
        "a\0b",
        "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
        "a\x7f",
        "\x01",
    ],
)
def test_a_value_that_no_header_may_have_is_left_out(client, backend, value):
    got = heard(client, backend, room="r", name=value)
    assert "name" not in got.headers
    assert "whole" not in got.headers
    assert "x-evil" not in got.headers
    assert backend.seen("/evil") == []
    # What the query can carry, it carries within its value.
    assert set(got.query) <= {"v", "q", "fixed", "empty"}


@pytest.mark.parametrize("value", ["a&evil=1", "a#evil", "a?evil=1", "a=b", "%26evil=1", "ü ", "+"])
def test_a_value_stays_within_its_query_parameter(client, backend, value):
    got = heard(client, backend, room="r", name=value)
    assert got.query == {"v": ["1"], "q": [value], "fixed": ["a=b&c"], "empty": [""]}
    assert got.path == "/rooms/r/messages"


@pytest.mark.parametrize("value", ["r-1", "a.b", "ü", "{room}", "a b", "a;b", "a:b@c", "~", "+"])
def test_a_value_is_one_segment_of_the_path(client, backend, value):
    got = heard(client, backend, room=value)
    assert got.path == f"/rooms/{quote(value, safe='')}/messages"


@pytest.mark.parametrize(
    "value",
    ["..", ".", "../x", "a/../b", "a/b", "/", "//evil", "\\", "%2f", "%2e%2e", "a?b", "a#b", "",
     "a\r\nX: y", None],
)  # fmt: skip
def test_what_would_leave_its_segment_of_the_path_is_an_error_frame(client, backend, value):
    """So is a missing value: the URL without it means another resource."""
    before = backend.count()
    client.send(json.dumps({"room": value}))
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    assert backend.count() == before


@pytest.mark.parametrize("text", ["no JSON", "[]", '"x"', "1", "null"])
def test_a_message_without_the_value_is_an_error_frame(client, backend, text):
    before = backend.count()
    client.send(text)
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    assert backend.count() == before


def test_a_stage_variable_may_be_any_part_of_the_url(dev, connect, http_backend):
    """And one that makes no URL fails each call."""
    host = http_backend.url.removeprefix("http://")
    variables = {"scheme": "http", "host": host, "path": "a/b", "query": "q=1"}
    app = dev(
        websocket_app(
            {
                "good": Http(
                    "${stageVariables.scheme}://${stageVariables.host}/${stageVariables.path}"
                    "?${stageVariables.query}",
                    two_way=True,
                ),
                "bad": Http("http://${stageVariables.missing}/", two_way=True),
            },
            stage_properties={"StageVariables": variables},
        )
    )
    client = connect(app.url())
    http_backend.answer("/a/b", body="good")
    say(client, "good")
    assert client.recv(timeout=10) == "good"
    assert http_backend.last().target == "/a/b?q=1"
    say(client, "bad")
    assert INTERNAL.fullmatch(client.recv(timeout=10))


def test_the_host_may_be_fixed(dev, connect, http_backend):
    """As a backend that serves several hosts behind one address needs it."""
    mapping = {f"{TO_HEADER}Host": "'chat.example.com'"}
    app = dev(websocket_app({"$default": Http(f"{http_backend.url}/host", mapping)}))
    connect(app.url()).send("hello")
    assert http_backend.received("/host")[-1].headers["host"] == ["chat.example.com"]


class TestConnect:
    """Of `$connect` headers and query are sources too."""

    MAPPINGS = {
        f"{TO_HEADER}one": "route.request.header.X-Tag",
        f"{TO_HEADER}all": "route.request.multivalueheader.X-Tag",
        f"{TO_HEADER}first-name": "route.request.querystring.name",
        f"{TO_HEADER}names": "route.request.multivaluequerystring.name",
        f"{TO_QUERY}tag": "route.request.multivalueheader.X-Tag",
        f"{TO_QUERY}name": "route.request.querystring.name",
        f"{TO_HEADER}X-Forwarded-For": "'hidden'",
        f"{TO_HEADER}address": "route.request.header.X-Forwarded-For",
    }
    DECLARED = {
        "RequestParameters": {
            "route.request.header.X-Tag": {"Required": False},
            "route.request.querystring.name": {"Required": False},
            "route.request.header.X-Forwarded-For": {"Required": False},
        }
    }

    @pytest.fixture(params=[Http, HttpCustom])
    def app(self, request, dev, http_backend):
        target = request.param(f"{http_backend.url}/in", self.MAPPINGS, route=self.DECLARED)
        return dev(websocket_app({"$connect": target}))

    def test_single_and_multiple_values(self, app, http_backend, raw_socket):
        headers = [("X-Tag", "a"), ("x-tag", "b"), ("X-Forwarded-For", "1.2.3.4")]
        raw = raw_socket(app)
        assert raw.upgrade("/prod?name=ann&name=b%20c&Name=x", headers=headers).status == 101
        got = http_backend.received("/in")[-1]
        assert got.headers["one"] == ["b"]
        assert got.headers["all"] == ["a", "b"]
        assert got.headers["first-name"] == ["b c"]
        assert got.headers["names"] == ["ann", "b c"]
        assert got.query == {"tag": ["a", "b"], "name": ["b c"]}
        assert got.headers["x-forwarded-for"] == ["hidden"]
        assert got.headers["address"] == ["127.0.0.1"], "not what the client says"

    def test_an_encoded_line_end_in_the_query_is_no_header(self, app, http_backend, raw_socket):
        assert raw_socket(app).upgrade("/prod?name=a%0d%0aX-Evil:%201").status == 101
        got = http_backend.received("/in")[-1]
        assert "first-name" not in got.headers
        assert "names" not in got.headers
        assert "x-evil" not in got.headers


def test_the_handshake_passes_no_header_of_its_own_hop(dev, http_backend, raw_socket):
    """Nor one that would say more of the request than there is, or end it early."""
    app = dev(websocket_app({"$connect": Http(f"{http_backend.url}/in")}))
    headers = [
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "secret"),
        ("Keep-Alive", "timeout=5"),
        ("Cookie", "a=b"),
    ]
    assert raw_socket(app).upgrade("/prod", headers=headers).status == 101
    got = http_backend.received("/in")[-1]
    assert got.headers["x-forwarded-for"] == ["127.0.0.1"]
    assert got.headers["cookie"] == ["a=b"]
    gone = {"x-forwarded-host", "te", "proxy-authorization", "keep-alive", "upgrade", "connection"}
    assert gone & set(got.headers) == set()
    assert got.headers["host"] == [http_backend.url.removeprefix("http://")]
