"""F. Which route a message takes, and which frames are messages at all."""

import json

import pytest
from support.poll import until
from support.talk import error_frame, recording_app, say
from support.template import Mock, together, websocket_app
from support.wire import BINARY, CLOSE, CONTINUATION, TEXT, Ended, frame

#: Replies with the key of the route that was taken.
ROUTE = Mock("$context.routeKey")


def api(name, selection, *keys):
    """An API whose routes say their keys."""
    return websocket_app({key: ROUTE for key in keys}, api=name, selection=selection)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(
        together(
            api("Plain", "$request.body.action", "$default", "join", "constant", "join-"),
            api("Braces", "${request.body.action}", "$default", "join"),
            api("Both", "${request.body.service}/${request.body.action}", "$default", "chat/join"),
            api("Missing", "${request.body.action}-${request.body.nothing}", "$default", "join-"),
            api("Constant", r"\$default", "$default", "join"),
            api("Static", "action", "$default", "action", "join"),
            api("List", "$request.body.list", "$default", "[item1, item2]"),
            api("Nested", "$request.body.service.do", "$default", "list"),
            api("Strict", "$request.body.action", "$connect", "$disconnect", "join"),
        )
    )


@pytest.fixture
def route_of(app, connect):
    """The key of the route that a message takes in an API."""

    def send(name, body):
        client = connect(app.url(api=name))
        client.send(body if isinstance(body, str) else json.dumps(body))
        return client.recv(timeout=10)

    return send


@pytest.mark.checklist(71)
@pytest.mark.parametrize("name", ["Plain", "Braces"])
def test_a_variable_may_be_written_with_or_without_braces(route_of, name):
    assert route_of(name, {"action": "join"}) == "join"


@pytest.mark.checklist(72)
def test_an_expression_may_put_variables_and_text_together(route_of):
    assert route_of("Both", {"service": "chat", "action": "join"}) == "chat/join"
    assert route_of("Both", {"service": "chat", "action": "leave"}) == "$default"


@pytest.mark.checklist(73)
def test_a_missing_path_is_the_empty_string(route_of):
    assert route_of("Missing", {"action": "join"}) == "join-"


@pytest.mark.checklist(74)
def test_an_escaped_dollar_is_a_constant(route_of):
    assert route_of("Constant", {"action": "join"}) == "$default"


@pytest.mark.checklist(75)
@pytest.mark.parametrize("body", [{"action": "join"}, {}])
def test_a_static_expression_always_selects_its_route(route_of, body):
    assert route_of("Static", body) == "action"


@pytest.mark.checklist(76)
def test_a_list_is_written_as_java_writes_it(route_of):
    assert route_of("List", {"list": ["item1", "item2"]}) == "[item1, item2]"


@pytest.mark.checklist(77)
def test_a_value_is_not_evaluated_again(route_of):
    body = {"action": "${request.body.other}", "other": "join"}
    assert route_of("Plain", body) == "$default"


@pytest.mark.checklist(78)
@pytest.mark.parametrize("action", ["JOIN", "join ", " join", "joi", "joins", ""])
def test_keys_match_exactly(route_of, action):
    assert route_of("Plain", {"action": action}) == "$default"


@pytest.mark.checklist(79)
@pytest.mark.parametrize(
    "text", ["hello", "", "{", "{'action':'join'}", '{"action":"join"', "join"]
)
def test_what_is_not_json_goes_to_default(route_of, text):
    assert route_of("Plain", text) == "$default"


@pytest.mark.checklist(80)
@pytest.mark.parametrize(
    "body", [{"action": "leave"}, {}, {"action": None}, {"action": 7}, ["join"], "join", 1, None]
)
def test_what_matches_no_route_goes_to_default(route_of, body):
    assert route_of("Plain", body) == "$default"


@pytest.mark.checklist(81)
@pytest.mark.parametrize("text", ['{"action":"leave"}', "hello", ""])
def test_without_default_it_is_forbidden_and_the_connection_stays(app, connect, text):
    client = connect(app.url(api="Strict"))
    client.send(text)
    assert error_frame("Forbidden").fullmatch(client.recv(timeout=10))
    say(client, "join")
    assert client.recv(timeout=10) == "join"


@pytest.mark.checklist(82)
def test_a_path_may_be_nested(route_of):
    assert route_of("Nested", {"service": {"do": "list"}}) == "list"
    assert route_of("Nested", {"service": "list"}) == "$default"


@pytest.mark.checklist(83)
def test_a_key_of_ones_own_may_not_begin_with_a_dollar(dev):
    refused = dev.refused(api("Api", "$request.body.action", "$default", "$mine"))
    assert "$mine" in refused.stderr


@pytest.mark.checklist(84)
@pytest.mark.parametrize("key", ["$connect", "$disconnect"])
def test_a_message_cannot_select_the_routes_of_the_lifecycle(app, connect, key):
    client = connect(app.url(api="Strict"))
    say(client, key)
    assert error_frame("Forbidden").fullmatch(client.recv(timeout=10))


def test_a_message_that_names_default_takes_it(route_of):
    assert route_of("Plain", {"action": "$default"}) == "$default"


def test_of_a_repeated_key_one_value_counts_and_the_connection_stays(app, connect):
    client = connect(app.url(api="Plain"))
    client.send('{"action":"join","action":"constant"}')
    assert client.recv(timeout=10) in ("join", "constant")
    say(client, "join")
    assert client.recv(timeout=10) == "join"


def test_deeply_nested_json_harms_nobody(app, connect):
    client = connect(app.url(api="Plain"))
    # More bytes than a frame may have would be another matter.
    client.send("[" * 30_000)
    assert client.recv(timeout=10) == "$default"
    say(client, "join")
    assert client.recv(timeout=10) == "join"


@pytest.mark.parametrize(("depth", "route"), [(120, "join"), (200, "$default")])
def test_a_message_too_deep_to_be_mapped_selects_no_route_either(app, connect, depth, route):
    client = connect(app.url(api="Plain"))
    client.send('{"deep":%s%s,"action":"join"}' % ("[" * depth, "]" * depth))
    assert client.recv(timeout=10) == route


@pytest.fixture
def raw(app, raw_socket):
    """A raw connection to an API with `$default`."""
    raw = raw_socket(app)
    assert raw.upgrade(app.path(api="Plain")).status == 101
    return raw


@pytest.mark.checklist(86, 87)
def test_a_binary_frame_closes_with_1003(raw):
    raw.send(frame(BINARY, b"\x00\x01"))
    closing = raw.read_frame()
    assert closing.payload == b"\x03\xebBinary is not supported"
    assert closing.opcode == CLOSE


def fragments(payload, size):
    """The frames of a text message, each with at most `size` bytes."""
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(parts) - 1
    return b"".join(
        frame(CONTINUATION if number else TEXT, part, fin=number == last)
        for number, part in enumerate(parts)
    )


@pytest.fixture(scope="module")
def recording(module_dev):
    return module_dev(recording_app())


def bodies(app):
    """The texts of the messages so far."""
    return [event["body"] for event in app.seen("MESSAGE")]


@pytest.mark.checklist(88, 90)
def test_a_message_of_128_kb_in_frames_of_32_kb_arrives_whole(recording, raw_socket):
    # Three bytes a letter: every frame border but one splits a letter.
    text = "€" * 43_690 + "xx"
    payload = text.encode()
    assert len(payload) == 131_072
    raw = raw_socket(recording)
    assert raw.upgrade("/prod").status == 101
    raw.send(fragments(payload, 32_768))
    until(lambda: text in bodies(recording), "event with the whole text")


@pytest.mark.checklist(88)
def test_one_byte_more_than_128_kb_closes_with_1009(raw):
    raw.send(fragments(b"x" * 131_073, 32_768))
    assert raw.read_frame().close()[0] == 1009


@pytest.mark.checklist(89)
def test_a_frame_of_32_kb_is_accepted_and_one_byte_more_closes_with_1009(raw):
    raw.send(frame(TEXT, b"x" * 32_768))
    assert raw.read_message() == "$default"
    raw.send(frame(TEXT, b"x" * 32_769))
    assert raw.read_frame().close()[0] == 1009


@pytest.mark.checklist(89)
def test_a_frame_that_announces_too_much_is_refused_at_once(raw):
    """Its bytes are not waited for."""
    raw.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
    assert raw.read_frame().close()[0] == 1009


@pytest.mark.checklist(90)
def test_a_letter_may_be_split_between_frames_byte_by_byte(recording, raw_socket):
    raw = raw_socket(recording)
    assert raw.upgrade("/prod").status == 101
    raw.send(fragments("split 😀 letters".encode(), 1))
    until(lambda: "split 😀 letters" in bodies(recording), "event with the whole text")


def test_control_frames_may_come_between_the_fragments_of_a_message(raw):
    raw.send(frame(TEXT, '{"action":', fin=False) + frame(0x9, "ping") + frame(0xA, "pong"))
    assert raw.read_frame().payload == b"ping"
    raw.send(frame(CONTINUATION, '"join"}'))
    assert raw.read_message() == "join"


def test_fragments_without_end_are_bounded(raw):
    """Empty continuations grow no message, and are counted all the same."""
    raw.send(frame(TEXT, "", fin=False))
    try:
        for _ in range(100):
            raw.send(frame(CONTINUATION, "", fin=False) * 1000)
        assert raw.read_frame().close()[0] in (1008, 1009)
    except (Ended, ConnectionError):
        # The close frame may be lost when bytes are still on their way to a closed socket.
        pass


def test_a_pipelined_batch_of_messages_is_answered_whole(raw):
    raw.send(frame(TEXT, '{"action":"join"}') * 100)
    assert [raw.read_message() for _ in range(100)] == ["join"] * 100


def test_the_sender_of_one_api_is_not_that_of_another(app, connect):
    """Two APIs, one process: each has its own routes."""
    plain, nested = connect(app.url(api="Plain")), connect(app.url(api="Nested"))
    say(plain, "join")
    nested.send(json.dumps({"action": "join"}))
    assert (plain.recv(timeout=10), nested.recv(timeout=10)) == ("join", "$default")
