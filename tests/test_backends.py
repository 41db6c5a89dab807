"""G. The way to HTTP backends: TLS, client certificates, VPC links, bulkheads, and what is said when
a backend cannot be reached."""

import json
import re
import socket
import threading
import time

import pytest
from support.misbehaving import Misbehaving
from support.talk import WHOAMI, connection_id, error_frame, is_silent, say
from support.template import Http, websocket_app

INTERNAL = error_frame("Internal server error")
TIMED_OUT = error_frame("Endpoint request timed out")


def one_route(url, stage=None, resources=None, **properties):
    """An app whose every message is one two-way HTTP_PROXY request to `url`."""
    target = Http(url, two_way=True, integration=properties)
    routes = {"$default": target, "whoami": WHOAMI}
    return websocket_app(routes, stage_properties=stage, resources=resources)


def named(name):
    """The server name that is asked for and verified."""
    return {"TlsConfig": {"ServerNameToVerify": name}}


def reply(app, connect, timeout=10):
    """What a message is answered."""
    client = connect(app.url())
    client.send("hello")
    return client.recv(timeout=timeout)


def refusal(app, connect):
    """Why a message is answered with an error frame, as the log has it."""
    assert INTERNAL.fullmatch(reply(app, connect))
    return app.wait_event("request", lambda event: event["error"])["error"]


@pytest.fixture(scope="module")
def pki(new_pki):
    return new_pki()


def trusting(pki, more=""):
    """A configuration that trusts the CA."""
    return f'[integrations]\nca_certificates = "{pki.ca_file}"\n{more}'


class TestTls:
    def test_a_backend_of_a_configured_ca_is_called(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("localhost", "127.0.0.1"))
        backend.answer("/x", body="over TLS")
        app = dev(one_route(f"{backend.url}/x"), config=trusting(pki))
        assert reply(app, connect) == "over TLS"

    def test_an_unknown_ca_is_not_trusted(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("127.0.0.1"))
        app = dev(one_route(f"{backend.url}/x"))
        assert refusal(app, connect) == (
            f"Execution failed due to configuration error: {backend.url}: its certificate comes "
            "from a CA that is not trusted: name the CA's file in [integrations] ca_certificates"
        )
        assert backend.seen("/x") == []

    def test_another_name_is_not_trusted(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("backend.internal"))
        app = dev(one_route(f"{backend.url}/x"), config=trusting(pki))
        assert refusal(app, connect) == (
            f"Execution failed due to configuration error: {backend.url}: its certificate is not "
            "for 127.0.0.1 but for backend.internal: call it by that name, or set "
            "TlsConfig.ServerNameToVerify"
        )

    def test_the_name_to_verify_is_asked_for_and_verified(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("backend.internal"))
        backend.answer("/x", body="verified")
        template = one_route(f"{backend.url}/x", **named("backend.internal"))
        app = dev(template, config=trusting(pki))
        assert reply(app, connect) == "verified"
        assert backend.asked_names == ["backend.internal"]
        assert backend.seen("/x")[0].headers["host"] == [f"127.0.0.1:{backend.port}"]

    def test_an_expired_certificate_is_not_trusted(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("127.0.0.1", expired=True))
        app = dev(one_route(f"{backend.url}/x"), config=trusting(pki))
        assert refusal(app, connect) == (
            f"Execution failed due to configuration error: {backend.url}: its certificate has "
            "expired: renew it"
        )

    def test_a_backend_without_tls_is_named(self, dev, connect, http_backend):
        url = http_backend.url.replace("http://", "https://")
        app = dev(one_route(f"{url}/x"))
        assert refusal(app, connect) == (
            f"Execution failed due to configuration error: {url}: it does not speak TLS there: "
            "write http:// or correct the port"
        )

    def test_a_ca_file_that_is_none_refuses_to_start(self, dev, tmp_path):
        (tmp_path / "ca.pem").write_text("nothing")
        config = f'[integrations]\nca_certificates = "{tmp_path}/ca.pem"\n'
        refused = dev.refused(one_route("http://h/"), config=config)
        assert refused.status == 1
        assert "ca.pem: expected certificates in PEM form: there is none" in refused.stderr


class TestClientCertificate:
    """`ClientCertificateId` of a stage."""

    STAGE = {"ClientCertificateId": "abc123"}

    def config(self, pki, clients):
        chain, key = clients.client_files()
        table = f"[integrations.client_certificates.abc123]\ncertificate = '{chain}'\nkey = '{key}'"
        return trusting(pki, table)

    def test_it_is_shown_to_https_backends(self, dev, connect, pki, new_pki, tls_backend):
        clients = new_pki()
        backend = tls_backend(pki.server("127.0.0.1", client_ca=clients))
        backend.answer("/x", body="I know you")
        app = dev(one_route(f"{backend.url}/x", self.STAGE), config=self.config(pki, clients))
        assert reply(app, connect) == "I know you"

    def test_a_stage_without_one_shows_none(self, dev, connect, pki, new_pki, tls_backend):
        clients = new_pki()
        backend = tls_backend(pki.server("127.0.0.1", client_ca=clients))
        app = dev(one_route(f"{backend.url}/x"), config=self.config(pki, clients))
        assert refusal(app, connect) == (
            f"Execution failed due to configuration error: {backend.url}: it asks for a client "
            "certificate: give the stage a ClientCertificateId"
        )
        assert backend.seen("/x") == []

    def test_a_backend_that_does_not_know_it_refuses(self, dev, connect, pki, new_pki, tls_backend):
        backend = tls_backend(pki.server("127.0.0.1", client_ca=new_pki()))
        app = dev(one_route(f"{backend.url}/x", self.STAGE), config=self.config(pki, new_pki()))
        assert "it refuses the client certificate of the stage" in refusal(app, connect)

    def test_an_unknown_id_refuses_to_start_with_its_place(self, dev):
        refused = dev.refused(one_route("https://h/", self.STAGE))
        assert refused.status == 1
        assert "the client certificate abc123 is not there; name its files in" in refused.stderr
        assert "template.json:" in refused.stderr

    def test_a_key_of_another_certificate_refuses_to_start(self, dev, new_pki):
        chain, _ = new_pki().client_files()
        _, key = new_pki().client_files()
        table = f"[integrations.client_certificates.abc123]\ncertificate = '{chain}'\nkey = '{key}'"
        refused = dev.refused(one_route("https://h/", self.STAGE), config=table)
        assert "client.pem and " in refused.stderr
        assert "cannot be used together" in refused.stderr


class TestVpcLink:
    """`ConnectionType: VPC_LINK`: the link decides where, the URL gives host header and path."""

    URL = "http://nlb-0123.elb.us-east-1.amazonaws.com/in/rooms?a=1"

    def link(self, connection_id):
        return {"ConnectionType": "VPC_LINK", "ConnectionId": connection_id}

    def leading(self, backend, name="abc123"):
        return f'[integrations.vpc_links]\n{name} = "{backend.url}"\n'

    def test_the_link_decides_where_and_the_url_what(self, dev, connect, http_backend):
        http_backend.answer("/in/rooms", body="from the VPC")
        app = dev(one_route(self.URL, **self.link("abc123")), config=self.leading(http_backend))
        assert reply(app, connect) == "from the VPC"
        got = http_backend.received("/in/rooms")[0]
        assert got.headers["host"] == ["nlb-0123.elb.us-east-1.amazonaws.com"]
        assert got.query == {"a": ["1"]}

    def test_a_connection_id_is_passed_as_a_header_when_it_is_mapped(
        self, dev, connect, http_backend
    ):
        http_backend.answer("/in/rooms", body="noted")
        mappings = {
            "integration.request.header.ConnectionId": "context.connectionId",
            "integration.request.header.token": "route.request.body.token",
        }
        template = one_route(self.URL, RequestParameters=mappings, **self.link("abc123"))
        app = dev(template, config=self.leading(http_backend))
        client = connect(app.url())
        own = connection_id(client)
        client.send(json.dumps({"token": "s3cret"}))
        assert client.recv(timeout=10) == "noted"
        headers = http_backend.received("/in/rooms")[0].headers
        assert headers["connectionid"] == [own]
        assert headers["token"] == ["s3cret"]

    def test_a_stage_variable_may_name_it(self, dev, connect, http_backend):
        http_backend.answer("/in/rooms", body="from the VPC")
        stage = {"StageVariables": {"vpcLinkId": "abc123"}}
        template = one_route(self.URL, stage, **self.link("${stageVariables.vpcLinkId}"))
        app = dev(template, config=self.leading(http_backend))
        assert reply(app, connect) == "from the VPC"

    @pytest.mark.parametrize("name", ["Link", "nlb-link"])
    @pytest.mark.parametrize(
        "kind, properties",
        [
            ("AWS::ApiGatewayV2::VpcLink", {"SubnetIds": ["subnet-1"]}),
            ("AWS::ApiGateway::VpcLink", {"TargetArns": ["arn:aws:x"]}),
        ],
    )
    def test_the_templates_own_link_is_found_by_logical_id_or_name(
        self, dev, connect, http_backend, name, kind, properties
    ):
        http_backend.answer("/in/rooms", body="from the VPC")
        link = {"Type": kind, "Properties": {"Name": "nlb-link", **properties}}
        template = one_route(self.URL, resources={"Link": link}, **self.link({"Ref": "Link"}))
        app = dev(template, config=self.leading(http_backend, name))
        assert reply(app, connect) == "from the VPC"

    def test_an_unknown_link_refuses_to_start_with_its_place(self, dev):
        refused = dev.refused(one_route(self.URL, **self.link("abc123")))
        assert refused.status == 1
        assert 'below [integrations.vpc_links]: abc123 = "http://127.0.0.1:8080"' in refused.stderr
        assert "template.json:" in refused.stderr

    def test_an_unknown_link_of_a_stage_variable_fails_the_call(self, dev, connect):
        stage = {"StageVariables": {"vpcLinkId": "zzz"}}
        app = dev(one_route(self.URL, stage, **self.link("${stageVariables.vpcLinkId}")))
        assert refusal(app, connect) == (
            'the VPC link `zzz` leads nowhere: write where, e.g. zzz = "http://127.0.0.1:8080" '
            "below [integrations.vpc_links]"
        )

    def test_over_tls_the_urls_host_is_verified(self, dev, connect, pki, tls_backend):
        backend = tls_backend(pki.server("nlb-0123.elb.us-east-1.amazonaws.com"))
        backend.answer("/in/rooms", body="verified")
        config = trusting(pki, self.leading(backend))
        app = dev(one_route(self.URL, **self.link("abc123")), config=config)
        assert reply(app, connect) == "verified"
        assert backend.asked_names == ["nlb-0123.elb.us-east-1.amazonaws.com"]

    def test_it_is_no_way_around_the_egress_rules(self, dev, connect, http_backend):
        config = self.leading(http_backend) + '[egress]\ndeny = ["127.0.0.0/8"]\n'
        app = dev(one_route(self.URL, **self.link("abc123")), config=config)
        assert "[egress] denies 127.0.0.1" in refusal(app, connect)
        assert http_backend.seen("/in/rooms") == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"],
)
def test_a_denied_address_is_denied_in_every_spelling(dev, connect, http_backend, host):
    """Also where a name leads to it."""
    port = http_backend.url.rsplit(":", 1)[1]
    config = '[egress]\ndeny = ["127.0.0.0/8", "::1"]\n'
    app = dev(one_route(f"http://{host}:{port}/denied"), config=config)
    assert "[egress] denies" in refusal(app, connect)
    assert http_backend.seen("/denied") == []


class TestBulkhead:
    """A slow backend harms nobody else."""

    CONFIG = "[limits]\nin_flight_per_integration = 2\nwaiting_per_integration = 1\n"

    @pytest.fixture
    def app(self, dev, http_backend):
        quick = {"TimeoutInMillis": 1500}
        routes = {
            "slow": Http(f"{http_backend.url}/slow", two_way=True),
            "again": Http(f"{http_backend.url}/again", two_way=True, integration=quick),
            "fast": Http(f"{http_backend.url}/fast", two_way=True),
            "whoami": WHOAMI,
        }
        return dev(websocket_app(routes), config=self.CONFIG)

    def test_only_so_many_calls_are_under_way_and_the_next_wait_their_turn(
        self, app, connect, http_backend
    ):
        hold = threading.Event()
        http_backend.answer("/slow", body="at last", delay=hold)
        client = connect(app.url())
        for _ in range(3):
            say(client, "slow")
        http_backend.received("/slow", count=2)
        assert is_silent(client)
        assert len(http_backend.seen("/slow")) == 2
        # One more than may wait: at once.
        say(client, "slow")
        assert INTERNAL.fullmatch(client.recv(timeout=2))
        error = app.wait_event("request", lambda event: event["error"])["error"]
        assert error == (
            "the integration is overloaded: 2 calls are under way and 1 wait ([limits] "
            "in_flight_per_integration, waiting_per_integration)"
        )
        hold.set()
        assert [client.recv(timeout=10) for _ in range(3)] == ["at last"] * 3

    def test_a_hanging_backend_does_not_slow_another(self, app, connect, http_backend):
        hold = threading.Event()
        http_backend.answer("/slow", delay=hold)
        http_backend.answer("/fast", body="quick")
        slow, fast = connect(app.url()), connect(app.url())
        for _ in range(3):
            say(slow, "slow")
        http_backend.received("/slow", count=2)
        latencies = []
        for _ in range(20):
            started = time.monotonic()
            say(fast, "fast")
            assert fast.recv(timeout=10) == "quick"
            latencies.append(time.monotonic() - started)
        assert sorted(latencies)[len(latencies) // 2] < 0.25
        hold.set()

    def test_waiting_counts_towards_the_timeout(self, app, connect, http_backend):
        hold = threading.Event()
        http_backend.answer("/again", body="late", delay=hold)
        client, late = connect(app.url()), connect(app.url())
        own = connection_id(late)
        for _ in range(2):
            say(client, "again")
        http_backend.received("/again", count=2)
        say(late, "again")
        # Its turn comes when the others time out; then it has only what is left of its time.
        assert TIMED_OUT.fullmatch(late.recv(timeout=5))
        event = app.wait_event("request", lambda e: e["connectionId"] == own and e["error"])
        assert 1400 < event["latencyMs"] < 2500
        assert re.fullmatch(
            r"Execution failed due to a timeout error: it waited \d+ ms of that for its turn, "
            r"since 2 calls of this integration were under way \(\[limits\] "
            r"in_flight_per_integration\)",
            event["error"],
        )
        hold.set()

    def test_every_disconnect_waits_its_turn_however_many_leave_at_once(
        self, dev, connect, http_backend
    ):
        hold = threading.Event()
        http_backend.answer("/left", delay=hold)
        who = {"RequestParameters": {"integration.request.header.who": "context.connectionId"}}
        target = Http(f"{http_backend.url}/left", integration=who)
        app = dev(websocket_app({"$disconnect": target, "whoami": WHOAMI}), config=self.CONFIG)
        clients = [connect(app.url()) for _ in range(20)]
        own = [connection_id(client) for client in clients]
        for client in clients:
            client.close()
        # 2 calls are under way and 18 wait, though only 1 message may.
        http_backend.received("/left", count=2)
        for left in own:
            app.wait_event("closed", lambda event, left=left: event["connectionId"] == left)
        hold.set()
        told = [request.headers["who"] for request in http_backend.received("/left", count=20)]
        assert sorted(told) == sorted([left] for left in own)


class TestUnreachable:
    """Each failure gives the frame, and a detail that says the mend."""

    def test_a_refused_connection(self, dev, connect):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        app = dev(one_route(f"http://127.0.0.1:{port}/"))
        assert refusal(app, connect) == (
            "Execution failed due to a network error communicating with endpoint: "
            f"http://127.0.0.1:{port} cannot be reached (Connection refused (os error 111)): "
            "start the backend, or correct host and port"
        )

    def test_a_name_without_an_address(self, dev, connect):
        app = dev(one_route("http://nowhere.invalid/"))
        detail = refusal(app, connect)
        assert detail.startswith(
            "Execution failed due to configuration error: nowhere.invalid has no address ("
        )
        assert detail.endswith("): correct the host of the integration's URL")

    @pytest.fixture
    def misbehaving(self):
        started = []

        def start(act):
            started.append(Misbehaving(act))
            return started[-1].url

        yield start
        for server in started:
            server.stop()

    def test_headers_that_trickle_in_are_a_timeout(self, dev, connect, misbehaving):
        done = threading.Event()

        def trickle(peer):
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                peer.sendall(bytes([byte]))
                if done.wait(0.02):
                    return

        app = dev(one_route(misbehaving(trickle), TimeoutInMillis=400))
        assert TIMED_OUT.fullmatch(reply(app, connect, timeout=3))
        done.set()

    def test_an_answer_that_is_too_big(self, dev, connect, http_backend):
        http_backend.answer("/big", body="x" * 1025)
        config = "[limits]\nmax_integration_response_bytes = 1024\n"
        app = dev(one_route(f"{http_backend.url}/big"), config=config)
        assert refusal(app, connect) == (
            "Execution failed due to configuration error: the answer is larger than 1024 bytes: "
            "answer less, or raise [limits] max_integration_response_bytes"
        )
        http_backend.answer("/big", body="x" * 1024)
        assert reply(app, connect) == "x" * 1024

    def test_an_endless_answer_is_not_read_on(self, dev, connect, misbehaving):
        def endless(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                peer.sendall(b"x" * 65536)

        config = '[limits]\nmax_integration_response_bytes = "64KiB"\n'
        app = dev(one_route(misbehaving(endless)), config=config)
        assert "the answer is larger than 65536 bytes" in refusal(app, connect)

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
    )
    def test_an_answer_that_is_no_http(self, dev, connect, misbehaving, answer):
        def act(peer):
            peer.sendall(answer)
            peer.close()

        app = dev(one_route(misbehaving(act)))
        detail = refusal(app, connect)
        assert detail.startswith(
            "Execution failed due to a network error communicating with endpoint: http://127.0.0.1:"
        )
        assert "broke off" in detail
        assert detail.endswith("look into the backend's own log")
