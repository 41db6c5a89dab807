"""12. permessage-deflate: off unless switched on, then without context takeover, and bounded."""

import zlib

import pytest
from support.talk import connection_id, recording_app, say, silent_app
from support.wire import CLOSE, TEXT, frame

ON = "[extensions]\npermessage_deflate = true"


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app(), config=ON)


@pytest.mark.checklist(204)
def test_by_default_an_offer_is_not_taken_up_and_breaks_nothing(dev, connect):
    client = connect(dev(silent_app()).url(), compression="deflate")
    assert "sec-websocket-extensions" not in client.response.headers
    assert connection_id(client)


def test_switched_on_both_directions_are_compressed(app, connect):
    client = connect(app.url(), compression="deflate")
    agreed = client.response.headers["sec-websocket-extensions"]
    assert agreed.startswith("permessage-deflate")
    assert "server_no_context_takeover" in agreed
    assert "client_no_context_takeover" in agreed
    # Above the frame limit of 32 KB, which counts what is on the wire.
    text = "so long a text " * 5_000
    say(client, "two", answer={"body": text})
    assert client.recv(timeout=10) == text


def test_a_client_that_offers_nothing_is_served_plainly(app, connect):
    client = connect(app.url())
    assert "sec-websocket-extensions" not in client.response.headers
    assert connection_id(client)


def test_a_bomb_closes_with_1009_at_the_message_limit(app, raw_socket):
    """10 MB of zeros in 10 KB."""
    raw = raw_socket(app)
    offer = [("Sec-WebSocket-Extensions", "permessage-deflate")]
    assert raw.upgrade("/prod", headers=offer).status == 101
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b"0" * 10_000_000) + deflate.flush(zlib.Z_SYNC_FLUSH)
    raw.send(frame(TEXT, bomb[:-4], rsv=4))
    answer = raw.read_frame()
    assert answer.opcode == CLOSE
    assert answer.payload[:2] == (1009).to_bytes(2, "big")
