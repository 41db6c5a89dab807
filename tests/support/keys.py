"""API keys and usage plans in little apps."""

import re
from datetime import UTC, datetime

from support.talk import WHOAMI, say
from support.template import Mock, websocket_app

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


def assert_forbidden(response):
    assert (response.status, response.reason) == (403, "Forbidden")
    assert re.fullmatch(
        rb'\{"message": "Forbidden", "connectionId":"[A-Za-z0-9_-]{18}==", '
        rb'"requestId":"[A-Za-z0-9_-]{15}="\}',
        response.body,
    ), response.body
    assert response.header("x-amz-apigw-id") == response.json()["requestId"]
    assert "x-amzn-errortype" not in response.names()


def hear(client, action):
    """What a message for a route is answered."""
    say(client, action)
    return client.recv(timeout=10)


def used_today(app, plan):
    """`[used, remaining]` of today by the name of the key."""
    api_gateway = app.aws("apigateway")
    [plan_id] = [p["id"] for p in api_gateway.get_usage_plans()["items"] if p["name"] == plan]
    today = datetime.now(UTC).date().isoformat()
    usage = api_gateway.get_usage(usagePlanId=plan_id, startDate=today, endDate=today)
    names = {key["id"]: key["name"] for key in api_gateway.get_api_keys()["items"]}
    return {names[key]: days[0] for key, days in usage["items"].items()}
