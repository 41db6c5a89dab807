"""API keys and usage plans in the control plane: what of `apigateway` there is to read."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from support.aws import plain
from support.keys import OTHER, VALUE, api_key, keyed, usage_plan, used_today
from support.wire import request


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


def test_get_usage_counts_day_by_day(api_gateway, plans, present):
    for _ in range(3):
        assert present(plans, VALUE).status == 101
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


def test_a_write_that_is_not_there_yet_says_its_name(api_gateway):
    with pytest.raises(ClientError) as refused:
        api_gateway.import_api_keys(body=b"name,key", format="csv")
    error = refused.value.response["Error"]
    assert error["Code"] == "NotImplementedException"
    assert "ImportApiKeys" in error["Message"]


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
