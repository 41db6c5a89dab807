"""K. API keys: who may connect, and as whom."""

import re
import subprocess

import pytest
from support.environment import BINARY
from support.fixtures import write_app
from support.keys import (
    OTHER,
    REQUIRED,
    VALUE,
    api_key,
    assert_forbidden,
    hear,
    keyed,
    usage_plan,
)
from support.talk import asking, say
from support.template import AUTHORIZER, RECORDER, Authorizer, Function, Mock, together, websocket_app


@pytest.fixture(scope="module")
def app(module_dev):
    recording = {
        "$connect": Function("Main", route=REQUIRED),
        "$disconnect": "Main",
        "$default": "Main",
        "keys": Mock("$context.identity.apiKey $context.identity.apiKeyId"),
    }
    resources = {
        "Ann": api_key(VALUE),
        "Disabled": api_key("0123456789abcdefghijOFF", Enabled=False),
        "NoPlan": api_key("0123456789abcdefghijNON"),
        "Elsewhere": api_key("0123456789abcdefghijELS"),
        **usage_plan("Ann", "Disabled"),
        **usage_plan("Elsewhere", name="ElsewherePlan", stages=[("Open", "prod")]),
    }
    return module_dev(
        together(
            keyed(resources, routes=recording, functions={"Main": RECORDER}),
            websocket_app({"$connect": Mock(), "$default": Mock()}, api="Open"),
        )
    )


# Who may connect.


@pytest.mark.checklist(194)
def test_a_missing_key_is_403_and_calls_nobody(app, present):
    before = len(app.seen())
    assert_forbidden(present(app, path=app.path(api="Api")))
    assert len(app.seen()) == before


@pytest.mark.parametrize(
    "key",
    [
        "",
        "nope",
        VALUE[:-1],
        VALUE + "x",
        VALUE.lower(),
        "0123456789abcdefghijOFF",
        "0123456789abcdefghijNON",
        "0123456789abcdefghijELS",
    ],
    ids=["empty", "unknown", "short", "long", "case", "disabled", "no plan", "other stage"],
)
def test_a_key_that_may_not_use_the_stage_is_403(app, present, key):
    assert_forbidden(present(app, key, path=app.path(api="Api")))


@pytest.mark.checklist(194)
@pytest.mark.parametrize("header", ["x-api-key", "X-Api-Key", "X-API-KEY"])
def test_a_key_of_a_plan_of_the_stage_gets_in(app, present, header):
    assert present(app, VALUE, path=app.path(api="Api"), header=header).status == 101


def test_an_api_without_required_keys_asks_for_none(app, present):
    assert present(app, path=app.path(api="Open")).status == 101
    assert present(app, "nope", path=app.path(api="Open")).status == 101


def test_a_refusal_says_why_without_the_key(app, present):
    present(app, "0123456789abcdefghijNON", path=app.path(api="Api"))
    detail = app.wait_event("refused", lambda event: "ijNON" in event["detail"])["detail"]
    api_id = app.api("Api")["apiId"]
    assert detail == (
        "API Key *****************hijNON not authorized because route '$connect' requires API Key"
        f" and API Key is not associated with a Usage Plan for API Stage {api_id}/prod: No Usage"
        " Plan found for key and API Stage"
    )


def test_the_key_is_in_every_event_of_the_connection(app, connect):
    key_id = app.aws("apigateway").get_api_keys(nameQuery="Ann")["items"][0]["id"]
    client = connect(app.url(api="Api"), additional_headers={"x-api-key": VALUE})
    say(client, "keys")
    assert client.recv(timeout=10) == f"{VALUE} {key_id}"
    say(client, "recorded")
    client.close()
    for kind in ("CONNECT", "MESSAGE", "DISCONNECT"):
        identity = app.recorded(kind)[-1]["requestContext"]["identity"]
        assert (identity["apiKey"], identity["apiKeyId"]) == (VALUE, key_id)


def test_no_value_of_a_key_is_ever_said(app, present):
    present(app, VALUE, path=app.path(api="Api"))
    present(app, OTHER, path=app.path(api="Api"))
    app.wait_event("refused", lambda event: "ijBOB" in event["detail"])
    for value in (VALUE, OTHER, "0123456789abcdefghijOFF"):
        assert value not in app.transcript()


def test_no_value_of_a_key_is_ever_kept(dev, connect, present):
    """Not in execution logs that show every request and response whole."""
    trace = {"LoggingLevel": "INFO", "DataTraceEnabled": True}
    routes = {
        "$connect": Function("Main", route=REQUIRED),
        "say": Function("Main", route=REQUIRED),
        "$disconnect": Function("Main"),
    }
    app = dev(
        keyed(
            routes=routes,
            functions={"Main": RECORDER},
            stage_properties={"DefaultRouteSettings": trace},
        )
    )
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    say(client, "say")
    app.recorded("MESSAGE")
    client.close()
    app.recorded("DISCONNECT")
    present(app, OTHER)
    app.stop()
    stores = (app.folder / ".gatepost").glob("store.sqlite*")
    kept = b"".join(file.read_bytes() for file in stores)
    # What is looked for would be found: its end is there.
    assert b"hijANN" in kept and b"hijBOB" in kept
    assert VALUE.encode() not in kept and OTHER.encode() not in kept


# `$context.authorizer.usageIdentifierKey`.


def guarded(**options):
    """The authorizer returns what the query says."""
    return keyed(
        functions={"Authorize": AUTHORIZER},
        authorizer=Authorizer("Authorize", ["route.request.querystring.token"]),
        api_properties={"ApiKeySelectionExpression": "$context.authorizer.usageIdentifierKey"},
        **options,
    )


@pytest.mark.checklist(195)
def test_the_authorizer_names_the_key(dev, present):
    app = dev(guarded())
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}

    def answer(key, effect="Allow"):
        policy = {"Statement": [{**statement, "Effect": effect}]}
        given = {} if key is None else {"usageIdentifierKey": key}
        return {"principalId": "ann", "policyDocument": policy, **given}

    def asked(key, effect="Allow"):
        return asking(app.path(), token="t", answer=answer(key, effect))

    assert present(app, path=asked(VALUE)).status == 101
    assert_forbidden(present(app, path=asked(None)))
    assert_forbidden(present(app, path=asked("nope")))
    # What the client itself presents is not looked at.
    assert_forbidden(present(app, VALUE, path=asked("nope")))
    assert present(app, "nope", path=asked(VALUE)).status == 101
    # The policy is evaluated first, and without a token nobody is asked.
    response = present(app, path=asked(VALUE, "Deny"))
    assert "with an explicit deny" in response.json()["message"]
    assert present(app, VALUE).status == 401


# Changes.


def test_a_key_that_is_disabled_lets_nobody_in_and_throws_nobody_out(dev, connect, present, change):
    app = dev(keyed())
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    change(app, keyed({"Ann": api_key(VALUE, Enabled=False), **usage_plan("Ann")}))
    app.wait_event("reloaded")
    assert_forbidden(present(app, VALUE))
    assert hear(client, "say") == "hello"


# A value that the template does not give.


def test_a_value_is_made_that_is_stable_and_shown_by_its_end_only(dev, present):
    app = dev(keyed({"Ann": api_key(Name="client"), **usage_plan("Ann")}))
    [told] = app.ready["apiKeys"]
    assert (told["name"], told["enabled"]) == ("client", True)
    assert "value" not in told
    api_gateway = app.aws("apigateway")
    key = api_gateway.get_api_key(apiKey=told["id"], includeValue=True)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", key["value"])
    assert key["value"] not in app.transcript()
    assert present(app, key["value"]).status == 101
    app.restart()
    assert app.ready["apiKeys"] == [told]
    again = app.aws("apigateway").get_api_key(apiKey=told["id"], includeValue=True)
    assert again["value"] == key["value"]


def test_a_value_is_forgotten_with_the_state(dev):
    template = keyed({"Ann": api_key(), **usage_plan("Ann")})
    app = dev(template)
    key_id = app.ready["apiKeys"][0]["id"]

    def value():
        return app.aws("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]

    before = value()
    app.command.append("--fresh")
    app.restart()
    assert value() != before


# Templates.


def test_a_plan_as_the_serverless_framework_and_cdk_write_it(dev, present):
    """Ids by `Ref`, a REST API's stage in the same plan, and keys that name stages."""
    resources = {
        "ApiGatewayRestApi": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "rest"}},
        "ApiGatewayApiKey1": {
            "Type": "AWS::ApiGateway::ApiKey",
            "Properties": {
                "Enabled": True,
                "Name": "first",
                "Value": VALUE,
                "GenerateDistinctId": True,
                "StageKeys": [{"RestApiId": {"Ref": "ApiGatewayRestApi"}, "StageName": "dev"}],
            },
        },
        "ApiGatewayUsagePlan": {
            "Type": "AWS::ApiGateway::UsagePlan",
            "Properties": {
                "ApiStages": [
                    {"ApiId": {"Ref": "ApiGatewayRestApi"}, "Stage": "dev"},
                    {"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "ApiStage"}, "Throttle": {}},
                ],
                "Description": "Usage plan",
                "UsagePlanName": "chat-dev",
                "Quota": {"Limit": 5000, "Offset": 2, "Period": "MONTH"},
                "Throttle": {"BurstLimit": 200, "RateLimit": 100},
            },
        },
        "ApiGatewayUsagePlanKey1": {
            "Type": "AWS::ApiGateway::UsagePlanKey",
            "Properties": {
                "KeyId": {"Ref": "ApiGatewayApiKey1"},
                "KeyType": "API_KEY",
                "UsagePlanId": {"Ref": "ApiGatewayUsagePlan"},
            },
        },
    }
    app = dev(keyed(resources))
    assert present(app, VALUE).status == 101
    assert app.wait_event("warning", lambda event: "StageKeys" in event["text"])


def test_a_route_of_a_sam_api_may_require_a_key(dev, present):
    app = dev(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "Main": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {
                        "Runtime": "python3.12",
                        "Handler": "index.handler",
                        "InlineCode": "def handler(e, c):\n    return {'statusCode': 200}\n",
                    },
                },
                "Chat": {
                    "Type": "AWS::Serverless::WebSocketApi",
                    "Properties": {
                        "RouteSelectionExpression": "$request.body.action",
                        "Routes": {
                            "$connect": {
                                "FunctionArn": {"Fn::GetAtt": ["Main", "Arn"]},
                                "ApiKeyRequired": True,
                            }
                        },
                    },
                },
                "Ann": api_key(VALUE),
                "Plan": {
                    "Type": "AWS::ApiGateway::UsagePlan",
                    "Properties": {"ApiStages": [{"ApiId": {"Ref": "Chat"}, "Stage": "default"}]},
                },
                "PlanKey": {
                    "Type": "AWS::ApiGateway::UsagePlanKey",
                    "Properties": {
                        "KeyId": {"Ref": "Ann"},
                        "KeyType": "API_KEY",
                        "UsagePlanId": {"Ref": "Plan"},
                    },
                },
            },
        }
    )
    assert_forbidden(present(app))
    assert present(app, VALUE).status == 101


def two_plans():
    return {
        "Ann": api_key(VALUE),
        **usage_plan("Ann", name="One"),
        **usage_plan("Ann", name="Two"),
    }


@pytest.mark.parametrize(
    "resources, message",
    [
        (
            {"Ann": api_key("short")},
            "API Key value should be at least 20 characters",
        ),
        (
            {"Ann": api_key("x" * 129)},
            "API Key value should be at most 128 characters",
        ),
        ({"Ann": api_key(VALUE), "Bob": api_key(VALUE)}, "API Key already exists"),
        (usage_plan(stages=[("Api", "nowhere")]), r"API Stage not found: [a-z0-9]{10}:nowhere"),
        (
            usage_plan(Quota={"Limit": 5}),
            r"Invalid Usage Plan quota period specified\. Must be one of \[DAY, WEEK, MONTH\]",
        ),
        (
            usage_plan(Quota={"Limit": 5, "Period": "DAY", "Offset": 1}),
            "Usage Plan quota offset must be zero in the DAY period",
        ),
        (
            usage_plan(Quota={"Limit": 5, "Period": "WEEK", "Offset": 7}),
            "Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period",
        ),
        (
            usage_plan(Quota={"Limit": 5, "Period": "MONTH", "Offset": 28}),
            "Usage Plan quota offset must be between 0 and 27 inclusive in the MONTH period",
        ),
        (usage_plan(Throttle={"RateLimit": -1}), "RateLimit is not a rate"),
        (two_plans(), "the API key belongs to another usage plan of the stage"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_place(dev, resources, message):
    refused = dev.refused(keyed(resources, routes={"$default": Mock()}))
    assert refused.status == 1
    assert re.search(r"template\.json:\d+: " + message, refused.stderr), refused.stderr
    assert VALUE not in refused.stderr


@pytest.mark.parametrize("expression", ["$request.header.authorization", "nope", "${x}"])
def test_an_api_key_selection_expression_that_aws_does_not_have_is_refused(dev, expression):
    api_properties = {"ApiKeySelectionExpression": expression}
    refused = dev.refused(keyed(api_properties=api_properties))
    assert "the API key selection expression" in refused.stderr


@pytest.mark.parametrize(
    "resources, options, message",
    [
        ({"Ann": api_key(VALUE)}, {}, "answers 403 Forbidden to everybody: no usage plan"),
        ({"Ann": api_key(VALUE, Enabled=False)}, {}, "the API key Ann is disabled"),
        (
            {"Ann": api_key(VALUE), **usage_plan("Ann")},
            {
                "api_properties": {
                    "ApiKeySelectionExpression": "$context.authorizer.usageIdentifierKey"
                }
            },
            "$connect has no authorizer that returns a usageIdentifierKey",
        ),
        (
            usage_plan(api_stage={"Throttle": {"nowhere": {"RateLimit": 1}}}),
            {},
            "Throttle of `nowhere` throttles nothing",
        ),
        (
            {
                **usage_plan(),
                "Outside": {
                    "Type": "AWS::ApiGateway::UsagePlanKey",
                    "Properties": {
                        "KeyId": "abcdefghij",
                        "KeyType": "API_KEY",
                        "UsagePlanId": {"Ref": "Plan"},
                    },
                },
            },
            {},
            "the API key abcdefghij is not of this template",
        ),
    ],
)
def test_what_aws_takes_and_lets_nobody_in_is_warned_of(dev, present, resources, options, message):
    app = dev(keyed(resources, **options))
    warning = app.wait_event("warning", lambda event: message in event["text"])["text"]
    assert re.search(r"template\.json:\d+: ", warning)
    assert_forbidden(present(app, VALUE))


def test_start_up_shows_the_keys_and_how_to_read_them(dev, tmp_path):
    """What a person sees, not a program."""
    template = write_app(tmp_path, keyed(), {})
    process = subprocess.Popen(
        [BINARY, "dev", str(template), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if line == "Ready.\n":
                break
    finally:
        process.terminate()
        process.wait(10)
    said = "".join(said)
    assert re.search(r"API keys\n  Ann \([a-z0-9]{10}\) +\*{17}hijANN\n", said), said
    assert "aws apigateway get-api-key --include-value --api-key ID" in said
    assert VALUE not in said
