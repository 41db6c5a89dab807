"""G. Integrations: what backends get, and what of their answers reaches the client."""

import json
import threading

import pytest
from support.talk import (
    WHOAMI,
    connection_id,
    error_frame,
    is_silent,
    recording_app,
    say,
)
from support.template import RECORDER, Function, Http, Mock, python, websocket_app

INTERNAL = error_frame("Internal server error")


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.mark.checklist(91)
@pytest.mark.parametrize("answer", [{"statusCode": 200, "body": "no"}, {"body": "no"}, "null"])
def test_a_one_way_route_replies_nothing(app, client, answer):
    own = connection_id(client)
    say(client, "one", answer=answer)
    app.recorded("MESSAGE", connectionId=own)
    assert is_silent(client)


@pytest.mark.checklist(92)
@pytest.mark.parametrize("body", ["hello", '{"a": 1}', "ünï 😀", "x" * 30_000])
def test_a_two_way_route_replies_with_the_body(client, body):
    say(client, "two", answer={"statusCode": 200, "body": body})
    assert client.recv(timeout=10) == body


@pytest.mark.checklist(93)
@pytest.mark.parametrize("status", [301, 400, 403, 500, 503])
def test_a_two_way_reply_arrives_whatever_its_status(client, status):
    say(client, "two", answer={"statusCode": status, "body": "busy"})
    assert client.recv(timeout=10) == "busy"


@pytest.mark.parametrize("answer", [{"statusCode": 200}, {"statusCode": 200, "body": ""}, "null"])
def test_a_two_way_reply_without_body_is_no_frame(app, client, answer):
    own = connection_id(client)
    say(client, "two", answer=answer)
    app.recorded("MESSAGE", connectionId=own)
    assert is_silent(client)


@pytest.mark.checklist(94)
@pytest.mark.parametrize("status", [301, 401, 500, 501])
def test_a_one_way_status_has_no_effect(app, client, status):
    own = connection_id(client)
    say(client, "one", answer={"statusCode": status, "body": "busy"})
    app.recorded("MESSAGE", connectionId=own)
    assert is_silent(client)
    assert connection_id(client) == own


@pytest.mark.checklist(95)
@pytest.mark.parametrize("what", [{"raise": "no"}, {"exit": 3}])
@pytest.mark.parametrize("action", ["one", "two", "nowhere"])
def test_a_function_that_fails_is_an_error_frame_on_any_route(client, action, what):
    say(client, action, **what)
    assert INTERNAL.fullmatch(client.recv(timeout=10))


@pytest.mark.checklist(96)
def test_a_function_that_returns_nothing_is_no_error(app, client):
    own = connection_id(client)
    say(client, "one", answer="null")
    app.recorded("MESSAGE", connectionId=own)
    assert is_silent(client)


@pytest.fixture(scope="module")
def backend(module_backend):
    return module_backend


#: A function's ARN with a stage variable in it, in the form of the console.
BY_VARIABLE = (
    "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:"
    "${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.fn}/invocations"
)

MAPPINGS = {
    "integration.request.header.connectionId": "context.connectionId",
    "integration.request.header.stage": "context.stage",
    "integration.request.header.fixed": "'a value'",
    "integration.request.querystring.fixed": "'v w'",
    "integration.request.querystring.table": "stageVariables.table",
    "integration.request.header.who": "route.request.body.user.name",
    "integration.request.header.nobody": "route.request.body.nobody",
}

CONTEXT = (
    '{"id":"$context.connectionId","route":"${context.routeKey}","stage":"$context.stage",'
    '"nothing":"$context.nothing","table":"$stageVariables.table",'
    """"again":"${stageVariables.table}","third":"$stageVariables['table']"}"""
)


def by_kind(*kinds, **properties):
    """A MOCK whose status is that of the request template of the message's `kind`."""
    statuses = {"good": 200, "bad": 404, "$default": 500}
    return {
        "RequestTemplates": {kind: json.dumps({"statusCode": statuses[kind]}) for kind in kinds},
        "TemplateSelectionExpression": "${request.body.kind}",
        **properties,
    }


@pytest.fixture(scope="module")
def variants(module_dev, backend):
    """Routes with integrations of every kind."""
    replies = {r"/2\d\d/": "well", r"/4\d\d/": "badly", "$default": "somehow"}
    responses = {k: {"ResponseTemplates": {"$default": v}} for k, v in replies.items()}
    bare = {"IntegrationUri": {"Fn::GetAtt": ["Main", "Arn"]}}
    by_variable = {"IntegrationUri": {"Fn::Sub": BY_VARIABLE}}
    never = by_kind("good", PassthroughBehavior="NEVER")
    quick = {"TimeoutInMillis": 300}
    event = {
        "RequestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    }
    return module_dev(
        websocket_app(
            {
                "bare": Function("Main", two_way=True, integration=bare),
                "event": Function("Main", two_way=True, integration=event),
                "whoami": WHOAMI,
                "variable": Function("Main", two_way=True, integration=by_variable),
                "slow": Function("Main", integration=quick),
                "status": Mock(
                    "", responses=responses, integration=by_kind("good", "bad", "$default")
                ),
                "never": Mock("passed", integration=never),
                "context": Mock(CONTEXT),
                "plain": Http(f"{backend.url}/plain"),
                "mapped": Http(f"{backend.url}/mapped?kept=1", MAPPINGS),
                "both": Http(f"{backend.url}/both", two_way=True),
                "put": Http(f"{backend.url}/put", method="PUT"),
                "variable-url": Http("http://${stageVariables.backend}/variable", two_way=True),
                "refused": Http("http://127.0.0.1:1/", two_way=True),
                "late": Http(f"{backend.url}/late", integration=quick),
            },
            {"Main": python(RECORDER, FunctionName="by-variable")},
            stage_properties={
                "StageVariables": {
                    "fn": "by-variable",
                    "table": "rooms",
                    "backend": backend.url.removeprefix("http://"),
                }
            },
        )
    )


@pytest.fixture
def visitor(variants, connect):
    return connect(variants.url())


def test_replies_come_in_the_order_in_which_they_are_done(client):
    """Messages of a connection run side by side; no reply waits for that of an earlier message."""
    say(client, "two", sleep=1.5, answer={"body": "slow"})
    say(client, "two", answer={"body": "quick"})
    assert client.recv(timeout=10) == "quick"
    assert client.recv(timeout=10) == "slow"


@pytest.mark.checklist(121)
def test_a_proxy_function_may_be_invoked_asynchronously(visitor, variants):
    """Nobody waits for what it answers, so a two-way route has nothing to reply."""
    own = connection_id(visitor)
    say(visitor, "event", answer={"body": "unheard"}, **{"raise": "unheard"})
    variants.recorded("MESSAGE", connectionId=own)
    assert is_silent(visitor)


@pytest.mark.checklist(97)
def test_an_integration_that_takes_too_long_is_a_timeout_frame(visitor):
    say(visitor, "slow", sleep=3)
    assert error_frame("Endpoint request timed out").fullmatch(visitor.recv(timeout=2))


@pytest.mark.checklist(97)
def test_an_http_backend_that_takes_too_long_is_a_timeout_frame(visitor, backend):
    done = threading.Event()
    backend.answer("/late", delay=done)
    say(visitor, "late")
    assert error_frame("Endpoint request timed out").fullmatch(visitor.recv(timeout=5))
    done.set()


@pytest.mark.checklist(98)
@pytest.mark.parametrize(
    "millis, accepted", [(50, True), (29_000, True), (49, False), (29_001, False)]
)
def test_a_timeout_is_50_to_29000_milliseconds(dev, millis, accepted):
    template = websocket_app({"$default": Mock(integration={"TimeoutInMillis": millis})})
    if accepted:
        assert dev(template).ready
    else:
        assert "TimeoutInMillis" in dev.refused(template).stderr


@pytest.mark.checklist(99, 100, 101)
@pytest.mark.parametrize("action", ["bare", "variable"])
def test_a_function_may_be_named_in_every_form_of_uri(visitor, action):
    """A bare ARN, and the `path/…/invocations` form with a stage variable in it."""
    say(visitor, action, answer={"body": action})
    assert visitor.recv(timeout=10) == action


@pytest.mark.checklist(102)
def test_a_stage_variable_in_a_url_is_resolved(visitor, backend):
    backend.answer("/variable", body="found")
    say(visitor, "variable-url")
    assert visitor.recv(timeout=10) == "found"


@pytest.mark.checklist(103, 105, 107)
@pytest.mark.parametrize(
    "kind, reply", [("good", "well"), ("bad", "badly"), ("other", "somehow"), (None, "somehow")]
)
def test_a_mock_has_the_status_of_the_chosen_request_template(visitor, kind, reply):
    """200, 404, and by `$default` 500; integration responses by regex, else `$default`."""
    say(visitor, "status", kind=kind)
    assert visitor.recv(timeout=10) == reply


@pytest.mark.checklist(104, 123)
def test_a_mock_replies_with_its_response_template(visitor):
    say(visitor, "context")
    reply = json.loads(visitor.recv(timeout=10))
    assert len(reply.pop("id")) == 20
    assert reply == {
        "route": "context", "stage": "prod", "nothing": "", "table": "rooms", "again": "rooms",
        "third": "rooms",
    }  # fmt: skip


@pytest.mark.checklist(125)
def test_passthrough_never_refuses_what_has_no_template(visitor):
    say(visitor, "never", kind="good")
    assert visitor.recv(timeout=10) == "passed"
    say(visitor, "never", kind="other")
    assert error_frame("Unsupported Media Type").fullmatch(visitor.recv(timeout=10))


@pytest.mark.checklist(109, 112, 113)
def test_mapped_parameters_reach_the_backend(visitor, backend, variants):
    text = json.dumps({"action": "mapped", "user": {"name": "ann"}})
    visitor.send(text)
    got = backend.received("/mapped")[-1]
    assert (got.method, got.body) == ("POST", text)
    assert got.query == {"kept": ["1"], "fixed": ["v w"], "table": ["rooms"]}
    assert len(got.headers["connectionid"][0]) == 20
    assert got.headers["stage"] == ["prod"]
    assert got.headers["fixed"] == ["a value"]
    assert got.headers["who"] == ["ann"]
    assert "nobody" not in got.headers


def test_a_mapped_value_cannot_add_headers(visitor, backend):
    before = len(backend.seen("/mapped"))
    say(visitor, "mapped", user={"name": "ann\r\nX-Evil: 1"})
    got = backend.received("/mapped", count=before + 1)[-1]
    assert "x-evil" not in got.headers
    assert "who" not in got.headers


@pytest.mark.checklist(110, 114)
def test_an_http_backend_gets_these_headers_and_no_connection_id(variants, visitor, backend):
    say(visitor, "plain")
    headers = backend.received("/plain")[-1].headers
    api_id = variants.api()["apiId"]
    assert headers["x-amzn-apigateway-api-id"] == [api_id]
    assert headers["user-agent"] == [f"AmazonAPIGateway_{api_id}"]
    assert headers["host"] == [backend.url.removeprefix("http://")]
    assert headers["content-type"] == ["application/json"]
    assert headers["x-amzn-trace-id"][0].startswith("Root=1-")
    assert not [name for name in headers if "connectionid" in name.replace("-", "")]


def test_the_integration_method_is_the_http_method(visitor, backend):
    say(visitor, "put")
    assert backend.received("/put")[0].method == "PUT"


@pytest.mark.checklist(117)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_two_way_http_reply_is_the_body_whatever_its_status(visitor, backend, status):
    """Without an integration response."""
    backend.answer("/both", status=status, body='{"from": "backend"}')
    say(visitor, "both")
    assert visitor.recv(timeout=10) == '{"from": "backend"}'


def test_a_one_way_http_answer_is_dropped(visitor, backend):
    backend.answer("/plain", status=500, body="no")
    before = len(backend.seen("/plain"))
    say(visitor, "plain")
    backend.received("/plain", count=before + 1)
    assert is_silent(visitor)


def test_a_backend_that_cannot_be_reached_is_an_error_frame(visitor):
    say(visitor, "refused")
    assert INTERNAL.fullmatch(visitor.recv(timeout=10))


def test_a_redirect_is_not_followed(visitor, backend):
    backend.answer("/both", 302, "moved", [("Location", f"{backend.url}/elsewhere")])
    say(visitor, "both")
    assert visitor.recv(timeout=10) == "moved"
    assert backend.seen("/elsewhere") == []


class TestHttpConnect:
    """`$connect` and `$disconnect` as HTTP requests."""

    @pytest.fixture
    def app(self, dev, http_backend):
        connect_mappings = {
            "integration.request.header.token": "route.request.querystring.authToken",
            "integration.request.header.agent": "route.request.header.User-Agent",
        }
        declared = {
            "RequestParameters": {
                "route.request.querystring.authToken": {"Required": False},
                "route.request.header.User-Agent": {"Required": False},
            }
        }
        return dev(
            websocket_app(
                {
                    "$connect": Http(f"{http_backend.url}/in", connect_mappings, route=declared),
                    "$disconnect": Http(f"{http_backend.url}/out"),
                }
            )
        )

    @pytest.mark.checklist(111, 115)
    def test_the_backend_sees_the_handshake_and_the_mapped_query(self, app, http_backend, connect):
        connect(app.url() + "?authToken=secret", user_agent_header="probe/1.0")
        got = http_backend.received("/in")[0]
        assert (got.method, got.body) == ("POST", "")
        assert got.headers["token"] == ["secret"]
        assert got.headers["agent"] == ["probe/1.0"]
        assert got.headers["sec-websocket-version"] == ["13"]
        assert len(got.headers["sec-websocket-key"][0]) == 24
        assert got.headers["x-forwarded-for"] == ["127.0.0.1"]
        assert "upgrade" not in got.headers

    @pytest.mark.checklist(111)
    def test_an_absent_query_parameter_maps_to_no_header(self, app, http_backend, connect):
        connect(app.url())
        assert "token" not in http_backend.received("/in")[0].headers

    def test_the_backend_refuses_with_its_status_and_body(self, app, http_backend, raw_socket):
        http_backend.answer("/in", status=418, body="a teapot")
        response = raw_socket(app).upgrade("/prod")
        assert (response.status, response.body) == (418, b"a teapot")

    def test_the_backend_hears_of_the_end(self, app, http_backend, connect):
        connect(app.url()).close()
        got = http_backend.received("/out")[0]
        assert (got.method, got.body) == ("POST", "")
        assert got.headers["x-amzn-apigateway-api-id"] == [app.api()["apiId"]]

    @pytest.mark.checklist(116)
    def test_a_mapping_overrides_a_header_of_the_handshake(self, dev, http_backend, connect):
        version = {"integration.request.header.Sec-WebSocket-Version": "'0'"}
        app = dev(websocket_app({"$connect": Http(f"{http_backend.url}/old", version)}))
        connect(app.url())
        assert http_backend.received("/old")[0].headers["sec-websocket-version"] == ["0"]

    def test_a_required_parameter_that_is_absent_is_400(self, dev, http_backend, raw_socket):
        required = {"RequestParameters": {"route.request.querystring.t": {"Required": True}}}
        target = Http(f"{http_backend.url}/required", route=required)
        app = dev(websocket_app({"$connect": target}))
        assert raw_socket(app).upgrade("/prod").status == 400
        assert http_backend.seen("/required") == []
        assert raw_socket(app).upgrade("/prod?t=1").status == 101


def test_what_the_egress_rules_deny_is_not_called(dev, connect, http_backend):
    app = dev(
        websocket_app({"$default": Http(f"{http_backend.url}/denied", two_way=True)}),
        config='[egress]\ndeny = ["127.0.0.0/8"]',
    )
    client = connect(app.url())
    client.send("hello")
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    assert http_backend.seen("/denied") == []


def test_instance_metadata_is_not_called(dev, connect):
    app = dev(websocket_app({"$default": Http("http://169.254.169.254/latest", two_way=True)}))
    client = connect(app.url())
    client.send("hello")
    # At once: not after an attempt.
    assert INTERNAL.fullmatch(client.recv(timeout=2))


def test_a_message_handler_may_post_to_its_own_connection(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", post="from the handler")
    assert client.recv(timeout=10) == "from the handler"
    assert app.recorded("MESSAGE", connectionId=own)[0]["posted"] == [200, None]
