"""The warning of who keeps calling ids that are gone."""

import contextlib
import re

from support.poll import until
from support.talk import WHOAMI, connection_id, recording_app, silent_app
from support.template import python, websocket_app


def gone_ids(app, connect, count):
    ids = []
    for _ in range(count):
        client = connect(app.url())
        ids.append(connection_id(client))
        client.close()
    return ids


def call_again_and_again(app, ids, times):
    posts = app.client()
    refused = 0
    while refused < times:
        for own in ids:
            with contextlib.suppress(posts.exceptions.GoneException):
                posts.post_to_connection(ConnectionId=own, Data=b"x")
                continue
            refused += 1


def told(app):
    return [e["text"] for e in app.events("warning") if "keeps calling" in e["text"]]


def test_who_calls_ids_again_that_are_gone_is_told_once_with_the_likely_missing_step(dev, connect):
    app = dev(recording_app())
    ids = gone_ids(app, connect, 2)
    app.recorded("DISCONNECT", count=2)
    call_again_and_again(app, ids, 40)
    until(lambda: told(app), "a warning")
    [text] = told(app)
    assert re.fullmatch(
        r"Boto3/\S+ at 127\.0\.0\.1 keeps calling ids that are gone: 10 calls for 2 since "
        r"2\d{3}-\d\d-\d\dT\S+Z; likely missing: nothing deletes an id on GoneException, so that it is "
        r"called again and again: delete it there \(gatepost why --stale\)",
        text,
    )


def test_without_a_disconnect_route_that_is_what_is_missing(dev, connect):
    app = dev(silent_app())
    ids = gone_ids(app, connect, 10)
    call_again_and_again(app, ids, 10)
    until(lambda: told(app), "a warning")
    assert "there is no $disconnect route that deletes the ids" in told(app)[0]


def test_a_disconnect_route_that_fails_is_what_is_missing(dev, connect):
    failing = python("def handler(event, context):\n    raise RuntimeError")
    app = dev(websocket_app({"$disconnect": "Fails", "whoami": WHOAMI}, {"Fails": failing}))
    ids = gone_ids(app, connect, 10)
    until(lambda: len(re.findall("RuntimeError", app.stdout)) >= 10, "each failure", timeout=20)
    call_again_and_again(app, ids, 10)
    until(lambda: told(app), "a warning")
    assert "$disconnect fails, so the ids stay" in told(app)[0]
