"""K. API keys and usage plans: who may connect, how often and how much."""

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from support.environment import BINARY
from support.fixtures import write_app
from support.talk import WHOAMI, asking, error_frame, say
from support.template import (
    AUTHORIZER,
    RECORDER,
    Authorizer,
    Function,
    Mock,
    together,
    websocket_app,
)
from support.wire import request

VALUE = "0123456789abcdefghijANN"
OTHER = "0123456789abcdefghijBOB"
REQUIRED = {"ApiKeyRequired": True}
#: A rate that never refills while a test runs.
NEVER = 0.001


def api_key(value=None, **properties):
    given = {} if value is None else {"Value": value}
    return {
        "Type": "AWS::ApiGateway::ApiKey",
        "Properties": {"Enabled": True, **given, **properties},
    }


def usage_plan(*keys, stages=(("Api", "prod"),), name="Plan", api_stage=None, **properties):
    """A plan for these stages with these keys, by logical ids."""
    made = {
        name: {
            "Type": "AWS::ApiGateway::UsagePlan",
            "DependsOn": [f"{api}Stage" for api, _ in stages],
            "Properties": {
                "ApiStages": [
                    {"ApiId": {"Ref": api}, "Stage": stage, **(api_stage or {})}
                    for api, stage in stages
                ],
                **properties,
            },
        }
    }
    for key in keys:
        made[f"{name}{key}"] = {
            "Type": "AWS::ApiGateway::UsagePlanKey",
            "Properties": {
                "KeyId": {"Ref": key},
                "KeyType": "API_KEY",
                "UsagePlanId": {"Ref": name},
            },
        }
    return made


def keyed(resources=None, *, routes=None, functions=None, **options):
    """`$connect` requires a key; `Ann`'s belongs to a plan of the stage."""
    if resources is None:
        resources = {"Ann": api_key(VALUE), **usage_plan("Ann")}
    routes = routes or {"$connect": Mock(route=REQUIRED), "whoami": WHOAMI, "say": Mock("hello")}
    return websocket_app(routes, functions, resources=resources, **options)


@pytest.fixture
def shake(raw_socket):
    """The response to a handshake that presents this key, if any."""

    def run(app, key=None, path=None, header="x-api-key"):
        headers = [] if key is None else [(header, key)]
        return raw_socket(app).upgrade(path or app.path(), headers=headers)

    return run


def assert_forbidden(response):
    assert (response.status, response.reason) == (403, "Forbidden")
    assert re.fullmatch(
        rb'\{"message": "Forbidden", "connectionId":"[A-Za-z0-9_-]{18}==", '
        rb'"requestId":"[A-Za-z0-9_-]{15}="\}',
        response.body,
    ), response.body
    assert response.header("x-amz-apigw-id") == response.json()["requestId"]
    assert "x-amzn-errortype" not in response.names()


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
def test_a_missing_key_is_403_and_calls_nobody(app, shake):
    before = len(app.seen())
    assert_forbidden(shake(app, path=app.path(api="Api")))
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
def test_a_key_that_may_not_use_the_stage_is_403(app, shake, key):
    assert_forbidden(shake(app, key, path=app.path(api="Api")))


@pytest.mark.checklist(194)
@pytest.mark.parametrize("header", ["x-api-key", "X-Api-Key", "X-API-KEY"])
def test_a_key_of_a_plan_of_the_stage_gets_in(app, shake, header):
    assert shake(app, VALUE, path=app.path(api="Api"), header=header).status == 101


def test_an_api_without_required_keys_asks_for_none(app, shake):
    assert shake(app, path=app.path(api="Open")).status == 101
    assert shake(app, "nope", path=app.path(api="Open")).status == 101


def test_a_refusal_says_why_without_the_key(app, shake):
    shake(app, "0123456789abcdefghijNON", path=app.path(api="Api"))
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


def test_no_value_of_a_key_is_ever_said(app, shake):
    shake(app, VALUE, path=app.path(api="Api"))
    shake(app, OTHER, path=app.path(api="Api"))
    app.wait_event("refused", lambda event: "ijBOB" in event["detail"])
    for value in (VALUE, OTHER, "0123456789abcdefghijOFF"):
        assert value not in app.transcript()


def test_no_value_of_a_key_is_ever_kept(dev, connect, shake):
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
    shake(app, OTHER)
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
def test_the_authorizer_names_the_key(dev, shake):
    app = dev(guarded())
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}

    def answer(key, effect="Allow"):
        policy = {"Statement": [{**statement, "Effect": effect}]}
        given = {} if key is None else {"usageIdentifierKey": key}
        return {"principalId": "ann", "policyDocument": policy, **given}

    def asked(key, effect="Allow"):
        return asking(app.path(), token="t", answer=answer(key, effect))

    assert shake(app, path=asked(VALUE)).status == 101
    assert_forbidden(shake(app, path=asked(None)))
    assert_forbidden(shake(app, path=asked("nope")))
    # What the client itself presents is not looked at.
    assert_forbidden(shake(app, VALUE, path=asked("nope")))
    assert shake(app, "nope", path=asked(VALUE)).status == 101
    # The policy is evaluated first, and without a token nobody is asked.
    response = shake(app, path=asked(VALUE, "Deny"))
    assert "with an explicit deny" in response.json()["message"]
    assert shake(app, VALUE).status == 401


# Throttle and quota.


def test_a_plan_throttles_each_of_its_keys(dev, shake):
    throttle = {"RateLimit": NEVER, "BurstLimit": 2}
    resources = {
        "Ann": api_key(VALUE),
        "Bob": api_key(OTHER),
        **usage_plan("Ann", "Bob", Throttle=throttle),
    }
    app = dev(keyed(resources))
    assert [shake(app, VALUE).status for _ in range(2)] == [101, 101]
    response = shake(app, VALUE)
    assert response.status == 429
    assert error_frame("Too Many Requests").fullmatch(response.body.decode()), response.body
    assert [shake(app, OTHER).status for _ in range(3)] == [101, 101, 429]


def test_a_plan_throttles_a_key_over_all_its_stages(dev, shake):
    resources = {
        "Ann": api_key(VALUE),
        **usage_plan(
            "Ann",
            stages=[("Api", "prod"), ("Second", "prod")],
            Throttle={"RateLimit": NEVER, "BurstLimit": 3},
        ),
    }
    second = keyed({}, api="Second")
    app = dev(together(keyed(resources), second))
    first, second = app.path(api="Api"), app.path(api="Second")
    assert [shake(app, VALUE, path=path).status for path in (first, second, first, second)] == [
        101,
        101,
        101,
        429,
    ]


def test_the_throttle_of_a_route_goes_before_that_of_the_plan(dev, shake, connect):
    by_route = {"$connect": {"RateLimit": NEVER, "BurstLimit": 1}}
    resources = {
        "Ann": api_key(VALUE),
        **usage_plan(
            "Ann",
            api_stage={"Throttle": by_route},
            Throttle={"RateLimit": NEVER, "BurstLimit": 3},
        ),
    }
    app = dev(keyed(resources))
    assert [shake(app, VALUE).status for _ in range(2)] == [101, 429]


def test_a_quota_that_is_used_up_is_429_limit_exceeded(dev, shake):
    resources = {
        "Ann": api_key(VALUE),
        "Bob": api_key(OTHER),
        **usage_plan("Ann", "Bob", Quota={"Limit": 2, "Period": "MONTH"}),
    }
    app = dev(keyed(resources))
    assert [shake(app, VALUE).status for _ in range(2)] == [101, 101]
    response = shake(app, VALUE)
    assert (response.status, response.reason) == (429, "Too Many Requests")
    assert re.fullmatch(
        rb'\{"message": "Limit Exceeded", "connectionId":"[A-Za-z0-9_-]{18}==", '
        rb'"requestId":"[A-Za-z0-9_-]{15}="\}',
        response.body,
    ), response.body
    assert shake(app, OTHER).status == 101
    # It is a quota still when Gatepost starts again.
    app.restart()
    assert shake(app, VALUE).status == 429
    assert [shake(app, OTHER).status for _ in range(2)] == [101, 429]


def test_messages_of_other_routes_use_nothing_of_a_plan(dev, connect):
    resources = {"Ann": api_key(VALUE), **usage_plan("Ann", Quota={"Limit": 1, "Period": "DAY"})}
    app = dev(keyed(resources))
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    for _ in range(5):
        say(client, "say")
        assert client.recv(timeout=10) == "hello"


def test_a_handshake_that_is_throttled_does_not_use_the_quota(dev, shake):
    plan = usage_plan(
        "Ann",
        Throttle={"RateLimit": NEVER, "BurstLimit": 1},
        Quota={"Limit": 5, "Period": "DAY"},
    )
    app = dev(keyed({"Ann": api_key(VALUE), **plan}))
    assert [shake(app, VALUE).status for _ in range(3)] == [101, 429, 429]
    assert used_today(app, "Plan") == {"Ann": [1, 4]}


# A route other than `$connect`: the key of the handshake counts.


def per_message(**options):
    routes = {
        "$connect": Mock(),
        "say": Mock("hello", route=REQUIRED),
        "free": Mock("free"),
    }
    return keyed(routes=routes, **options)


def hear(client, action):
    say(client, action)
    return client.recv(timeout=10)


def test_a_message_of_a_route_that_requires_a_key_is_forbidden_without_one(dev, connect):
    app = dev(per_message())
    client = connect(app.url())
    told = error_frame("Forbidden").fullmatch(hear(client, "say"))
    assert told
    assert hear(client, "free") == "free"
    wrong = connect(app.url(), additional_headers={"x-api-key": "nope"})
    assert error_frame("Forbidden").fullmatch(hear(wrong, "say"))
    right = connect(app.url(), additional_headers={"x-api-key": VALUE})
    assert hear(right, "say") == "hello"


def test_a_message_of_a_route_that_requires_a_key_uses_the_plan(dev, connect):
    plan = usage_plan(
        "Ann",
        "Bob",
        Throttle={"RateLimit": NEVER, "BurstLimit": 5},
        Quota={"Limit": 2, "Period": "DAY"},
        api_stage={"Throttle": {"say": {"RateLimit": NEVER, "BurstLimit": 3}}},
    )
    app = dev(per_message(resources={"Ann": api_key(VALUE), "Bob": api_key(OTHER), **plan}))
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    answers = [hear(client, "say") for _ in range(4)]
    assert answers[:2] == ["hello", "hello"]
    assert error_frame("Limit Exceeded").fullmatch(answers[2]), answers
    assert error_frame("Too Many Requests").fullmatch(answers[3]), answers
    # Another connection with the same key is the same client.
    again = connect(app.url(), additional_headers={"x-api-key": VALUE})
    assert error_frame("Too Many Requests").fullmatch(hear(again, "say"))
    other = connect(app.url(), additional_headers={"x-api-key": OTHER})
    assert hear(other, "say") == "hello"


def test_start_up_warns_of_a_required_key_on_a_route_without_headers(dev):
    app = dev(per_message())
    warning = app.wait_event("warning", lambda event: "ApiKeyRequired" in event["text"])["text"]
    assert re.search(r"template\.json:\d+: ApiKeyRequired of say: a message carries no", warning)


def test_a_disconnect_runs_whatever_it_requires(dev, connect):
    app = dev(
        keyed(
            routes={"$disconnect": Function("Main", route=REQUIRED), "whoami": WHOAMI},
            functions={"Main": RECORDER},
        )
    )
    connect(app.url()).close()
    assert app.recorded("DISCONNECT")
    assert app.wait_event("warning", lambda e: "ApiKeyRequired of $disconnect" in e["text"])


# Changes.


def test_a_changed_plan_holds_at_once_and_keeps_what_was_used(dev, shake, change):
    def with_quota(limit):
        plan = usage_plan("Ann", Quota={"Limit": limit, "Period": "WEEK"})
        return keyed({"Ann": api_key(VALUE), **plan})

    app = dev(with_quota(1))
    assert [shake(app, VALUE).status for _ in range(2)] == [101, 429]
    change(app, with_quota(3))
    app.wait_event("reloaded")
    assert [shake(app, VALUE).status for _ in range(3)] == [101, 101, 429]


def test_a_key_that_is_disabled_lets_nobody_in_and_throws_nobody_out(dev, connect, shake, change):
    app = dev(keyed())
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    change(app, keyed({"Ann": api_key(VALUE, Enabled=False), **usage_plan("Ann")}))
    app.wait_event("reloaded")
    assert_forbidden(shake(app, VALUE))
    assert hear(client, "say") == "hello"


# A value that the template does not give.


def test_a_value_is_made_that_is_stable_and_shown_by_its_end_only(dev, shake):
    app = dev(keyed({"Ann": api_key(Name="client"), **usage_plan("Ann")}))
    [told] = app.ready["apiKeys"]
    assert (told["name"], told["enabled"]) == ("client", True)
    assert "value" not in told
    api_gateway = app.aws("apigateway")
    key = api_gateway.get_api_key(apiKey=told["id"], includeValue=True)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", key["value"])
    assert key["value"] not in app.transcript()
    assert shake(app, key["value"]).status == 101
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


# Reads of the control plane.


@pytest.fixture(scope="module")
def plans(module_dev):
    resources = {
        "Ann": api_key(
            VALUE,
            Name="ann",
            Description="Ann's",
            CustomerId="customer",
            Tags=[{"Key": "team", "Value": "a"}],
        ),
        "Bob": api_key(OTHER, Name="bob"),
        "Alone": api_key("0123456789abcdefghijALO", Name="alone", Enabled=False),
        **usage_plan(
            "Ann",
            "Bob",
            name="Gold",
            UsagePlanName="gold",
            Description="the best",
            Throttle={"RateLimit": 100.5, "BurstLimit": 20},
            Quota={"Limit": 1000, "Offset": 2, "Period": "WEEK"},
            api_stage={"Throttle": {"$connect": {"RateLimit": 10, "BurstLimit": 5}}},
            Tags=[{"Key": "tier", "Value": "1"}],
        ),
        **usage_plan(name="Empty", stages=[]),
    }
    return module_dev(keyed(resources))


@pytest.fixture
def api_gateway(plans):
    return plans.aws("apigateway")


def ids(plans):
    return {key["name"]: key["id"] for key in plans.ready["apiKeys"]}


def plain(answer):
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def used_today(app, plan):
    """`[used, remaining]` of today by the name of the key."""
    api_gateway = app.aws("apigateway")
    [plan_id] = [p["id"] for p in api_gateway.get_usage_plans()["items"] if p["name"] == plan]
    today = datetime.now(UTC).date().isoformat()
    usage = api_gateway.get_usage(usagePlanId=plan_id, startDate=today, endDate=today)
    names = {key["id"]: key["name"] for key in api_gateway.get_api_keys()["items"]}
    return {names[key]: days[0] for key, days in usage["items"].items()}


def test_get_api_key_shows_its_value_only_when_asked(api_gateway, plans):
    key_id = ids(plans)["ann"]
    key = plain(api_gateway.get_api_key(apiKey=key_id))
    now = datetime.now(UTC)
    for member in ("createdDate", "lastUpdatedDate"):
        assert abs(now - key.pop(member)) < timedelta(minutes=5)
    assert key == {
        "id": key_id,
        "name": "ann",
        "description": "Ann's",
        "customerId": "customer",
        "enabled": True,
        "stageKeys": [],
        "tags": {"team": "a"},
    }
    assert api_gateway.get_api_key(apiKey=key_id, includeValue=True)["value"] == VALUE


def test_get_api_keys(api_gateway, plans):
    found = api_gateway.get_api_keys()["items"]
    assert [key["id"] for key in found] == sorted(ids(plans).values())
    assert not any("value" in key for key in found)
    values = {k["name"]: k["value"] for k in api_gateway.get_api_keys(includeValues=True)["items"]}
    assert values == {"ann": VALUE, "bob": OTHER, "alone": "0123456789abcdefghijALO"}
    assert [k["name"] for k in api_gateway.get_api_keys(nameQuery="bo")["items"]] == ["bob"]
    assert [k["name"] for k in api_gateway.get_api_keys(customerId="customer")["items"]] == ["ann"]
    enabled = {key["name"]: key["enabled"] for key in found}
    assert enabled == {"ann": True, "bob": True, "alone": False}


def test_lists_come_in_pages(api_gateway, plans):
    paginator = api_gateway.get_paginator("get_api_keys")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["items"]) for page in pages] == [2, 1]
    assert {key["id"] for page in pages for key in page["items"]} == set(ids(plans).values())
    assert "position" not in pages[-1]


def test_get_usage_plans(api_gateway, plans):
    found = {plan["name"]: plan for plan in api_gateway.get_usage_plans()["items"]}
    assert set(found) == {"gold", "Empty"}
    gold = dict(found["gold"])
    assert re.fullmatch(r"[a-z0-9]{6}", gold.pop("id"))
    assert gold == {
        "name": "gold",
        "description": "the best",
        "apiStages": [
            {
                "apiId": plans.api()["apiId"],
                "stage": "prod",
                "throttle": {"$connect": {"rateLimit": 10.0, "burstLimit": 5}},
            }
        ],
        "throttle": {"rateLimit": 100.5, "burstLimit": 20},
        "quota": {"limit": 1000, "offset": 2, "period": "WEEK"},
        "tags": {"tier": "1"},
    }
    empty = dict(found["Empty"])
    plan_id = empty.pop("id")
    assert empty == {"name": "Empty", "apiStages": []}
    assert plain(api_gateway.get_usage_plan(usagePlanId=plan_id)) == found["Empty"]
    of_bob = api_gateway.get_usage_plans(keyId=ids(plans)["bob"])["items"]
    assert [plan["name"] for plan in of_bob] == ["gold"]
    assert api_gateway.get_usage_plans(keyId=ids(plans)["alone"])["items"] == []


def test_get_usage_plan_keys(api_gateway, plans):
    plan_id = next(p["id"] for p in api_gateway.get_usage_plans()["items"] if p["name"] == "gold")
    key_id = ids(plans)["ann"]
    ann = {"id": key_id, "type": "API_KEY", "value": VALUE, "name": "ann"}
    found = api_gateway.get_usage_plan_keys(usagePlanId=plan_id)["items"]
    assert len(found) == 2 and ann in found
    assert api_gateway.get_usage_plan_keys(usagePlanId=plan_id, nameQuery="ann")["items"] == [ann]
    assert plain(api_gateway.get_usage_plan_key(usagePlanId=plan_id, keyId=key_id)) == ann
    with pytest.raises(api_gateway.exceptions.NotFoundException) as missing:
        api_gateway.get_usage_plan_key(usagePlanId=plan_id, keyId=ids(plans)["alone"])
    assert missing.value.response["Error"]["Message"] == "Invalid API Key identifier specified"


def test_get_usage_counts_day_by_day(api_gateway, plans, shake):
    for _ in range(3):
        assert shake(plans, VALUE).status == 101
    used = used_today(plans, "gold")
    assert used["ann"] == [3, 997]
    plan_id = next(p["id"] for p in api_gateway.get_usage_plans()["items"] if p["name"] == "gold")
    today = datetime.now(UTC).date()
    usage = api_gateway.get_usage(
        usagePlanId=plan_id,
        keyId=ids(plans)["bob"],
        startDate=(today - timedelta(days=1)).isoformat(),
        endDate=today.isoformat(),
    )
    assert plain(usage) == {
        "usagePlanId": plan_id,
        "startDate": (today - timedelta(days=1)).isoformat(),
        "endDate": today.isoformat(),
        "items": {ids(plans)["bob"]: [[0, 1000], [0, 1000]]},
    }


@pytest.mark.parametrize(
    "start, end, message",
    [
        ("2026-09-25", "2026-09-24", "Invalid dates: "),
        ("2026-01-01", "2026-09-24", "Invalid dates: "),
        ("2026-02-30", "2026-03-01", "Invalid date 2026-02-30: "),
        ("today", "2026-03-01", "Invalid date today: "),
    ],
)
def test_get_usage_refuses_what_are_no_days(api_gateway, start, end, message):
    plan_id = api_gateway.get_usage_plans()["items"][0]["id"]
    with pytest.raises(api_gateway.exceptions.BadRequestException) as refused:
        api_gateway.get_usage(usagePlanId=plan_id, startDate=start, endDate=end)
    assert refused.value.response["Error"]["Message"].startswith(message)


@pytest.mark.parametrize(
    "operation, arguments, message",
    [
        ("get_api_key", {"apiKey": "nope"}, "Invalid API Key identifier specified"),
        ("get_usage_plan", {"usagePlanId": "nope"}, "Invalid Usage Plan ID specified"),
        ("get_usage_plan_keys", {"usagePlanId": "nope"}, "Invalid Usage Plan ID specified"),
    ],
)
def test_what_does_not_exist_is_not_found(api_gateway, operation, arguments, message):
    with pytest.raises(api_gateway.exceptions.NotFoundException) as missing:
        getattr(api_gateway, operation)(**arguments)
    assert missing.value.response["Error"]["Message"] == message


@pytest.mark.parametrize(
    "operation, arguments",
    [
        ("create_api_key", {"name": "a"}),
        ("update_api_key", {"apiKey": "a", "patchOperations": []}),
        ("delete_api_key", {"apiKey": "a"}),
        ("create_usage_plan", {"name": "a"}),
        ("delete_usage_plan", {"usagePlanId": "a"}),
        ("create_usage_plan_key", {"usagePlanId": "a", "keyId": "a", "keyType": "API_KEY"}),
        ("delete_usage_plan_key", {"usagePlanId": "a", "keyId": "a"}),
        ("update_usage", {"usagePlanId": "a", "keyId": "a"}),
        ("update_account", {}),
    ],
)
def test_a_write_says_its_name(api_gateway, operation, arguments):
    with pytest.raises(ClientError) as refused:
        getattr(api_gateway, operation)(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == "NotImplementedException"
    assert "".join(part.capitalize() for part in operation.split("_")) in error["Message"]


def test_get_account_shows_what_is_enforced(api_gateway, dev):
    account = plain(api_gateway.get_account())
    assert account == {"apiKeyVersion": "4", "features": ["UsagePlans"]}
    app = dev(keyed(), config="[limits]\naws_quotas = true\n")
    limits = app.aws("apigateway").get_account()["throttleSettings"]
    assert limits == {"burstLimit": 5000, "rateLimit": 10000.0}


def test_a_page_of_another_site_reads_no_key(plans):
    for origin in ([], [("Origin", "http://example.com")]):
        response = request(plans.port, "GET", "/apikeys?includeValues=true", headers=origin)
        assert response.status == 403
        assert VALUE.encode() not in response.body


# Templates.


def test_a_plan_as_the_serverless_framework_and_cdk_write_it(dev, shake):
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
    assert shake(app, VALUE).status == 101
    assert app.wait_event("warning", lambda event: "StageKeys" in event["text"])


def test_a_route_of_a_sam_api_may_require_a_key(dev, shake):
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
    assert_forbidden(shake(app))
    assert shake(app, VALUE).status == 101


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
def test_what_aws_takes_and_lets_nobody_in_is_warned_of(dev, shake, resources, options, message):
    app = dev(keyed(resources, **options))
    warning = app.wait_event("warning", lambda event: message in event["text"])["text"]
    assert re.search(r"template\.json:\d+: ", warning)
    assert_forbidden(shake(app, VALUE))


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
