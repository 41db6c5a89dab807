"""`AWS` integrations with a Lambda function: the function gets what the request template makes, and
integration responses make the reply."""

import base64
import json
import time

import pytest
from support.poll import until
from support.talk import error_frame, is_silent, say
from support.template import Custom, permission, python, websocket_app

INTERNAL = error_frame("Internal server error")

#: Writes down its event as it is, then does what the event asks for; answers it by default.
ECHO = r"""
import json, os, time

def handler(event, context):
    with open(os.environ["EVENTS"], "a") as log:
        log.write(json.dumps(event) + "\n")
    asked = event if isinstance(event, dict) else {}
    time.sleep(float(asked.get("sleep", 0)))
    if "raise" in asked:
        raise Exception(asked["raise"])
    return asked.get("answer", event)
"""

#: The function by a stage variable, with an alias by another.
BY_VARIABLE = (
    "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:"
    "${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.fn}:${!stageVariables.alias}"
    "/invocations"
)


def templates(by_key, selection=None):
    """The request templates of an integration."""
    chosen = {"TemplateSelectionExpression": selection} if selection else {}
    return {"RequestTemplates": by_key, **chosen}


def answers(**by_key):
    """Response templates by integration response key."""
    return {key: {"ResponseTemplates": {"$default": text}} for key, text in by_key.items()}


def two_way(**options):
    """A two-way route to the echo."""
    return Custom("Echo", two_way=True, **options)


ERRORS = answers(
    **{
        "/Bad Request.*/": '{"status":400,"error":$input.json(\'$.errorMessage\')}',
        r"/.*no such (\w+) \1.*/": "twice",
        "$default": '{"status":200,"body":$input.json(\'$\')}',
    }
)
EVENT = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
BINARY = {"ContentHandlingStrategy": "CONVERT_TO_BINARY"}
KINDS = templates({"a": '{"kind":"A"}', "$default": '{"kind":"?"}'}, "${request.body.kind}")
ONE_KIND = templates({"a": '{"kind":"A"}'}, "${request.body.kind}")


@pytest.fixture(scope="module")
def app(module_dev):
    made = '{"from":"$context.connectionId","text":$input.json(\'$.text\'),"fixed":true}'
    routes = {
        "raw": two_way(),
        "made": two_way(integration=templates({"application/json": made})),
        "kinds": two_way(integration=KINDS),
        "errors": two_way(responses=ERRORS),
        "unmatched": two_way(responses=answers(**{"/Bad Request.*/": "bad"})),
        "none": two_way(responses={}),
        "one": Custom("Echo"),
        "one-none": Custom("Echo", responses={}),
        "event": two_way(
            responses=answers(**{"$default": "queued"}), integration={"RequestParameters": EVENT}
        ),
        "quick": two_way(integration={"TimeoutInMillis": 300}),
        "binary": two_way(integration=BINARY),
        "by-variable": two_way(integration={"IntegrationUri": {"Fn::Sub": BY_VARIABLE}}),
        "by-nothing": two_way(
            integration={"IntegrationUri": {"Fn::Sub": BY_VARIABLE.replace("alias", "none")}}
        ),
        "always": two_way(integration={**ONE_KIND, "PassthroughBehavior": "WHEN_NO_MATCH"}),
        "if-bare": two_way(integration={**ONE_KIND, "PassthroughBehavior": "WHEN_NO_TEMPLATES"}),
        "bare": two_way(integration={"PassthroughBehavior": "WHEN_NO_TEMPLATES"}),
        "never": two_way(integration={**ONE_KIND, "PassthroughBehavior": "NEVER"}),
        "never-bare": two_way(integration={"PassthroughBehavior": "NEVER"}),
    }
    return module_dev(
        websocket_app(
            routes,
            {"Echo": python(ECHO, FunctionName="echo", AutoPublishAlias="live")},
            stage_properties={"StageVariables": {"fn": "echo", "alias": "live"}},
            resources={"LivePermission": permission("Echo.Alias")},
        ),
        config='[functions]\nretry_delays = ["10ms", "10ms"]',
    )


@pytest.fixture
def client(app, connect):
    return connect(app.url())


def invoked_with(app, wanted):
    """Whether the function was invoked with this event, once it was."""

    def found():
        lines = app.events_file.read_text().splitlines() if app.events_file.exists() else []
        return any(json.loads(line) == wanted for line in lines)

    return until(found, f"an invocation with {wanted}", 10)


def test_without_a_template_the_message_is_the_payload_and_the_result_the_reply(client):
    """As JSON, byte for byte what the runtime writes."""
    client.send('{"action":"raw","answer":{"a":[1,"x",null],"b":"ü"}}')
    assert client.recv(timeout=10) == '{"a": [1, "x", null], "b": "ü"}'


@pytest.mark.parametrize(
    "answer, frame", [("text", '"text"'), (7, "7"), (None, "null"), ([], "[]")]
)
def test_any_result_is_its_json(client, answer, frame):
    say(client, "raw", answer=answer)
    assert client.recv(timeout=10) == frame


def test_a_status_code_in_the_result_means_nothing(client):
    say(client, "raw", answer={"statusCode": 500, "body": "x"})
    assert client.recv(timeout=10) == '{"statusCode": 500, "body": "x"}'


def test_the_function_gets_what_the_request_template_makes(client):
    say(client, "made", text="hi \"you\"", secret="not passed on")
    event = json.loads(client.recv(timeout=10))
    assert len(event.pop("from")) == 20
    assert event == {"text": 'hi "you"', "fixed": True}


@pytest.mark.checklist(107)
@pytest.mark.parametrize("kind, made", [("a", "A"), ("b", "?"), ("$default", "?"), (None, "?")])
def test_the_selection_expression_chooses_the_template_else_default(client, kind, made):
    say(client, "kinds", kind=kind)
    assert client.recv(timeout=10) == json.dumps({"kind": made})


@pytest.mark.checklist(125)
@pytest.mark.parametrize(
    "action, kind, reply",
    [
        ("always", "a", '{"kind": "A"}'),
        ("always", "b", '{"action": "always", "kind": "b"}'),
        ("if-bare", "a", '{"kind": "A"}'),
        ("if-bare", "b", None),
        ("bare", "b", '{"action": "bare", "kind": "b"}'),
        ("never", "a", '{"kind": "A"}'),
        ("never", "b", None),
        ("never-bare", "b", None),
    ],
)
def test_passthrough_behavior(client, action, kind, reply):
    say(client, action, kind=kind)
    got = client.recv(timeout=10)
    if reply is None:
        assert error_frame("Unsupported Media Type").fullmatch(got)
    else:
        assert got == reply


def test_a_message_that_is_no_json_is_no_payload(dev, connect):
    app = dev(websocket_app({"$default": two_way()}, {"Echo": ECHO}))
    client = connect(app.url())
    client.send("not JSON")
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    client.send('"JSON"')
    assert client.recv(timeout=10) == '"JSON"'


@pytest.mark.checklist(106)
@pytest.mark.parametrize(
    "error, reply",
    [
        ("Bad Request: no text", '{"status":400,"error":"Bad Request: no text"}'),
        ("sorry, no such room room!", "twice"),
    ],
)
def test_the_error_message_selects_the_integration_response(client, error, reply):
    """The second key has a back reference, as Java allows."""
    say(client, "errors", **{"raise": error})
    assert client.recv(timeout=10) == reply


@pytest.mark.checklist(105, 106)
def test_an_error_behind_a_mapped_answer_is_told_to_who_watches(app, client):
    """The client gets what the integration response makes; the terminal tells the error."""
    say(client, "errors", **{"raise": "Bad Request: no name"})
    assert json.loads(client.recv(timeout=10))["status"] == 400
    told = app.wait_event("request", lambda event: "no name" in (event["error"] or ""))
    assert "customer function error: Bad Request: no name. Lambda request id: " in told["error"]


def test_an_error_that_no_key_matches_is_for_default(client):
    """The first key matches within this one, but not the whole of it."""
    say(client, "errors", **{"raise": "A Bad Request"})
    reply = json.loads(client.recv(timeout=10))
    assert reply["status"] == 200
    assert reply["body"]["errorMessage"] == "A Bad Request"


@pytest.mark.checklist(105)
def test_no_error_is_for_default(client):
    say(client, "errors", answer={"fine": 1})
    assert client.recv(timeout=10) == '{"status":200,"body":{"fine":1}}'


@pytest.mark.parametrize("what", [{"answer": 1}, {"raise": "else"}])
@pytest.mark.parametrize("action", ["unmatched", "none"])
def test_without_a_matching_response_it_is_an_error_frame(client, action, what):
    say(client, action, **what)
    assert INTERNAL.fullmatch(client.recv(timeout=10))


def test_a_matching_response_alone_is_enough(client):
    say(client, "unmatched", **{"raise": "Bad Request"})
    assert client.recv(timeout=10) == "bad"


@pytest.mark.checklist(91)
@pytest.mark.parametrize("action", ["one", "one-none"])
def test_a_one_way_route_replies_nothing(app, client, action):
    say(client, action, answer="no", n=action)
    assert invoked_with(app, {"action": action, "answer": "no", "n": action})
    assert is_silent(client)


@pytest.mark.checklist(95)
def test_an_error_without_any_response_is_a_frame_on_a_one_way_route_too(client):
    say(client, "one-none", **{"raise": "no"})
    assert INTERNAL.fullmatch(client.recv(timeout=10))


def test_a_function_that_takes_too_long_is_a_timeout_frame(client):
    say(client, "quick", sleep=3)
    assert error_frame("Endpoint request timed out").fullmatch(client.recv(timeout=2))


@pytest.mark.checklist(121)
def test_an_event_invocation_is_not_waited_for(app, client):
    began = time.monotonic()
    say(client, "event", sleep=3, **{"raise": "unheard"})
    assert client.recv(timeout=2) == "queued"
    assert time.monotonic() - began < 2
    assert invoked_with(app, {"action": "event", "sleep": 3, "raise": "unheard"})


@pytest.mark.checklist(128)
def test_convert_to_binary_makes_the_payload_of_base64(dev, connect):
    app = dev(websocket_app({"$default": two_way(integration=BINARY)}, {"Echo": ECHO}))
    client = connect(app.url())
    client.send(base64.b64encode(b'{"answer":"decoded"}').decode())
    assert client.recv(timeout=10) == '"decoded"'
    client.send("no base64!")
    assert INTERNAL.fullmatch(client.recv(timeout=10))


@pytest.mark.checklist(101)
def test_function_and_alias_may_be_stage_variables(client):
    say(client, "by-variable", answer="found")
    assert client.recv(timeout=10) == '"found"'
    say(client, "by-nothing", answer="found")
    assert INTERNAL.fullmatch(client.recv(timeout=10))


class TestConnect:
    """`$connect` and `$disconnect`."""

    @staticmethod
    def app(dev, target, **routes):
        return dev(websocket_app({"$connect": target, **routes}, {"Echo": ECHO}))

    @pytest.mark.checklist(16)
    def test_an_integration_response_lets_the_client_in(self, dev, raw_socket):
        app = self.app(dev, Custom("Echo"))
        assert raw_socket(app).upgrade("/prod").status == 101
        assert invoked_with(app, {}), "nothing is passed as an empty object"

    def test_without_an_integration_response_nobody_comes_in(self, dev, raw_socket):
        app = self.app(dev, Custom("Echo", responses={}))
        response = raw_socket(app).upgrade("/prod")
        assert response.status == 500
        assert INTERNAL.fullmatch(response.body.decode())

    def test_the_template_makes_the_event(self, dev, raw_socket):
        made = templates({"$default": '{"route":"$context.routeKey","stage":"$context.stage"}'})
        app = self.app(dev, Custom("Echo", integration=made))
        assert raw_socket(app).upgrade("/prod").status == 101
        assert invoked_with(app, {"route": "$connect", "stage": "prod"})

    def test_a_function_that_fails_refuses_the_client(self, dev, raw_socket):
        fails = templates({"$default": '{"raise":"not you"}'})
        app = self.app(dev, Custom("Echo", responses={}, integration=fails))
        response = raw_socket(app).upgrade("/prod")
        assert response.status == 502
        assert INTERNAL.fullmatch(response.body.decode())

    def test_an_error_that_has_a_response_refuses_the_client_with_it(self, dev, raw_socket):
        fails = templates({"$default": '{"raise":"not you"}'})
        says = answers(**{"/not.*/": '{"why":$input.json(\'$.errorMessage\')}'})
        app = self.app(dev, Custom("Echo", responses=says, integration=fails))
        response = raw_socket(app).upgrade("/prod")
        assert (response.status, response.body) == (502, b'{"why":"not you"}')
        assert response.header("content-type") == "application/json"

    @pytest.mark.checklist(121)
    def test_the_client_may_ask_for_an_event_invocation(self, dev, raw_socket):
        """The mapping of AWS's documentation, from `route.request.header.InvocationType`."""
        slow = templates({"$default": '{"sleep":3}'})
        mapping = {
            "RequestParameters": {
                "integration.request.header.X-Amz-Invocation-Type": (
                    "route.request.header.InvocationType"
                )
            }
        }
        declared = {
            "RequestParameters": {"route.request.header.InvocationType": {"Required": False}}
        }
        target = Custom("Echo", integration={**slow, **mapping}, route=declared)
        app = self.app(dev, target)
        began = time.monotonic()
        raw = raw_socket(app)
        assert raw.upgrade("/prod", headers=[("InvocationType", "Event")]).status == 101
        assert time.monotonic() - began < 2
        assert invoked_with(app, {"sleep": 3})
        nonsense = raw_socket(app).upgrade("/prod", headers=[("InvocationType", "Soon")])
        assert nonsense.status == 500

    def test_disconnect_runs_with_its_template(self, dev, connect):
        gone = templates(
            {"$default": '{"gone":"$context.connectionId","event":"$context.eventType"}'}
        )
        target = Custom("Echo", responses={}, integration=gone)
        app = self.app(dev, Custom("Echo"), **{"$disconnect": target})
        connect(app.url()).close()

        def found():
            return [
                event
                for event in map(json.loads, app.events_file.read_text().splitlines())
                if event.get("event") == "DISCONNECT"
            ]

        [event] = until(found, "the invocation for $disconnect", 10)
        assert len(event["gone"]) == 20
