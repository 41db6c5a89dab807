"""K. Usage plans: how often and how much a key may be used."""

import re

from support.keys import (
    NEVER,
    OTHER,
    REQUIRED,
    VALUE,
    api_key,
    hear,
    keyed,
    usage_plan,
    used_today,
)
from support.logs import logged
from support.talk import WHOAMI, error_frame
from support.template import RECORDER, Function, Mock, together

# Throttle and quota.


def test_a_plan_throttles_each_of_its_keys(dev, present):
    throttle = {"RateLimit": NEVER, "BurstLimit": 2}
    resources = {
        "Ann": api_key(VALUE),
        "Bob": api_key(OTHER),
        **usage_plan("Ann", "Bob", Throttle=throttle),
    }
    app = dev(keyed(resources))
    assert [present(app, VALUE).status for _ in range(2)] == [101, 101]
    response = present(app, VALUE)
    assert response.status == 429
    assert error_frame("Too Many Requests").fullmatch(response.body.decode()), response.body
    assert [present(app, OTHER).status for _ in range(3)] == [101, 101, 429]


def test_a_plan_throttles_a_key_over_all_its_stages(dev, present):
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
    assert [present(app, VALUE, path=path).status for path in (first, second, first, second)] == [
        101,
        101,
        101,
        429,
    ]


def test_the_throttle_of_a_route_goes_before_that_of_the_plan(dev, present, connect):
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
    assert [present(app, VALUE).status for _ in range(2)] == [101, 429]


def test_a_quota_that_is_used_up_is_429_limit_exceeded(dev, present):
    resources = {
        "Ann": api_key(VALUE),
        "Bob": api_key(OTHER),
        **usage_plan("Ann", "Bob", Quota={"Limit": 2, "Period": "MONTH"}),
    }
    app = dev(keyed(resources))
    assert [present(app, VALUE).status for _ in range(2)] == [101, 101]
    response = present(app, VALUE)
    assert (response.status, response.reason) == (429, "Too Many Requests")
    assert re.fullmatch(
        rb'\{"message": "Limit Exceeded", "connectionId":"[A-Za-z0-9_-]{18}==", '
        rb'"requestId":"[A-Za-z0-9_-]{15}="\}',
        response.body,
    ), response.body
    assert present(app, OTHER).status == 101
    # It is a quota still when Gatepost starts again.
    app.restart()
    assert present(app, VALUE).status == 429
    assert [present(app, OTHER).status for _ in range(2)] == [101, 429]


def test_messages_of_other_routes_use_nothing_of_a_plan(dev, connect):
    resources = {"Ann": api_key(VALUE), **usage_plan("Ann", Quota={"Limit": 1, "Period": "DAY"})}
    app = dev(keyed(resources))
    client = connect(app.url(), additional_headers={"x-api-key": VALUE})
    for _ in range(5):
        assert hear(client, "say") == "hello"


def test_a_handshake_that_is_throttled_does_not_use_the_quota(dev, present):
    plan = usage_plan(
        "Ann",
        Throttle={"RateLimit": NEVER, "BurstLimit": 1},
        Quota={"Limit": 5, "Period": "DAY"},
    )
    app = dev(keyed({"Ann": api_key(VALUE), **plan}))
    assert [present(app, VALUE).status for _ in range(3)] == [101, 429, 429]
    assert used_today(app, "Plan") == {"Ann": [1, 4]}


# A route other than `$connect`: the key of the handshake counts.


def per_message(**options):
    routes = {
        "$connect": Mock(),
        "say": Mock("hello", route=REQUIRED),
        "free": Mock("free"),
    }
    return keyed(routes=routes, **options)


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


def test_a_changed_plan_holds_at_once_and_keeps_what_was_used(dev, present, change):
    def with_quota(limit):
        plan = usage_plan("Ann", Quota={"Limit": limit, "Period": "WEEK"})
        return keyed({"Ann": api_key(VALUE), **plan})

    app = dev(with_quota(1))
    assert [present(app, VALUE).status for _ in range(2)] == [101, 429]
    change(app, with_quota(3))
    app.wait_event("reloaded")
    assert [present(app, VALUE).status for _ in range(3)] == [101, 101, 429]


# Execution logs.


def test_the_execution_log_says_how_the_check_went(dev, present):
    trace = {"LoggingLevel": "INFO"}
    resources = {"Ann": api_key(VALUE), **usage_plan("Ann", Quota={"Limit": 1, "Period": "DAY"})}
    app = dev(keyed(resources, stage_properties={"DefaultRouteSettings": trace}))
    api_stage = f"{app.api()['apiId']}/prod"
    masked = "*****************hijANN"

    def verifying(request, key):
        return (
            f"Verifying Usage Plan for request: {request.id}. API Key: {key} API Stage: {api_stage}"
        )

    assert present(app, VALUE).status == 101
    accepted = logged(app, "connected to API")
    assert accepted.lines[:4] == [
        f"Extended Request Id: {accepted.id}",
        verifying(accepted, masked),
        f"API Key {masked} authorized because route '$connect' requires API Key and API Key is "
        f"associated with a Usage Plan for API Stage {api_stage}",
        f"Usage Plan check succeeded for API Key {masked} and API Stage {api_stage}",
    ]
    exceeded = logged(app, present(app, VALUE).json()["requestId"], "quota")
    assert exceeded.lines[1] == verifying(exceeded, masked)
    assert re.fullmatch(
        rf"Key quota limit exceeded for API Key {re.escape(masked)} of Usage Plan [a-z0-9]{{6}}, "
        r"Route \$connect\. Limit: 1 a DAY",
        exceeded.lines[2],
    )
    missing = logged(app, present(app).json()["requestId"], "not authorized")
    assert missing.lines[1:] == [
        verifying(missing, ""),
        "API Key  not authorized because route '$connect' requires API Key and API Key is not "
        f"associated with a Usage Plan for API Stage {api_stage}: the handshake carried no valid "
        "one",
    ]
