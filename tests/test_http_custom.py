"""`HTTP` integrations: the backend gets what the request template makes, and integration responses
make the reply."""

import json
import threading

import pytest
from support.talk import error_frame, is_silent, say
from support.template import HttpCustom, Mock, websocket_app

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

INTERNAL = error_frame("Internal server error")


def response(text=None, **properties):
    """An integration response with this template."""
    template = {} if text is None else {"ResponseTemplates": {"$default": text}}
    return {**template, **properties}


def selected_by(expression, **templates):
    """The one integration response, whose template an expression selects."""
    return {
        "$default": {
            "TemplateSelectionExpression": expression,
            "ResponseTemplates": {"$default": "another", **templates},
        }
    }


BY_STATUS = {
    r"/2\d\d/": response('{"well":$input.json(\'$.text\')}'),
    "/404|410/": response("gone"),
    r"/(?!500)5\d\d/": response("broken"),
    "$default": response("otherwise"),
}


@pytest.fixture(scope="module")
def app(module_dev, module_backend):
    def http(path, **options):
        return HttpCustom(f"{module_backend.url}/{path}", two_way=True, **options)

    made = '{"said":$input.json(\'$.text\'),"by":"$context.routeKey","at":"$stageVariables.place"}'
    broken = {
        "RequestTemplates": {"good": '{"statusCode":200}', "$default": '{"statusCode":${context'},
        "TemplateSelectionExpression": "${request.body.kind}",
    }
    form = {
        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
        "integration.request.header.who": "context.routeKey",
    }
    return module_dev(
        websocket_app(
            {
                "made": http("made", integration={"RequestTemplates": {"application/json": made}}),
                "form": http(
                    "form",
                    parameters=form,
                    integration={"RequestTemplates": {"$default": "text=$input.json('$.n')"}},
                ),
                "raw": http("raw"),
                "get": http("get", method="GET"),
                "delete": http("delete", method="DELETE"),
                "any": http("any", method="ANY"),
                "status": http("status", responses=BY_STATUS),
                "unmatched": http("unmatched", responses={"/200/": response("fine")}),
                "none": http("none", responses={}),
                "one": HttpCustom(f"{module_backend.url}/one"),
                "one-none": HttpCustom(f"{module_backend.url}/one-none", responses={}),
                "by-code": http(
                    "by-code",
                    responses=selected_by("$integration.response.statuscode", **{"200": "is 200"}),
                ),
                "by-type": http(
                    "by-type",
                    responses=selected_by(
                        "${integration.response.header.Content-Type}",
                        **{"text/csv": "is CSV", "application/json": "is JSON"},
                    ),
                ),
                "by-both": http(
                    "by-both",
                    responses=selected_by(
                        "${integration.response.multivalueheader.X-Kind}",
                        **{"[a, b]": "is a and b"},
                    ),
                ),
                "by-body": http(
                    "by-body",
                    responses=selected_by("${request.body.want}", **{"short": "in short"}),
                ),
                "by-message": http(
                    "by-message",
                    responses=selected_by(
                        "$integration.response.body.errorMessage", **{"no": "never"}
                    ),
                ),
                "broken": Mock("fine", integration=broken),
                "static": http("static", responses=selected_by("fixed", fixed="is fixed")),
                "unreachable": HttpCustom("http://127.0.0.1:1/", two_way=True),
            },
            stage_properties={"StageVariables": {"place": "here"}},
        )
    )


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.fixture
def backend(module_backend):
    return module_backend


def test_the_backend_gets_what_the_request_template_makes(app, client, backend):
    say(client, "made", text="hi", secret="not passed on")
    got = backend.received("/made")[-1]
    assert (got.method, got.body) == ("POST", '{"said":"hi","by":"made","at":"here"}')
    api_id = app.api()["apiId"]
    assert got.headers["x-amzn-apigateway-api-id"] == [api_id]
    assert got.headers["user-agent"] == [f"AmazonAPIGateway_{api_id}"]
    assert got.headers["content-type"] == ["application/json"]
    assert got.headers["x-amzn-trace-id"][0].startswith("Root=1-")


def test_a_mapped_content_type_is_sent(client, backend):
    say(client, "form", n=7)
    got = backend.received("/form")[-1]
    assert got.headers["content-type"] == ["application/x-www-form-urlencoded"]
    assert got.headers["who"] == ["form"]
    assert got.body == "text=7"


def test_what_a_client_sends_is_no_template(client, backend):
    text = "$context.connectionId ${stageVariables.place} #set($x=1) $input.body"
    before = len(backend.seen("/made"))
    say(client, "made", text=text)
    got = json.loads(backend.received("/made", count=before + 1)[-1].body)
    assert got["said"] == text


def test_what_a_backend_answers_is_no_template(client, backend):
    backend.answer("/status", body='{"text":"$context.connectionId #if(true)"}')
    say(client, "status")
    assert client.recv(timeout=10) == '{"well":"$context.connectionId #if(true)"}'


def test_replies_come_in_the_order_in_which_they_are_done(client, backend):
    """Messages of a connection run side by side; no reply waits for that of an earlier message."""
    done = threading.Event()
    backend.answer("/raw", body="slow", delay=done)
    backend.answer("/status", body='{"text":"quick"}')
    before = len(backend.seen("/raw"))
    say(client, "raw")
    backend.received("/raw", count=before + 1)
    say(client, "status")
    assert client.recv(timeout=10) == '{"well":"quick"}'
    done.set()
    assert client.recv(timeout=10) == "slow"


def test_without_templates_message_and_answer_pass_as_they_are(client, backend):
    backend.answer("/raw", body=b'{ "as" : "it is" }')
    client.send('{"action":"raw", "x" : "ü"}')
    assert client.recv(timeout=10) == '{ "as" : "it is" }'
    assert backend.received("/raw")[-1].body == '{"action":"raw", "x" : "ü"}'


@pytest.mark.parametrize(
    "action, method, has_body",
    [("get", "GET", False), ("delete", "DELETE", True), ("any", "POST", True)],
)
def test_the_integration_method_is_the_http_method(client, backend, action, method, has_body):
    say(client, action)
    got = backend.received(f"/{action}")[-1]
    assert (got.method, bool(got.raw)) == (method, has_body)


@pytest.mark.checklist(105)
@pytest.mark.parametrize(
    "status, reply",
    [
        (200, '{"well":"it went"}'),
        (201, '{"well":"it went"}'),
        (410, "gone"),
        (503, "broken"),
        (500, "otherwise"),
        (302, "otherwise"),
    ],
)
def test_the_status_selects_the_integration_response(client, backend, status, reply):
    """The first key that matches the whole status; the third looks ahead, as Java allows."""
    backend.answer("/status", status=status, body='{"text":"it went"}')
    say(client, "status")
    assert client.recv(timeout=10) == reply


@pytest.mark.parametrize("action", ["unmatched", "none"])
def test_without_a_matching_response_it_is_an_error_frame(client, backend, action):
    backend.answer(f"/{action}", status=500)
    say(client, action)
    assert INTERNAL.fullmatch(client.recv(timeout=10))


@pytest.mark.checklist(91)
@pytest.mark.parametrize("action", ["one", "one-none"])
def test_a_one_way_route_replies_nothing(client, backend, action):
    backend.answer(f"/{action}", status=500, body="no")
    before = len(backend.seen(f"/{action}"))
    say(client, action)
    backend.received(f"/{action}", count=before + 1)
    assert is_silent(client)


@pytest.mark.checklist(107, 108)
@pytest.mark.parametrize(
    "action, answer, reply",
    [
        ("by-code", {"status": 200}, "is 200"),
        ("by-code", {"status": 202}, "another"),
        ("by-type", {"headers": [("Content-Type", "text/csv")]}, "is CSV"),
        ("by-type", {"headers": [("content-type", "application/json")]}, "is JSON"),
        ("by-type", {}, "another"),
        ("by-both", {"headers": [("X-Kind", "a"), ("X-Kind", "b")]}, "is a and b"),
        ("by-message", {"body": '{"errorMessage":"no"}'}, "another"),
        ("static", {}, "is fixed"),
    ],
)
def test_an_expression_selects_the_response_template(client, backend, action, answer, reply):
    backend.answer(f"/{action}", **answer)
    say(client, action)
    assert client.recv(timeout=10) == reply


@pytest.mark.checklist(107)
@pytest.mark.parametrize("want, reply", [("short", "in short"), ("long", "another")])
def test_the_message_may_select_the_response_template(client, want, reply):
    say(client, "by-body", want=want)
    assert client.recv(timeout=10) == reply


def test_a_broken_template_fails_only_what_selects_it(app, client, backend):
    """AWS takes one that breaks Velocity's grammar."""
    for kind in ("good", None, "good"):
        say(client, "broken", kind=kind)
        reply = client.recv(timeout=10)
        assert reply == "fine" if kind else INTERNAL.fullmatch(reply)


@pytest.mark.template_only
def test_the_place_of_a_broken_template_is_told_at_start(app):
    warnings = [event["text"] for event in app.events("warning")]
    assert [text for text in warnings if "the mapping template $default fails" in text]


def test_a_backend_that_cannot_be_reached_is_an_error_frame(client):
    """No integration response is for it: there is no answer."""
    say(client, "unreachable")
    assert INTERNAL.fullmatch(client.recv(timeout=10))


class TestConnect:
    """`$connect` through templates."""

    @staticmethod
    def app(dev, backend, **options):
        return dev(websocket_app({"$connect": HttpCustom(f"{backend.url}/in", **options)}))

    @pytest.mark.checklist(16)
    @pytest.mark.parametrize("key", ["/200/", "$default"])
    def test_an_integration_response_lets_the_client_in(self, dev, http_backend, raw_socket, key):
        made = {"RequestTemplates": {"$default": '{"who":"$context.identity.sourceIp"}'}}
        app = self.app(dev, http_backend, responses={key: {}}, integration=made)
        assert raw_socket(app).upgrade("/prod").status == 101
        got = http_backend.received("/in")[-1]
        assert got.body == '{"who":"127.0.0.1"}'
        assert "sec-websocket-key" not in got.headers, "only HTTP_PROXY passes the handshake on"

    def test_a_refusal_is_the_status_with_what_the_template_makes(
        self, dev, http_backend, raw_socket
    ):
        refusal = response('{"why":$input.json(\'$.reason\')}')
        app = self.app(dev, http_backend, responses={"$default": {}, r"/4\d\d/": refusal})
        http_backend.answer("/in", 403, '{"reason":"full"}', [("X-Internal", "1")])
        refused = raw_socket(app).upgrade("/prod")
        assert (refused.status, refused.body) == (403, b'{"why":"full"}')
        assert refused.header("content-type") == "application/json"
        assert refused.header("x-internal") is None

    @pytest.mark.parametrize("responses", [{}, {"/200/": {}}])
    def test_without_a_matching_response_nobody_comes_in(
        self, dev, http_backend, raw_socket, responses
    ):
        http_backend.answer("/in", status=201)
        refused = raw_socket(self.app(dev, http_backend, responses=responses)).upgrade("/prod")
        assert refused.status == 500
        assert INTERNAL.fullmatch(refused.body.decode())

    @pytest.mark.checklist(17)
    @pytest.mark.parametrize("status, expected", [(200, 101), (403, 403)])
    def test_a_mock_lets_in_or_refuses(self, dev, raw_socket, status, expected):
        request = json.dumps({"statusCode": status})
        target = Mock(request=request, responses={"/200/": {}, "/403/": response("go away")})
        answer = raw_socket(dev(websocket_app({"$connect": target}))).upgrade("/prod")
        assert answer.status == expected
        assert answer.body == (b"" if expected == 101 else b"go away")
