"""What tests say to the shared app, and what they hear."""

import json
import re
from urllib.parse import urlencode

from support.template import RECORDER, Function, Mock, websocket_app

CONNECTION_ID = r"[A-Za-z0-9_-]{18}=="
REQUEST_ID = r"[A-Za-z0-9_-]{15}="
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

#: The reply that tells a client its own id.
WHOAMI = Mock('{"connectionId":"$context.connectionId"}')


def recording_app(**options):
    """One recording function behind every route; `one` is one-way, `two` is two-way, and
    `whoami` is a MOCK that replies with the connection id."""
    routes = {
        "$connect": "Main",
        "$disconnect": "Main",
        "$default": "Main",
        "one": "Main",
        "two": Function("Main", two_way=True),
        "whoami": WHOAMI,
    }
    return websocket_app(routes, {"Main": RECORDER}, **options)


def silent_app(**options):
    """An app without functions: `whoami`, and `$default` that says nothing."""
    return websocket_app({"whoami": WHOAMI, "$default": Mock()}, **options)


def asking(place, **what):
    """The URL or path with a query that tells the recording function what to do."""
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in what.items()}
    return f"{place}?{urlencode(texts)}"


def say(client, action, **more):
    """Sends a JSON message for a route."""
    client.send(json.dumps({"action": action, **more}))


def connection_id(client):
    """The client's own connection id, as it hears it from `whoami`."""
    say(client, "whoami")
    return json.loads(client.recv(timeout=10))["connectionId"]


def is_silent(client, seconds=0.5):
    """Whether nothing arrives for a moment."""
    try:
        client.recv(timeout=seconds)
    except TimeoutError:
        return True
    return False


def error_frame(message, sender=CONNECTION_ID):
    """What an error frame or a refused handshake's body matches, to the byte (spec §6)."""
    return re.compile(
        r'\{"message": "%s", "connectionId":"(?P<connection>%s)", "requestId":"(?P<request>%s)"\}'
        % (re.escape(message), sender, REQUEST_ID)
    )
