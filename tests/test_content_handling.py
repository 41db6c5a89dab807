"""`ContentHandlingStrategy`, and bodies that are no text."""

import base64

import pytest
from support.talk import error_frame, say
from support.template import Http, HttpCustom, websocket_app

INTERNAL = error_frame("Internal server error")
BYTES = bytes(range(256))
BASE64 = base64.b64encode(BYTES).decode()
TO_BINARY = {"ContentHandlingStrategy": "CONVERT_TO_BINARY"}
TO_TEXT = {"ContentHandlingStrategy": "CONVERT_TO_TEXT"}


@pytest.fixture(scope="module")
def app(module_dev, module_backend):
    def url(path):
        return f"{module_backend.url}/{path}"

    shown = {"ResponseTemplates": {"$default": "<$input.body>"}}
    custom = {
        "as-text": HttpCustom(url("as-text"), integration=TO_TEXT),
        "answer-text": HttpCustom(
            url("answer-text"), two_way=True, responses={"$default": TO_TEXT}
        ),
        "answer-shown": HttpCustom(
            url("answer-shown"), two_way=True, responses={"$default": {**TO_TEXT, **shown}}
        ),
        "answer-binary": HttpCustom(
            url("answer-binary"), two_way=True, responses={"$default": TO_BINARY}
        ),
        "answer-as-is": HttpCustom(url("answer-as-is"), two_way=True),
    }
    proxies = {
        "proxy-as-is": Http(url("proxy-as-is"), two_way=True),
    }
    return module_dev(websocket_app(custom | proxies))


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.fixture
def backend(module_backend):
    return module_backend


@pytest.fixture
def binary(dev, http_backend, connect):
    """A client of an API whose `$default` sends bytes to the backend, of this kind."""

    def open_one(kind, **options):
        target = kind(f"{http_backend.url}/binary", integration=TO_BINARY, **options)
        return connect(dev(websocket_app({"$default": target})).url())

    return open_one


@pytest.mark.checklist(128)
@pytest.mark.parametrize("kind", [HttpCustom, Http])
def test_convert_to_binary_decodes_the_message_for_the_backend(binary, http_backend, kind):
    client = binary(kind)
    client.send(BASE64)
    assert http_backend.received("/binary")[-1].raw == BYTES
    # Padding may be missing.
    client.send("AP8")
    assert http_backend.received("/binary", count=2)[-1].raw == b"\x00\xff"


@pytest.mark.parametrize("text", ["no base64!", "A", "AP8=x", "ü", '{"a":1}'])
def test_a_message_that_is_no_base64_is_an_error_frame(binary, http_backend, text):
    client = binary(HttpCustom)
    client.send(text)
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    assert http_backend.seen("/binary") == []


def test_the_template_is_rendered_before_its_result_is_decoded(dev, http_backend, connect):
    picked = {"RequestTemplates": {"$default": "AP8="}}
    target = HttpCustom(f"{http_backend.url}/made", integration={**TO_BINARY, **picked})
    connect(dev(websocket_app({"$default": target})).url()).send("anything")
    assert http_backend.received("/made")[-1].raw == b"\x00\xff"


def test_convert_to_text_leaves_a_message_as_it_is(client, backend):
    client.send('{"action":"as-text","x":"ü"}')
    assert backend.received("/as-text")[-1].body == '{"action":"as-text","x":"ü"}'


def test_convert_to_text_makes_base64_of_the_answer(client, backend):
    backend.answer("/answer-text", body=BYTES)
    say(client, "answer-text")
    assert client.recv(timeout=10) == BASE64


def test_the_response_template_sees_the_converted_answer(client, backend):
    backend.answer("/answer-shown", body=b"\x00\xff")
    say(client, "answer-shown")
    assert client.recv(timeout=10) == "<AP8=>"


def test_convert_to_binary_decodes_the_answer(client, backend):
    backend.answer("/answer-binary", body="aGVsbG8=")
    say(client, "answer-binary")
    assert client.recv(timeout=10) == "hello"
    backend.answer("/answer-binary", body="no base64!")
    say(client, "answer-binary")
    assert INTERNAL.fullmatch(client.recv(timeout=10))


@pytest.mark.parametrize("action", ["answer-as-is", "proxy-as-is"])
def test_an_answer_that_is_no_utf_8_is_still_a_text_frame(client, backend, action):
    """What is no UTF-8 is replaced: a frame of bytes would end the connection of a browser."""
    backend.answer(f"/{action}", body=b"a\xff\xfeb\xc3\xbc")
    say(client, action)
    assert client.recv(timeout=10) == "a\ufffd\ufffdbü"


def test_a_refusal_of_connect_keeps_its_bytes(dev, http_backend, raw_socket):
    http_backend.answer("/in", 400, BYTES, [("Content-Type", "application/octet-stream")])
    app = dev(websocket_app({"$connect": Http(f"{http_backend.url}/in")}))
    refused = raw_socket(app).upgrade("/prod")
    assert (refused.status, refused.body) == (400, BYTES)
    assert refused.header("content-type") == "application/octet-stream"


def test_an_answer_that_is_longer_than_a_message_is_an_error_frame(client, backend):
    backend.answer("/proxy-as-is", body="x" * 131_072)
    say(client, "proxy-as-is")
    assert client.recv(timeout=10) == "x" * 131_072
    backend.answer("/proxy-as-is", body="x" * 131_073)
    say(client, "proxy-as-is")
    assert INTERNAL.fullmatch(client.recv(timeout=10))
