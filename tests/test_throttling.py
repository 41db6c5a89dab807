"""L. Throttling: token buckets of routes, stages and the account; 429 and what the client reads.

A rate of 0.001 a second never refills while a test runs, so a burst of N lets exactly N through."""

import json
import re

import pytest
from support.poll import until
from support.talk import WHOAMI, error_frame, say
from support.template import RECORDER, Http, Mock, websocket_app
from support.wire import request

NEVER = {"ThrottlingRateLimit": 0.001}
REPLY = Mock("hello")
TOO_MANY = "Too Many Requests"


def throttled(*, stage=None, routes=None, more=None):
    """`$connect`, and the two-way routes `say` and `other`, with these throttling settings."""
    properties = {}
    if stage:
        properties["DefaultRouteSettings"] = stage
    if routes:
        properties["RouteSettings"] = routes
    return websocket_app(
        {"$connect": Mock(), "say": REPLY, "other": REPLY, "whoami": WHOAMI, **(more or {})},
        stage_properties=properties,
    )


def burst(limit):
    return {**NEVER, "ThrottlingBurstLimit": limit}


def hear(client, action="say"):
    say(client, action)
    return client.recv(timeout=10)


def heard(client, action, count):
    """How many of so many messages were answered by their route; the rest were throttled."""
    answers = [hear(client, action) for _ in range(count)]
    refused = [a for a in answers if a != "hello"]
    assert all(error_frame(TOO_MANY).fullmatch(answer) for answer in refused), answers
    return count - len(refused)


@pytest.mark.checklist(133)
def test_a_throttled_message_is_answered_with_a_frame_and_the_connection_stays(dev, connect):
    app = dev(throttled(routes={"say": burst(1)}))
    client = connect(app.url())
    own = json.loads(hear(client, "whoami"))["connectionId"]
    assert hear(client) == "hello"
    text = hear(client)
    assert re.fullmatch(
        r'\{"message": "Too Many Requests", "connectionId":"' + own + r'", '
        r'"requestId":"[A-Za-z0-9_-]{15}="\}',
        text,
    ), text
    assert json.loads(hear(client, "whoami"))["connectionId"] == own


def test_an_integration_is_not_called_for_a_throttled_message(dev, connect, http_backend):
    http_backend.answer("/called", body="hello")
    route = Http(f"{http_backend.url}/called", two_way=True)
    app = dev(throttled(routes={"call": burst(1)}, more={"call": route}))
    client = connect(app.url())
    hear(client, "call")
    assert error_frame(TOO_MANY).fullmatch(hear(client, "call"))
    assert len(http_backend.seen("/called")) == 1


@pytest.mark.checklist(201)
def test_a_throttled_handshake_is_429_with_the_ids(dev, raw_socket):
    app = dev(throttled(routes={"$connect": burst(2)}))
    assert [raw_socket(app).upgrade("/prod").status for _ in range(2)] == [101, 101]
    response = raw_socket(app).upgrade("/prod")
    assert (response.status, response.reason) == (429, "Too Many Requests")
    assert error_frame(TOO_MANY).fullmatch(response.body.decode()), response.body
    assert response.header("content-type") == "application/json"
    assert response.header("x-amz-apigw-id") == response.json()["requestId"]
    assert response.names().isdisjoint({"x-amzn-errortype", "x-amzn-requestid", "retry-after"})


def test_the_setting_of_a_stage_holds_for_each_of_its_routes(dev, connect):
    app = dev(throttled(stage=burst(2)))
    client = connect(app.url())
    assert heard(client, "say", 3) == 2
    # The same again: the routes do not share it.
    assert heard(client, "other", 3) == 2


@pytest.mark.checklist(200)
def test_the_setting_of_a_route_goes_before_that_of_its_stage(dev, connect):
    app = dev(throttled(stage=burst(1), routes={"say": {"ThrottlingBurstLimit": 3}}))
    client = connect(app.url())
    # What the route leaves out is the stage's: the burst is its own, the rate is not.
    assert heard(client, "say", 5) == 3
    assert heard(client, "other", 5) == 1


def test_a_bucket_is_shared_by_all_clients_of_a_route(dev, connect):
    app = dev(throttled(routes={"say": burst(3)}))
    clients = [connect(app.url()) for _ in range(3)]
    assert [heard(client, "say", 2) for client in clients] == [2, 1, 0]


def test_a_bucket_fills_again_at_its_rate(dev, connect):
    settings = {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 1}
    app = dev(throttled(routes={"say": settings}))
    client = connect(app.url())
    assert hear(client) == "hello"
    until(lambda: hear(client) == "hello", "another token")


def test_only_a_rate_leaves_the_burst_of_an_account(dev, connect):
    app = dev(throttled(stage=NEVER))
    client = connect(app.url())
    assert heard(client, "say", 200) == 200


@pytest.mark.checklist(199)
def test_a_changed_limit_holds_at_once_and_keeps_what_was_taken(dev, connect, change):
    app = dev(throttled(routes={"say": burst(2)}))
    client = connect(app.url())
    assert heard(client, "say", 3) == 2
    # More of the burst, of which two are taken.
    change(app, throttled(routes={"say": burst(5)}))
    app.wait_event("reloaded")
    assert heard(client, "say", 5) == 3
    # And none at all.
    change(app, throttled())
    until(lambda: len(app.events("reloaded")) == 2, "reload")
    assert heard(client, "say", 5) == 5


def test_a_bucket_outlives_a_deployment(dev, connect, change):
    app = dev(throttled(routes={"say": burst(2)}))
    client = connect(app.url())
    assert heard(client, "say", 1) == 1
    change(app, throttled(routes={"say": burst(2)}, more={"new": REPLY}))
    app.wait_event("reloaded")
    assert hear(client, "new") == "hello"
    assert heard(client, "say", 2) == 1


def test_zero_refuses_everything_and_start_up_says_so(dev, connect):
    zero = {"ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0}
    app = dev(throttled(routes={"say": zero}))
    client = connect(app.url())
    assert heard(client, "say", 2) == 0
    warning = app.wait_event("warning", lambda event: "ThrottlingBurstLimit" in event["text"])
    assert "ThrottlingBurstLimit is 0: requests are refused with 429" in warning["text"]


def test_a_disconnect_is_never_throttled(dev, connect):
    template = websocket_app(
        {"$disconnect": "Main", "whoami": WHOAMI},
        {"Main": RECORDER},
        stage_properties={"DefaultRouteSettings": burst(1)},
    )
    app = dev(template)
    for _ in range(2):
        connect(app.url()).close()
    assert len(app.recorded("DISCONNECT", count=2)) == 2


# The account: only `[limits]` sets its rates.


def test_nothing_is_limited_unless_it_is_set(dev, connect):
    app = dev(throttled())
    client = connect(app.url())
    client_count = 600  # More than AWS's 500 connects and far from any burst of messages.
    for _ in range(client_count):
        say(client, "say")
    assert [client.recv(timeout=10) for _ in range(client_count)] == ["hello"] * client_count


def test_messages_handshakes_and_posts_share_the_rate_of_the_account(dev, connect, raw_socket):
    config = """
        [limits]
        account_rate_limit = 0.001
        account_burst_limit = 4
    """
    app = dev(throttled(), config=config)
    client = connect(app.url())
    own = json.loads(hear(client, "whoami"))["connectionId"]
    place = f"{app.path()}/@connections/{own.replace('=', '%3D')}"
    assert request(app.port, "POST", place, b"posted").status == 200
    assert client.recv(timeout=10) == "posted"
    assert hear(client) == "hello"
    # All four are taken.
    assert error_frame(TOO_MANY, own).fullmatch(hear(client))
    assert error_frame(TOO_MANY, own).fullmatch(hear(client, "nowhere"))
    response = raw_socket(app).upgrade("/prod")
    assert response.status == 429
    assert error_frame(TOO_MANY).fullmatch(response.body.decode())
    for method in ("POST", "GET", "DELETE"):
        response = request(app.port, method, place, b"posted" if method == "POST" else b"")
        assert (response.status, response.body) == (429, b"")
        assert response.header("x-amzn-errortype") == "LimitExceededException"
        assert response.header("content-length") == "0"
    # None of them did anything.
    assert error_frame(TOO_MANY, own).fullmatch(hear(client))


def test_a_throttled_post_is_an_exception_of_the_sdk(dev, connect):
    config = "[limits]\naccount_rate_limit = 0.001\naccount_burst_limit = 2\n"
    app = dev(throttled(), config=config)
    client = connect(app.url())
    own = json.loads(hear(client, "whoami"))["connectionId"]
    boto = app.client()
    with pytest.raises(boto.exceptions.LimitExceededException) as raised:
        boto.post_to_connection(ConnectionId=own, Data=b"x")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_id_that_is_none_is_told_before_the_rate_is_looked_at_and_one_that_is_gone_behind(
    dev, connect
):
    config = "[limits]\naccount_rate_limit = 0.001\naccount_burst_limit = 2\n"
    app = dev(throttled(), config=config)
    client = connect(app.url())
    gone = json.loads(hear(client, "whoami"))["connectionId"].replace("=", "%3D")
    client.close()
    app.wait_event("closed")
    for connection, status in (("nope", 400), ("AAAAAAAAAAAAAAAAAA%3D%3D", 400), (gone, 429)):
        place = f"{app.path()}/@connections/{connection}"
        assert request(app.port, "POST", place, b"x").status == status


def test_what_a_route_refuses_takes_nothing_from_the_account(dev, connect):
    config = "[limits]\naccount_rate_limit = 0.001\naccount_burst_limit = 3\n"
    app = dev(throttled(routes={"say": burst(1)}), config=config)
    client = connect(app.url())
    assert heard(client, "say", 10) == 1
    assert heard(client, "other", 2) == 1


def test_new_connections_have_a_limit_of_their_own(dev, connect, raw_socket):
    app = dev(throttled(), config="[limits]\nnew_connections_per_second = 1\n")
    client = connect(app.url())
    statuses = [raw_socket(app).upgrade("/prod").status for _ in range(3)]
    assert 429 in statuses
    # What is not a handshake is not meant.
    assert heard(client, "say", 50) == 50
    until(lambda: raw_socket(app).upgrade("/prod").status == 101, "another connection")


# Bad input.


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"ThrottlingRateLimit": -1}, "ThrottlingRateLimit is not a rate"),
        ({"ThrottlingRateLimit": "NaN"}, "ThrottlingRateLimit is not a rate"),
        ({"ThrottlingRateLimit": "inf"}, "ThrottlingRateLimit is not a rate"),
        ({"ThrottlingRateLimit": "fast"}, "ThrottlingRateLimit of"),
        ({"ThrottlingBurstLimit": 1.5}, "ThrottlingBurstLimit of"),
        ({"ThrottlingBurstLimit": -1}, "ThrottlingBurstLimit of"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_place(dev, settings, message):
    refused = dev.refused(throttled(stage=settings))
    assert refused.status == 1
    assert message in refused.stderr
    assert re.search(r"template\.json:\d+: ", refused.stderr)
