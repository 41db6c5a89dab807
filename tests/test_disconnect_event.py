"""E. The DISCONNECT event."""

import pytest
from support.talk import connection_id, recording_app
from support.template import RECORDER, Mock, websocket_app
from support.wire import close_frame

CONTEXT_KEYS = [
    "routeKey", "disconnectStatusCode", "eventType", "extendedRequestId", "requestTime",
    "messageDirection", "disconnectReason", "stage", "connectedAt", "requestTimeEpoch", "identity",
    "requestId", "domainName", "connectionId", "apiId",
]  # fmt: skip


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def event_after(app, raw_socket):
    """The DISCONNECT event after `end` was done to a raw connection."""

    def run(end):
        before = len(app.seen("CONNECT"))
        raw = raw_socket(app)
        assert raw.upgrade("/prod").status == 101
        opened = app.recorded("CONNECT", count=before + 1)[before]
        own = opened["requestContext"]["connectionId"]
        end(raw, own)
        return app.recorded("DISCONNECT", connectionId=own)[0]

    return run


def told(event):
    """Code and reason of the event."""
    context = event["requestContext"]
    return context["disconnectStatusCode"], context["disconnectReason"]


@pytest.mark.checklist(60)
def test_its_headers_are_these_four_odd_ones(app, event_after):
    event = event_after(lambda raw, _: raw.send(close_frame(1000)))
    host = f"localhost:{app.port}"
    assert list(event) == ["headers", "multiValueHeaders", "requestContext", "isBase64Encoded"]
    assert event["headers"] == {
        "Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "",
    }  # fmt: skip
    assert event["multiValueHeaders"] == {
        "Host": [host], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""],
    }  # fmt: skip
    assert event["isBase64Encoded"] is False


@pytest.mark.checklist(61, 69)
def test_the_request_context_has_these_members_in_this_order(event_after):
    context = event_after(lambda raw, _: raw.send(close_frame(1000, "bye")))["requestContext"]
    assert list(context) == CONTEXT_KEYS
    assert context["routeKey"] == "$disconnect"
    assert context["eventType"] == "DISCONNECT"
    assert context["messageDirection"] == "IN"
    assert type(context["disconnectStatusCode"]) is int
    assert type(context["disconnectReason"]) is str


@pytest.mark.checklist(62, 63, 64)
@pytest.mark.parametrize(
    "frame, expected",
    [
        (close_frame(), (1005, "Client-side close frame status not set")),
        (close_frame(1000, "bye"), (1000, "bye")),
        (close_frame(1001), (1001, "")),
        (close_frame(4321, "ünsre"), (4321, "ünsre")),
    ],
    ids=["no status", "1000 bye", "1001", "4321"],
)
def test_a_close_by_the_client_is_told_with_its_code_and_reason(event_after, frame, expected):
    assert told(event_after(lambda raw, _: raw.send(frame))) == expected


@pytest.mark.checklist(66)
def test_a_delete_connection_is_told_as_1000(app, event_after):
    event = event_after(lambda _, own: app.client().delete_connection(ConnectionId=own))
    assert told(event) == (1000, "Connection Closed Normally")


@pytest.mark.checklist(67)
@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_client_that_vanishes_is_told_as_1006(event_after, end):
    """A TCP reset, and an end of stream without a close frame."""
    event = event_after(lambda raw, _: getattr(raw, end)())
    assert told(event) == (1006, "Connection closed abnormally")


@pytest.mark.checklist(65)
def test_an_idle_timeout_is_told_as_1001(dev, connect):
    app = dev(recording_app(), config='[limits]\nidle_timeout = "1s"')
    connect(app.url())
    assert told(app.recorded("DISCONNECT")[0]) == (1001, "Going away")


@pytest.mark.checklist(68)
def test_a_post_from_the_disconnect_handler_finds_it_gone(dev, connect):
    app = dev(recording_app(stage_properties={"StageVariables": {"post": "always"}}))
    connect(app.url()).close()
    assert app.recorded("DISCONNECT")[0]["posted"] == [410, "closed-by-client"]


@pytest.mark.checklist(70)
def test_it_comes_once_whatever_ends_the_connection_twice(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    app.client().delete_connection(ConnectionId=own)
    client.close()
    app.recorded("DISCONNECT", connectionId=own)
    # Another life from beginning to end: a second event of the first would have come by then.
    other = connect(app.url())
    other_id = connection_id(other)
    other.close()
    app.recorded("DISCONNECT", connectionId=other_id)
    assert len(app.recorded("DISCONNECT", connectionId=own)) == 1


def test_it_comes_although_connect_has_no_integration(dev, connect):
    app = dev(websocket_app({"$disconnect": "Main"}, {"Main": RECORDER}))
    connect(app.url()).close(1000, "bye")
    assert told(app.recorded("DISCONNECT")[0]) == (1000, "bye")


def test_a_broken_disconnect_handler_disturbs_nobody(dev, connect):
    source = "def handler(event, context):\n    raise Exception('on purpose')"
    routes = {"$disconnect": "Broken", "$default": Mock("still here")}
    app = dev(websocket_app(routes, {"Broken": source}))
    stays = connect(app.url())
    connect(app.url()).close()
    app.wait_event("log", lambda event: "on purpose" in event["message"])
    stays.send("hello")
    assert stays.recv(timeout=10) == "still here"
