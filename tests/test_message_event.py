"""D. The MESSAGE event."""

import json

import pytest
from support.talk import connection_id, recording_app, say

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

CONTEXT_KEYS = [
    "routeKey", "messageId", "eventType", "extendedRequestId", "requestTime", "messageDirection",
    "stage", "connectedAt", "requestTimeEpoch", "identity", "requestId", "domainName",
    "connectionId", "apiId",
]  # fmt: skip


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def event_of(app, connect):
    """The MESSAGE event of a text."""

    def send(text):
        client = connect(app.url() + "?token=x", user_agent_header="probe/1.0")
        own = connection_id(client)
        client.send(text)
        return app.recorded("MESSAGE", connectionId=own)[0]

    return send


@pytest.mark.checklist(53, 59)
def test_it_has_these_members_in_this_order_and_no_headers_or_query(event_of):
    event = event_of('{"action":"one"}')
    assert list(event) == ["requestContext", "body", "isBase64Encoded"]
    assert event["isBase64Encoded"] is False


@pytest.mark.checklist(54)
@pytest.mark.parametrize(
    "text",
    [
        '{"action":"one"}',
        ' { "action" : "one",\n\t"b": 1.0e+2, "b": "again" } ',
        'not json: "quotes" \\ back\\nslash',
        "ünïcödé 😀 \u2028 \u0000 \u007f",
        "</script>",
        "",
    ],
)
def test_the_body_is_the_exact_text(event_of, text):
    assert event_of(text)["body"] == text


@pytest.mark.checklist(55)
def test_the_request_context_has_these_members_in_this_order(app, event_of):
    context = event_of('{"action":"one"}')["requestContext"]
    assert list(context) == CONTEXT_KEYS
    assert context["eventType"] == "MESSAGE"
    assert context["messageDirection"] == "IN"
    assert context["stage"] == "prod"
    assert context["domainName"] == f"localhost:{app.port}"
    assert context["identity"] == {"userAgent": "probe/1.0", "sourceIp": "127.0.0.1"}


@pytest.mark.checklist(56)
@pytest.mark.parametrize(
    "text, route_key",
    [
        ('{"action":"one"}', "one"),
        ('{"action":"two"}', "two"),
        ('{"action":"nowhere"}', "$default"),
        ("hello", "$default"),
    ],
)
def test_the_route_key_is_that_of_the_selected_route(event_of, text, route_key):
    assert event_of(text)["requestContext"]["routeKey"] == route_key


def test_stage_variables_come_with_every_message(dev, connect):
    app = dev(recording_app(stage_properties={"StageVariables": {"table": "rooms"}}))
    say(connect(app.url()), "one")
    assert app.recorded("MESSAGE")[0]["stageVariables"] == {"table": "rooms"}


def test_messages_of_one_connection_run_concurrently(app, connect):
    """There is no order among messages: a slow one does not hold up the next."""
    client = connect(app.url())
    say(client, "two", sleep=2, answer={"body": "slow"})
    say(client, "two", answer={"body": "quick"})
    assert [client.recv(timeout=10), client.recv(timeout=10)] == ["quick", "slow"]


def test_more_messages_than_may_run_at_once_all_arrive(app, connect):
    client = connect(app.url())
    for number in range(40):
        say(client, "two", answer={"body": json.dumps(number)})
    assert {int(client.recv(timeout=20)) for _ in range(40)} == set(range(40))
