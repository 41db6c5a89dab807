"""The client is greeted as soon as it is connected, and nothing is posted too early."""

import json
from datetime import datetime


def test_every_client_is_greeted_first_time(dev, example, connect):
    app = dev(example / "template.yaml")
    for _ in range(5):
        client = connect(app.url())
        welcome = json.loads(client.recv(timeout=10))
        assert welcome["type"] == "welcome"
        assert datetime.fromisoformat(welcome["connectedAt"]).tzinfo is not None

        # The id in the greeting is this client's: a post to it arrives here.
        app.client().post_to_connection(
            ConnectionId=welcome["connectionId"], Data=b"Hello again!"
        )
        assert client.recv(timeout=10) == "Hello again!"
    assert app.events("gone") == []
