"""B. Identifiers and times in events."""

import re
import time
from datetime import UTC, datetime

import pytest
from support.talk import CONNECTION_ID, REQUEST_ID, connection_id, recording_app, say, silent_app


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def life(app, connect):
    """The contexts of one connection: CONNECT, two MESSAGEs, DISCONNECT."""
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", n=1)
    say(client, "one", n=2)
    messages = app.recorded("MESSAGE", count=2, connectionId=own)
    client.close()
    return [
        event["requestContext"]
        for event in (
            *app.recorded("CONNECT", connectionId=own),
            *messages,
            *app.recorded("DISCONNECT", connectionId=own),
        )
    ]


@pytest.mark.checklist(31, 32, 33)
def test_ids_have_the_forms_that_aws_gives_them(life):
    for context in life:
        assert re.fullmatch(CONNECTION_ID, context["connectionId"])
        assert re.fullmatch(REQUEST_ID, context["requestId"])
        assert context["extendedRequestId"] == context["requestId"]
        assert re.fullmatch(r"[a-z0-9]{10}", context["apiId"])


@pytest.mark.checklist(34)
def test_each_event_has_a_request_id_of_its_own(life):
    assert len({context["requestId"] for context in life}) == 4


@pytest.mark.checklist(35)
def test_only_messages_have_a_message_id(life):
    kinds = [("messageId" in context, context["eventType"]) for context in life]
    assert kinds == [
        (False, "CONNECT"),
        (True, "MESSAGE"),
        (True, "MESSAGE"),
        (False, "DISCONNECT"),
    ]
    ids = {context["messageId"] for context in life[1:3]}
    assert len(ids) == 2
    assert all(re.fullmatch(CONNECTION_ID, message_id) for message_id in ids)


@pytest.mark.checklist(36, 37)
def test_times_are_as_aws_writes_them(life):
    for context in life:
        text = context["requestTime"]
        assert re.fullmatch(r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} \+0000", text)
        assert type(context["connectedAt"]) is type(context["requestTimeEpoch"]) is int
        epoch = context["requestTimeEpoch"]
        assert datetime.fromtimestamp(epoch / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000") == text
        assert abs(time.time() * 1000 - epoch) < 60_000


@pytest.mark.checklist(38, 39)
def test_connected_at_is_constant_and_no_later_than_the_connect_request(life):
    assert len({context["connectedAt"] for context in life}) == 1
    assert 0 <= life[0]["requestTimeEpoch"] - life[0]["connectedAt"] <= 1000


@pytest.mark.checklist(40)
def test_no_id_is_issued_twice(dev, connect):
    app = dev(silent_app())
    ids = [connection_id(connect(app.url())) for _ in range(40)]
    app.restart()
    ids += [connection_id(connect(app.url())) for _ in range(40)]
    assert len(set(ids)) == 80
