"""H. Error frames: what a connected client is told when a message fails."""

import pytest
from support.talk import connection_id, error_frame, recording_app, say
from support.template import Mock, websocket_app


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.mark.checklist(130, 131, 132)
def test_a_frame_names_the_sender_and_the_request_and_the_connection_survives(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    requests = set()
    for _ in range(3):
        say(client, "one", **{"raise": "no"})
        # {"message": "…", "connectionId":"…", "requestId":"…"}: blanks after the first colon and
        # the commas only.
        text = client.recv(timeout=10)
        told = error_frame("Internal server error", own).fullmatch(text)
        assert told, text
        requests.add(told["request"])
    seen = {e["requestContext"]["requestId"] for e in app.seen("MESSAGE", connectionId=own)}
    assert requests == seen
    assert len(requests) == 3
    assert connection_id(client) == own


@pytest.mark.checklist(131)
def test_an_error_frame_goes_to_its_sender_only(app, connect):
    sender, other = connect(app.url()), connect(app.url())
    say(sender, "one", **{"raise": "no"})
    assert error_frame("Internal server error").fullmatch(sender.recv(timeout=10))
    # Its own answer is the first thing that the other one hears.
    assert connection_id(other)


@pytest.mark.checklist(130, 132)
def test_forbidden_is_written_the_same_way(dev, connect):
    app = dev(websocket_app({"whoami": Mock('{"connectionId":"$context.connectionId"}')}))
    client = connect(app.url())
    own = connection_id(client)
    say(client, "nowhere")
    assert error_frame("Forbidden", own).fullmatch(client.recv(timeout=10))
    assert connection_id(client) == own
