"""Plain text and TLS on one port, with a certificate of the local CA."""

import socket
import ssl
import stat

import pytest
from support.talk import asking, connection_id, recording_app, say
from support.template import python, websocket_app
from support.wire import request


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture
def trusting(app):
    """A TLS context that trusts the local CA and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(app.ready["caBundle"])
    return context


def test_one_port_speaks_both(app, raw_socket, trusting):
    assert raw_socket(app).upgrade("/prod").status == 101
    assert raw_socket(app, tls=trusting).upgrade("/prod").status == 101


def test_websockets_over_tls(app, connect, trusting):
    client = connect(app.url().replace("ws:", "wss:"), ssl=trusting)
    say(client, "two", answer={"body": "x" * 30_000})
    assert client.recv(timeout=10) == "x" * 30_000


def test_posts_over_tls_reach_a_client_over_plain_text_and_the_other_way(app, connect, trusting):
    """boto3 with the CA bundle, which trusts by name."""
    endpoint = app.callback_url().replace("http:", "https:")
    secure = app.aws("apigatewaymanagementapi", endpoint, verify=app.ready["caBundle"])
    plain_client = connect(app.url())
    tls_client = connect(app.url().replace("ws:", "wss:"), ssl=trusting)
    secure.post_to_connection(ConnectionId=connection_id(plain_client), Data=b"over TLS")
    app.client().post_to_connection(ConnectionId=connection_id(tls_client), Data=b"in the clear")
    assert plain_client.recv(timeout=10) == "over TLS"
    assert tls_client.recv(timeout=10) == "in the clear"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_certificate_is_for_every_name_of_this_machine(app, trusting, name):
    with socket.create_connection(("127.0.0.1", app.port), timeout=5) as plain:
        with trusting.wrap_socket(plain, server_hostname=name) as secure:
            assert secure.version() in ("TLSv1.2", "TLSv1.3")


def test_http_1_1_is_what_alpn_chooses(app, trusting):
    """An upgrade does not exist in HTTP/2."""
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", app.port), timeout=5) as plain:
        with trusting.wrap_socket(plain, server_hostname="localhost") as secure:
            assert secure.selected_alpn_protocol() in ("http/1.1", None)


def test_tls_1_2_is_accepted(app, trusting):
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", app.port), timeout=5) as plain:
        with trusting.wrap_socket(plain, server_hostname="localhost") as secure:
            assert secure.version() == "TLSv1.2"


@pytest.mark.checklist(29)
@pytest.mark.parametrize("minor", [1, 2], ids=["TLS 1.0", "TLS 1.1"])
def test_older_versions_are_refused(app, raw_socket, minor):
    # By hand, as clients of today no longer say this: TLS_RSA_WITH_AES_128_CBC_SHA and no more.
    body = bytes([3, minor]) + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00"
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    raw = raw_socket(app)
    raw.send(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
    record = raw.read(7)
    # A fatal alert.
    assert (record[0], record[5]) == (0x15, 2)


def test_without_the_ca_nobody_trusts_it(app):
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", app.port), timeout=5) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="localhost")


def test_the_ca_is_the_same_after_a_restart_and_its_key_is_private(dev):
    app = dev(recording_app())
    bundle = app.ready["caBundle"]
    with open(bundle) as file:
        before = file.read()
    app.restart()
    with open(bundle) as file:
        assert file.read() == before
    files = [path for path in (app.folder / ".gatepost").rglob("*") if path.is_file()]
    keys = [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_an_unmodified_handler_posts_over_https(dev, connect):
    """Python's own HTTPS, with nothing but what the environment tells it to trust."""
    source = """
import urllib.parse, urllib.request

def handler(event, context):
    here = event["requestContext"]
    place = urllib.parse.quote(here["connectionId"], safe="")
    url = f"https://{here['domainName']}/{here['stage']}/@connections/{place}"
    urllib.request.urlopen(urllib.request.Request(url, b"by https", method="POST"))
"""
    app = dev(websocket_app({"$default": "Main"}, {"Main": python(source)}))
    client = connect(app.url())
    client.send("hello")
    assert client.recv(timeout=10) == "by https"


def test_a_handler_of_a_tls_client_sees_https(app, connect, trusting):
    client = connect(asking(app.url().replace("ws:", "wss:"), who="tls"), ssl=trusting)
    own = connection_id(client)
    event = app.recorded("CONNECT", connectionId=own)[0]
    assert event["headers"]["X-Forwarded-Proto"] == "https"


def test_a_tls_client_that_stops_in_its_handshake_holds_nobody_up(app, raw_socket):
    raw = raw_socket(app)
    raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert request(app.port, "GET", "/prod").status == 403
