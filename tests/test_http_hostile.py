"""Bytes that no decent client sends: a defined answer or the end of that connection, and never a
harm to anybody else."""

import random
import time

import pytest
from support.talk import connection_id, recording_app, silent_app
from support.wire import KEY, TEXT, Ended, frame, request, upgrade


@pytest.fixture(scope="module")
def app(module_dev):
    # Short, so that a test need not wait long for what is cut off at last.
    return module_dev(recording_app(), config='[limits]\nhandshake_timeout = "2s"')


@pytest.fixture
def bystander(app, connect):
    """Somebody else, who must not notice."""
    client = connect(app.url())
    own = connection_id(client)
    yield client
    assert connection_id(client) == own
    assert app.process.poll() is None
    assert "panicked" not in app.stderr


def status_or_end(raw):
    """The status of the answer; `None` when the server ends the socket without one."""
    try:
        return raw.read_response().status
    except TimeoutError:
        raise AssertionError("neither an answer nor the end") from None
    except (Ended, OSError):
        return None


def test_bytes_before_the_101_are_frames_of_that_connection(app, raw_socket, bystander):
    raw = raw_socket(app)
    raw.send(upgrade("/prod?sleep=0.3", "localhost") + frame(TEXT, '{"action":"whoami"}'))
    assert raw.read_response().status == 101
    assert "connectionId" in raw.read_message()


def test_a_request_before_the_101_is_never_served_as_a_request(app, raw_socket, bystander):
    """Request smuggling: the bytes are no valid frame, and end the connection."""
    smuggled = b"GET /prod HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw = raw_socket(app)
    raw.send(upgrade("/prod", "localhost") + smuggled)
    assert raw.read_response().status == 101
    closing = raw.read_frame()
    assert closing.close()[0] == 1002
    assert raw.is_ended()


@pytest.mark.parametrize("refusal", ["/nope", '/prod?answer={"statusCode":403}'])
def test_bytes_behind_a_refused_upgrade_die_with_it(app, raw_socket, bystander, refusal):
    """What was pipelined behind an upgrade is not another request."""
    victim = connection_id(bystander)
    smuggled = (
        f"DELETE /prod/@connections/{victim} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    raw = raw_socket(app)
    path = refusal.replace("{", "%7B").replace("}", "%7D").replace('"', "%22")
    raw.send(upgrade(path, "localhost") + smuggled.encode())
    assert raw.read_response().status == 403
    assert status_or_end(raw) is None
    assert connection_id(bystander) == victim


MALFORMED = {
    "no HTTP": b"\x00\x01\x02\x03\r\n\r\n",
    "no version": b"GET /prod\r\n\r\n",
    "HTTP/9.9": b"GET /prod HTTP/9.9\r\nHost: a\r\n\r\n",
    "no header name": b"GET /prod HTTP/1.1\r\n: a\r\n\r\n",
    "blank in a header name": b"GET /prod HTTP/1.1\r\nHo st: a\r\n\r\n",
    "NUL in a header": b"GET /prod HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "folded header": b"GET /prod HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "two lengths": b"POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "length and chunked": b"POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "huge length": b"POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "no chunk": b"POST /prod/@connections/x HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "absolute URL of another": b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS in pieces": b"\x16\x03\x01\xff\xff",
    "SSLv2": b"\x80\x2e\x01\x00\x02",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_refused_or_ended(app, raw_socket, bystander, sent):
    raw = raw_socket(app, timeout=5)
    raw.send(sent)
    status = status_or_end(raw)
    assert status is None or 400 <= status < 600, status


HOSTS = {
    "none": "",
    "two": "Host: localhost\r\nHost: evil.example.com\r\n",
    "a path": "Host: localhost/evil?\r\n",
    "a user": "Host: localhost@evil.example.com\r\n",
    "empty": "Host: \r\n",
    "blanks": "Host: local host\r\n",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_host_that_is_none_is_400(app, raw_socket, bystander, host):
    """Handlers build URLs of `domainName`: a client must not choose more of them than a host."""
    raw = raw_socket(app)
    raw.send(upgrade("/prod", "localhost").replace(b"Host: localhost\r\n", host.encode()))
    response = raw.read_response()
    assert (response.status, response.header("content-type")) == (400, "text/html")
    assert raw.is_ended()


@pytest.mark.parametrize(
    "body",
    [[("Content-Length", "6")], [("Transfer-Encoding", "chunked")]],
    ids=["length", "chunked"],
)
def test_a_handshake_with_a_body_is_400(app, raw_socket, bystander, body):
    """A proxy that forwards the body, and a server that takes it for frames, would differ."""
    raw = raw_socket(app)
    raw.send(upgrade("/prod", "localhost", body) + b"0\r\n\r\n\r\n")
    assert raw.read_response().status == 400
    assert raw.is_ended()


def test_the_right_version_is_named_to_who_asks_for_another(app, raw_socket, bystander):
    response = raw_socket(app).upgrade("/prod", version="8")
    assert (response.status, response.header("sec-websocket-version")) == (400, "13")


def test_a_method_that_connections_do_not_have_is_403_whatever_the_id(app):
    response = request(app.port, "PUT", "/prod/@connections/nope")
    assert response.status == 403
    assert response.body == (
        b'{"message":"No method found matching route prod/@connections/nope'
        b' for http method PUT."}'
    )


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Bytes", "\xff\xfe\x80")],
        [("User-Agent", "\xc3\xbc")],
        [("Cookie", "a=\x01")],
        [("Sec-WebSocket-Protocol", "\xff")],
        [("Origin", "")],
    ],
    ids=["high bytes", "latin-1", "control", "protocol", "empty"],
)
def test_odd_header_values_do_no_harm(app, raw_socket, bystander, headers):
    status = raw_socket(app).upgrade("/prod", headers=headers).status
    assert status in (101, 400)


@pytest.mark.parametrize(
    "query", ["?%", "?%zz", "?a=%ff%fe", "?&&&===", "?a=%00", "?" + "a=1&" * 900, "?%F0%9F%98"]
)
def test_odd_queries_do_no_harm(app, raw_socket, bystander, query):
    status = raw_socket(app).upgrade("/prod" + query).status
    assert status in (101, 400, 403)


def test_too_many_headers_are_refused(app, raw_socket, bystander):
    many = [(f"X-{number}", "v") for number in range(5000)]
    raw = raw_socket(app)
    try:
        raw.send(upgrade("/prod", "localhost", many))
    except ConnectionError:
        pass
    status = status_or_end(raw)
    assert status is None or 400 <= status < 500


def test_a_header_without_end_is_refused_and_not_kept(app, raw_socket, bystander):
    raw = raw_socket(app)
    raw.send("GET /prod HTTP/1.1\r\nHost: a\r\nX: ")
    with pytest.raises(OSError):
        for _ in range(1000):
            raw.send(b"x" * 65536)
            # An answer says that the server has had enough.
            raw.socket.settimeout(0.001)
            try:
                if raw.socket.recv(1) is not None:
                    raise ConnectionResetError
            except TimeoutError:
                pass
            raw.socket.settimeout(10)


def test_a_handshake_that_takes_too_long_is_cut(dev, raw_socket, connect):
    """Slow loris: a byte now and then does not keep a socket."""
    app = dev(silent_app(), config='[limits]\nhandshake_timeout = "1s"')
    raw, silent = raw_socket(app), raw_socket(app)
    started = time.monotonic()
    try:
        for byte in upgrade("/prod", "localhost"):
            raw.send(bytes([byte]))
            time.sleep(0.05)
            if time.monotonic() - started > 6:
                break
        status = status_or_end(raw)
    except ConnectionError:
        status = None
    assert status in (None, 408)
    assert time.monotonic() - started < 6
    assert silent.is_ended(timeout=3)
    assert connection_id(connect(app.url()))


def test_many_silent_sockets_shut_nobody_out(app, raw_socket, bystander, connect):
    silent = [raw_socket(app) for _ in range(300)]
    assert connection_id(connect(app.url()))
    assert len(silent) == 300


def test_random_bytes_after_the_handshake_end_in_a_close_or_are_frames(app, raw_socket, bystander):
    dice = random.Random(20260122)
    for _ in range(40):
        raw = raw_socket(app)
        assert raw.upgrade("/prod").status == 101
        try:
            raw.send(dice.randbytes(dice.randrange(1, 400)))
        except ConnectionError:
            pass
        raw.close()


def test_random_bytes_instead_of_a_request_end_the_socket(app, raw_socket, bystander):
    dice = random.Random(20260123)
    for _ in range(40):
        raw = raw_socket(app)
        raw.send(dice.randbytes(dice.randrange(1, 400)))
        raw.close()


def test_a_mask_cannot_be_chosen_to_break_anything(app, raw_socket, bystander):
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\xff\x00\xff"):
        raw.send(frame(TEXT, '{"action":"whoami"}', mask=mask))
        assert "connectionId" in raw.read_message()


@pytest.mark.parametrize("path", ["/_gatepost/health", "/_gatepost/ready"])
def test_gateposts_own_paths_refuse_foreign_hosts(app, path):
    """A page in a browser must not reach them by a name of its own (DNS rebinding)."""
    assert request(app.port, "GET", path).status == 200
    assert request(app.port, "GET", path, host="evil.example.com").status == 403
    origin = [("Origin", "https://evil.example.com")]
    assert request(app.port, "GET", path, headers=origin).status == 403


def test_the_key_of_the_handshake_is_checked(app, raw_socket, bystander):
    assert raw_socket(app).upgrade("/prod", key=KEY).status == 101
    assert raw_socket(app).upgrade("/prod", key="AAAA").status in (400, 403)


def test_a_page_of_a_name_that_points_here_cannot_sign_what_nobody_verifies(app):
    """To its browser Gatepost is the page's own site (DNS rebinding), so that it may send both."""
    path = "/2015-03-31/functions/any/invocations"
    scope = "AKID/20260101/us-east-1/lambda/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    for name, status in [("rebound.example.com", 403), ("localhost", 404)]:
        headers = [
            ("Origin", f"http://{name}:{app.port}"),
            ("Authorization", signature),
            ("X-Amz-Date", "20260101T000000Z"),
        ]
        host = f"{name}:{app.port}"
        answer = request(app.port, "POST", path, b"{}", headers, host=host)
        assert answer.status == status, (name, answer.body)


def test_a_page_of_another_site_cannot_invoke_functions(app):
    """Its browser sends `Origin` and no signature."""
    path = "/2015-03-31/functions/any/invocations"
    for origin, status in [("https://evil.example.com", 403), ("null", 403), (None, 404)]:
        headers = [("Origin", origin)] if origin else []
        assert request(app.port, "POST", path, b"{}", headers).status == status
