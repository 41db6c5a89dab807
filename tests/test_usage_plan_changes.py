"""API keys, usage plans and the account, made and changed by calls to `apigateway`."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from support.aws import plain, refused, status
from support.keys import NEVER, REQUIRED, VALUE, api_key, keyed, usage_plan
from support.poll import until
from support.template import Mock

OWN = "by-a-call-0123456789abcdef"


@pytest.fixture
def app(dev):
    """`$connect` requires a key, which nobody has yet."""
    return dev(keyed({}, routes={"$connect": Mock(route=REQUIRED)}))


@pytest.fixture
def api_gateway(app):
    return app.aws("apigateway")


def patch(op, path, value=None):
    operation = {"op": op, "path": path}
    return operation if value is None else {**operation, "value": value}


def stage_of(app):
    return {"apiId": app.api()["apiId"], "stage": "prod"}


def let_in(app, api_gateway, value=OWN, **plan):
    """A key and a plan of the stage, made by calls."""
    key = api_gateway.create_api_key(name="own", value=value, enabled=True)
    plan = api_gateway.create_usage_plan(name="own", apiStages=[stage_of(app)], **plan)
    api_gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    return key["id"], plan["id"]


def test_a_key_and_plan_made_by_calls_are_served_at_once(app, api_gateway, present):
    assert present(app, OWN).status == 403
    key, plan = let_in(app, api_gateway)
    assert present(app, OWN).status == 101
    api_gateway.update_api_key(apiKey=key, patchOperations=[patch("replace", "/enabled", "false")])
    assert present(app, OWN).status == 403
    api_gateway.update_api_key(apiKey=key, patchOperations=[patch("replace", "/enabled", "true")])
    assert present(app, OWN).status == 101
    removed = api_gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    assert status(removed) == 202
    assert present(app, OWN).status == 403


def test_a_throttle_and_a_quota_set_by_a_patch_hold_at_once(app, api_gateway, present):
    _, plan = let_in(app, api_gateway)
    api_gateway.update_usage_plan(
        usagePlanId=plan,
        patchOperations=[
            patch("replace", "/throttle/rateLimit", str(NEVER)),
            patch("replace", "/throttle/burstLimit", "1"),
        ],
    )
    assert [present(app, OWN).status for _ in range(2)] == [101, 429]
    api_gateway.update_usage_plan(
        usagePlanId=plan,
        patchOperations=[
            patch("remove", "/throttle"),
            patch("replace", "/quota/limit", "2"),
            patch("replace", "/quota/period", "MONTH"),
        ],
    )
    assert [present(app, OWN).status for _ in range(3)] == [101, 101, 429]


def test_what_calls_made_survives_restarts_and_reloads(app, api_gateway, present):
    key, plan = let_in(app, api_gateway, quota={"limit": 5, "period": "DAY"})
    api_gateway.update_account(
        patchOperations=[
            patch("replace", "/cloudwatchRoleArn", "arn:aws:iam::000000000000:role/logs")
        ]
    )
    before = plain(api_gateway.get_usage_plan(usagePlanId=plan))
    app.restart()
    api_gateway = app.aws("apigateway")
    assert plain(api_gateway.get_usage_plan(usagePlanId=plan)) == before
    assert api_gateway.get_api_key(apiKey=key, includeValue=True)["value"] == OWN
    role = api_gateway.get_account()["cloudwatchRoleArn"]
    assert role == "arn:aws:iam::000000000000:role/logs"
    assert present(app, OWN).status == 101


def test_what_is_deleted_does_not_come_back(app, api_gateway, present):
    key, plan = let_in(app, api_gateway)
    assert status(api_gateway.delete_api_key(apiKey=key)) == 202
    assert present(app, OWN).status == 403
    assert api_gateway.get_usage_plan_keys(usagePlanId=plan)["items"] == []
    assert status(api_gateway.delete_usage_plan(usagePlanId=plan)) == 202
    app.restart()
    api_gateway = app.aws("apigateway")
    assert api_gateway.get_api_keys()["items"] == []
    assert api_gateway.get_usage_plans()["items"] == []


def test_a_key_without_a_value_gets_one_and_is_disabled(api_gateway):
    key = api_gateway.create_api_key(name="made")
    assert status(key) == 201
    assert re.fullmatch("[a-z0-9]{10}", key["id"])
    assert re.fullmatch("[A-Za-z0-9]{40}", key["value"])
    assert key["enabled"] is False
    assert key["createdDate"] == key["lastUpdatedDate"]
    again = api_gateway.get_api_key(apiKey=key["id"], includeValue=True)
    assert again["value"] == key["value"]
    assert "value" not in api_gateway.get_api_key(apiKey=key["id"])


def test_values_of_keys_are_long_enough_and_no_two_the_same(api_gateway):
    create = api_gateway.create_api_key
    assert refused(create, name="a", value="x" * 19) == (
        400,
        "BadRequestException",
        "API Key value should be at least 20 characters",
    )
    assert refused(create, name="a", value="x" * 129) == (
        400,
        "BadRequestException",
        "API Key value exceeds maximum size of 128 characters",
    )
    create(name="a", value=OWN)
    assert refused(create, name="b", value=OWN) == (
        409,
        "ConflictException",
        "API Key already exists",
    )


def test_what_is_not_there_is_not_found(app, api_gateway):
    nothing = {"patchOperations": []}
    key = (404, "NotFoundException", "Invalid API Key identifier specified")
    plan = (404, "NotFoundException", "Invalid Usage Plan ID specified")
    assert refused(api_gateway.update_api_key, apiKey="nothing", **nothing) == key
    assert refused(api_gateway.delete_api_key, apiKey="nothing") == key
    assert refused(api_gateway.update_usage_plan, usagePlanId="nothing", **nothing) == plan
    assert refused(api_gateway.delete_usage_plan, usagePlanId="nothing") == plan
    made = api_gateway.create_usage_plan(name="made")["id"]
    add = api_gateway.create_usage_plan_key
    assert refused(add, usagePlanId=made, keyId="nothing", keyType="API_KEY") == key
    stages = [{"apiId": app.api()["apiId"], "stage": "nothing"}]
    assert refused(api_gateway.create_usage_plan, name="b", apiStages=stages) == (
        404,
        "NotFoundException",
        f"API Stage not found: {app.api()['apiId']}:nothing",
    )


def test_a_refused_patch_changes_nothing(api_gateway):
    plan = api_gateway.create_usage_plan(name="before")["id"]
    refusal = refused(
        api_gateway.update_usage_plan,
        usagePlanId=plan,
        patchOperations=[patch("replace", "/name", "after"), patch("replace", "/id", "x")],
    )
    assert refusal[:2] == (400, "BadRequestException")
    assert refusal[2].startswith("Invalid patch path '/id' specified for op 'replace'. Must be one of: [")
    assert api_gateway.get_usage_plan(usagePlanId=plan)["name"] == "before"


def test_a_key_has_one_plan_for_a_stage(app, api_gateway):
    key, plan = let_in(app, api_gateway)
    other = api_gateway.create_usage_plan(name="other", apiStages=[stage_of(app)])["id"]
    for usage_plan_id in (plan, other):
        refusal = refused(
            api_gateway.create_usage_plan_key,
            usagePlanId=usage_plan_id,
            keyId=key,
            keyType="API_KEY",
        )
        assert refusal[:2] == (409, "ConflictException")


def test_a_key_gets_no_second_plan_of_a_stage_that_a_plan_gets(app, api_gateway):
    key, plan = let_in(app, api_gateway)
    other = api_gateway.create_usage_plan(name="other")["id"]
    of_plan = {"usagePlanId": other, "keyId": key, "keyType": "API_KEY"}
    api_gateway.create_usage_plan_key(**of_plan)
    stage = "{apiId}:{stage}".format(**stage_of(app))
    add = {"usagePlanId": other, "patchOperations": [patch("add", "/apiStages", stage)]}
    assert refused(api_gateway.update_usage_plan, **add) == (
        409,
        "ConflictException",
        f"API Key {key} belongs to another usage plan of the stage {stage}",
    )
    assert not api_gateway.get_usage_plan(usagePlanId=other).get("apiStages")
    api_gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    assert len(api_gateway.update_usage_plan(**add)["apiStages"]) == 1


def test_what_the_template_declares_is_changed_there_alone(dev):
    app = dev(keyed({"Ann": api_key(VALUE), **usage_plan("Ann")}))
    api_gateway = app.aws("apigateway")
    [key] = api_gateway.get_api_keys()["items"]
    [plan] = api_gateway.get_usage_plans()["items"]
    for call, arguments in [
        (api_gateway.update_api_key, {"apiKey": key["id"], "patchOperations": []}),
        (api_gateway.delete_api_key, {"apiKey": key["id"]}),
        (api_gateway.delete_usage_plan, {"usagePlanId": plan["id"]}),
    ]:
        code, error, message = refused(call, **arguments)
        assert (code, error) == (409, "ConflictException")
        assert "is the template's: change it there" in message


def test_tags_are_put_and_taken_by_arn(api_gateway):
    key = api_gateway.create_api_key(name="a", tags={"team": "web"})["id"]
    arn = f"arn:aws:apigateway:us-east-1::/apikeys/{key}"
    assert status(api_gateway.tag_resource(resourceArn=arn, tags={"tier": "1"})) == 204
    assert api_gateway.get_tags(resourceArn=arn)["tags"] == {"team": "web", "tier": "1"}
    assert status(api_gateway.untag_resource(resourceArn=arn, tagKeys=["team"])) == 204
    assert api_gateway.get_api_key(apiKey=key)["tags"] == {"tier": "1"}


def test_reading_does_not_wait_for_a_change_that_waits_for_the_disk(app, api_gateway):
    role = "arn:aws:iam::000000000000:role/logs"
    store = app.folder / ".gatepost/store.sqlite"
    with closing(sqlite3.connect(store, isolation_level=None)) as another:
        # Who else writes holds the change back for some seconds.
        another.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            changing = pool.submit(
                api_gateway.update_account,
                patchOperations=[patch("replace", "/cloudwatchRoleArn", role)],
            )
            for _ in range(30):
                assert api_gateway.get_account().get("cloudwatchRoleArn") is None
            assert not changing.done()
            another.execute("ROLLBACK")
            assert changing.result()["cloudwatchRoleArn"] == role
    assert api_gateway.get_account()["cloudwatchRoleArn"] == role


def today():
    return datetime.now(UTC).date().isoformat()


def usage_of(api_gateway, plan, key):
    usage = api_gateway.get_usage(usagePlanId=plan, startDate=today(), endDate=today())
    return usage["items"][key]


def test_usage_that_is_extended_lets_a_key_go_on_until_the_period_ends(app, api_gateway, present):
    key, plan = let_in(app, api_gateway, quota={"limit": 1, "period": "MONTH"})
    assert present(app, OWN).status == 101
    assert present(app, OWN).status == 429
    extended = api_gateway.update_usage(
        usagePlanId=plan, keyId=key, patchOperations=[patch("replace", "/remaining", "2")]
    )
    assert status(extended) == 200
    assert plain(extended) == {
        "usagePlanId": plan,
        "startDate": today(),
        "endDate": today(),
        "items": {key: [[1, 2]]},
    }
    assert present(app, OWN).status == 101
    until(lambda: usage_of(api_gateway, plan, key) == [[2, 1]], "the second request")
    app.restart()
    api_gateway = app.aws("apigateway")
    assert usage_of(api_gateway, plan, key) == [[2, 1]]
    assert present(app, OWN).status == 101
    assert present(app, OWN).status == 429
    # The plan itself is as it was, and another quota ends what was granted.
    assert api_gateway.get_usage_plan(usagePlanId=plan)["quota"]["limit"] == 1
    api_gateway.update_usage_plan(
        usagePlanId=plan, patchOperations=[patch("replace", "/quota/limit", "9")]
    )
    assert usage_of(api_gateway, plan, key) == [[3, 6]]


def test_usage_can_be_taken_away(app, api_gateway, present):
    key, plan = let_in(app, api_gateway, quota={"limit": 100, "period": "DAY"})
    assert present(app, OWN).status == 101
    api_gateway.update_usage(
        usagePlanId=plan, keyId=key, patchOperations=[patch("replace", "/remaining", "0")]
    )
    assert present(app, OWN).status == 429


def test_a_plan_of_the_template_is_extended_too(dev, present):
    """Usage is no part of what the template declares."""
    quota = {"Quota": {"Limit": 1, "Period": "DAY"}}
    resources = {"Ann": api_key(VALUE), **usage_plan("Ann", **quota)}
    app = dev(keyed(resources, routes={"$connect": Mock(route=REQUIRED)}))
    api_gateway = app.aws("apigateway")
    [plan] = api_gateway.get_usage_plans()["items"]
    [key] = api_gateway.get_api_keys()["items"]
    assert present(app, VALUE).status == 101
    assert present(app, VALUE).status == 429
    api_gateway.update_usage(
        usagePlanId=plan["id"],
        keyId=key["id"],
        patchOperations=[patch("replace", "/remaining", "1")],
    )
    assert present(app, VALUE).status == 101


def test_usage_that_cannot_be_extended_says_why(app, api_gateway):
    key, plan = let_in(app, api_gateway)
    update = api_gateway.update_usage
    remaining = [patch("replace", "/remaining", "1")]
    assert refused(update, usagePlanId=plan, keyId=key, patchOperations=remaining) == (
        400,
        "BadRequestException",
        f"Usage Plan {plan} has no quota",
    )
    assert refused(update, usagePlanId="none", keyId=key)[:2] == (404, "NotFoundException")
    other = api_gateway.create_api_key(name="other")["id"]
    assert refused(update, usagePlanId=plan, keyId=other)[:2] == (404, "NotFoundException")
    for operation, text in [
        (patch("replace", "/remaining", "-1"), "Invalid value '-1' for patch path '/remaining'"),
        (
            patch("add", "/used", "1"),
            "Invalid patch path '/used' specified for op 'add'. Must be one of: [/remaining]",
        ),
    ]:
        code = refused(update, usagePlanId=plan, keyId=key, patchOperations=[operation])
        assert code == (400, "BadRequestException", text)
