"""5.11. Request models: messages that are not what their route's model says go no further."""

import json
import random
import re

import jsonschema
import pytest
from support.talk import connection_id, say
from support.template import RECORDER, Function, Http, Mock, websocket_app

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

MESSAGE_ID = r"[A-Za-z0-9_-]{18}=="


def refusal(sender):
    """The frame, to the byte: `messageId` where error frames have `requestId` (spec 5.11, §14)."""
    return re.compile(
        r'\{"message": "Bad request body", "connectionId":"%s", "messageId":"%s"\}'
        % (re.escape(sender), MESSAGE_ID)
    )


def model(name, schema, api="Api"):
    """An `AWS::ApiGatewayV2::Model`."""
    return {
        f"{name}Model": {
            "Type": "AWS::ApiGatewayV2::Model",
            "Properties": {"ApiId": {"Ref": api}, "Name": name, "Schema": schema},
        }
    }


def by(expression, **models):
    """The route properties that select one of these models; `default` is `$default`."""
    named = {"$default" if key == "default" else key: name for key, name in models.items()}
    return {"ModelSelectionExpression": expression, "RequestModels": named}


CHAT = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["action", "text"],
    "properties": {"action": {}, "text": {"type": "string", "maxLength": 5}},
}


@pytest.fixture(scope="module")
def app(module_dev, module_backend):
    """Routes of every kind with the same model, and the other ways to select one."""
    chat = by("$default", default="Chat")
    kinds = by("$request.body.kind", text="Chat", number="Number")
    routes = {
        "$connect": "Main",
        "whoami": Mock('{"connectionId":"$context.connectionId"}'),
        "proxy": Function("Main", two_way=True, route=chat),
        "one-way": Function("Main", route=chat),
        "http": Http(f"{module_backend.url}/chat", two_way=True, route=chat),
        "mock": Mock("mocked", route=chat),
        "kinds": Mock("ok", route=kinds),
        "fallback": Mock(
            "ok", route=by("${request.body.kind}", number="Number", default="Chat")
        ),
        "reference": Mock("ok", route=by("$default", default="Reply")),
        "pattern": Mock("ok", route=by("$default", default="Password")),
        "tree": Mock("ok", route=by("$default", default="Tree")),
        "$default": Mock("ok", route=chat),
    }
    reply = {
        "properties": {
            "data": {
                "$ref": {
                    "Fn::Sub": "https://apigateway.amazonaws.com/restapis/${Api}/models/Chat"
                }
            },
            "next": {"$ref": "#"},
            "n": {"$ref": "#/definitions/small"},
        },
        "definitions": {"small": {"maximum": 9}},
    }
    branches = [{"properties": {"next": {"$ref": "#"}, "kind": {"enum": [k]}}} for k in "ab"]
    tree = {"type": "object", "anyOf": branches}
    number = {"properties": {"value": {"type": "number"}}, "required": ["value"]}
    password = {"properties": {"text": {"pattern": r"^(?=.*\d)(?=.*[a-z])((a+)+|.{4,})$"}}}
    resources = {
        **model("Chat", CHAT),
        **model("Reply", reply),
        **model("Tree", tree),
        # A schema may be a text too.
        **model("Number", json.dumps(number)),
        **model("Password", password),
    }
    return module_dev(websocket_app(routes, {"Main": RECORDER}, resources=resources))


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.mark.checklist(126)
@pytest.mark.parametrize("action", ["proxy", "one-way", "http", "mock"])
@pytest.mark.parametrize(
    "more",
    [{}, {"text": 7}, {"text": "too long"}],
    ids=["missing", "of another type", "too long"],
)
def test_a_bad_message_is_answered_with_the_frame_and_calls_nothing(
    app, client, module_backend, action, more
):
    own = connection_id(client)
    before = len(module_backend.seen("/chat"))
    say(client, action, **more)
    assert refusal(own).fullmatch(client.recv(timeout=10))
    # The next message goes through, so the one before had time to.
    say(client, "proxy", text="hi", answer={"body": "heard"})
    assert client.recv(timeout=10) == "heard"
    heard = app.seen("MESSAGE", connectionId=own)
    assert [json.loads(event["body"])["action"] for event in heard] == ["proxy"]
    assert len(module_backend.seen("/chat")) == before


@pytest.mark.checklist(126)
def test_a_good_message_reaches_every_kind_of_integration(app, client, module_backend):
    own = connection_id(client)
    say(client, "proxy", text="hi", answer={"body": "function"})
    assert client.recv(timeout=10) == "function"
    say(client, "one-way", text="hi")
    app.recorded("MESSAGE", connectionId=own, routeKey="one-way")
    say(client, "mock", text="hi")
    assert client.recv(timeout=10) == "mocked"
    module_backend.answer("/chat", body="backend")
    say(client, "http", text="hi")
    assert client.recv(timeout=10) == "backend"


@pytest.mark.checklist(126)
@pytest.mark.parametrize("text", ["hello", "", "{", '{"text":"x"} x', "\ufeff{}"])
def test_what_is_no_json_is_refused_on_a_route_with_a_model(client, text):
    """It comes to `$default`, which has one here."""
    own = connection_id(client)
    client.send(text)
    assert refusal(own).fullmatch(client.recv(timeout=10))


@pytest.mark.checklist(127)
@pytest.mark.parametrize(
    "message, is_valid",
    [
        ({"kind": "text", "text": "hi"}, True),
        ({"kind": "text"}, False),
        ({"kind": "number", "value": 7}, True),
        ({"kind": "number", "value": "7"}, False),
        # No model, and no `$default` either.
        ({"kind": "other"}, False),
        ({}, False),
    ],
)
def test_the_model_is_selected_by_the_message(client, message, is_valid):
    own = connection_id(client)
    say(client, "kinds", **message)
    answer = client.recv(timeout=10)
    assert answer == "ok" if is_valid else refusal(own).fullmatch(answer)


@pytest.mark.parametrize(
    "message, is_valid",
    [
        ({"kind": "number", "value": 1}, True),
        ({"kind": "number"}, False),
        ({"kind": "other", "text": "hi"}, True),
        ({"text": "hi"}, True),
        ({"text": "too long"}, False),
    ],
)
def test_without_a_match_the_default_model_is_taken(client, message, is_valid):
    own = connection_id(client)
    say(client, "fallback", **message)
    answer = client.recv(timeout=10)
    assert answer == "ok" if is_valid else refusal(own).fullmatch(answer)


@pytest.mark.parametrize(
    "message, is_valid",
    [
        ({"data": {"action": 1, "text": "hi"}, "n": 9, "next": {"next": {"n": 1}}}, True),
        ({"data": {"text": "hi"}}, False),
        ({"next": {"next": {"data": {}}}}, False),
        ({"n": 10}, False),
    ],
)
def test_models_refer_to_each_other_to_definitions_and_to_themselves(client, message, is_valid):
    own = connection_id(client)
    say(client, "reference", **message)
    answer = client.recv(timeout=10)
    assert answer == "ok" if is_valid else refusal(own).fullmatch(answer)


def test_patterns_are_those_of_ecma_262_and_bounded(client):
    own = connection_id(client)
    say(client, "pattern", text="abc1")
    assert client.recv(timeout=10) == "ok"
    for text in ["abcd", "a" * 30_000 + "1!\n"]:
        say(client, "pattern", text=text)
        assert refusal(own).fullmatch(client.recv(timeout=10))


def test_a_deep_message_cannot_keep_the_gateway_busy(app, client, connect):
    """Its levels double the paths through the schema: 2^60 of them."""
    own = connection_id(client)
    nested = 1
    for _ in range(60):
        nested = {"next": nested, "kind": "c"}
    client.send(json.dumps({"action": "tree", "next": nested}))
    assert refusal(own).fullmatch(client.recv(timeout=10))
    client.send('{"action":"tree","next":' + "[" * 10_000 + "]" * 10_000 + "}")
    assert refusal(own).fullmatch(client.recv(timeout=10))
    assert connection_id(connect(app.url()))


def test_why_a_message_was_refused_is_told_on_the_terminal_in_awss_words(app, client):
    own = connection_id(client)
    say(client, "proxy", text=7)
    client.recv(timeout=10)
    told = app.wait_event("request", lambda e: e["connectionId"] == own and e["error"])
    assert told["status"] == 400
    assert told["error"] == (
        "Request body does not match model schema for content type application/json: [instance "
        'type (integer) does not match any allowed primitive type (allowed: ["string"])]'
    )


def test_with_schema_validation_disabled_a_bad_model_is_deployed_and_fails_its_messages(
    dev, connect
):
    routes = {"bad": Mock("ok", route=by("$default", default="Bad")), "good": Mock("ok")}
    app = dev(
        websocket_app(
            routes,
            api_properties={"DisableSchemaValidation": True},
            resources=model("Bad", {"type": "text"}),
        )
    )
    client = connect(app.url())
    say(client, "bad")
    assert json.loads(client.recv(timeout=10))["message"] == "Internal server error"
    say(client, "good")
    assert client.recv(timeout=10) == "ok"


#: Schemas that together have every keyword, for the comparison with another validator.
SCHEMAS = {
    "types": {"items": {"type": ["integer", "string", "null"]}},
    "numbers": {"items": {"minimum": 1, "exclusiveMinimum": True, "maximum": 5, "multipleOf": 0.5}},
    "strings": {"items": {"minLength": 1, "maxLength": 3, "pattern": "^[a-z]"}},
    "arrays": {"minItems": 1, "maxItems": 3, "uniqueItems": True},
    "tuples": {"items": [{"type": "integer"}, {}], "additionalItems": {"type": "string"}},
    "closed": {"items": [{}], "additionalItems": False},
    "objects": {"items": {"required": ["a"], "maxProperties": 2, "minProperties": 1}},
    "properties": {
        "items": {
            "properties": {"a": {"type": "integer"}},
            "patternProperties": {"^b": {"type": "string"}},
            "additionalProperties": False,
        }
    },
    "others": {"items": {"properties": {"a": {}}, "additionalProperties": {"type": "null"}}},
    "dependencies": {"items": {"dependencies": {"a": ["b"], "b": {"maxProperties": 2}}}},
    "enum": {"items": {"enum": [1, "a", None, [], {"a": 1}]}},
    "all": {"items": {"allOf": [{"type": "integer"}, {"minimum": 2}]}},
    "any": {"items": {"anyOf": [{"type": "string"}, {"minimum": 2}]}},
    "one": {"items": {"oneOf": [{"type": "integer"}, {"minimum": 2}]}},
    "not": {"items": {"not": {"type": "integer"}}},
    "recursive": {"items": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}},
}


def values(chance):
    """Random values that are near the limits of the schemas."""
    leaf = [None, True, 0, 1, 2, 5, 2.5, -1, "", "a", "abc", "abcd", "B", 1.5, 6]
    items = []
    for _ in range(chance.randrange(5)):
        kind = chance.randrange(5)
        if kind == 0:
            items.append([chance.choice(leaf) for _ in range(chance.randrange(3))])
        elif kind == 1:
            names = chance.sample(["a", "b", "bc", "d"], chance.randrange(4))
            items.append({name: chance.choice(leaf) for name in names})
        else:
            items.append(chance.choice(leaf))
    return items


def test_verdicts_are_those_of_another_validator_of_draft_4(dev, connect):
    """Python's `jsonschema`, on random values around the limits of every keyword."""
    routes, resources = {}, {}
    for name, schema in SCHEMAS.items():
        wrapped = {"properties": {"values": schema}}
        if name == "recursive":
            wrapped = {"properties": {"values": {"$ref": "#/definitions/list"}}}
            inner = json.loads(json.dumps(schema).replace('"#"', '"#/definitions/list"'))
            wrapped["definitions"] = {"list": inner}
        routes[name] = Mock("valid", route=by("$default", default=name))
        resources |= model(name, wrapped)
    client = connect(dev(websocket_app(routes, resources=resources)).url())
    chance = random.Random(4)
    asked = []
    for name, schema in SCHEMAS.items():
        for _ in range(40):
            message = values(chance)
            asked.append((name, message, jsonschema.Draft4Validator(schema).is_valid(message)))
            say(client, name, values=message)
    for name, message, expected in asked:
        assert (client.recv(timeout=10) == "valid") == expected, (name, message)
    assert {expected for _, _, expected in asked} == {True, False}
